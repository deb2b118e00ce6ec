import { nodeId } from "@skein/common/ids";
import { expect } from "chai";
import fc from "fast-check";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import type { Candidate } from "./filter.ts";
import { Scan } from "./scan.ts";
import { best, growTree, placed } from "./spread.ts";

const shape = fc.record({
  zone: fc.constantFrom("a", "b", ""),
  rack: fc.constantFrom("1", "2"),
  tasks: fc.nat(3),
  serviceTasks: fc.nat(2),
  penalty: fc.constantFrom(0 as const, 1 as const),
  room: fc.nat(3),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const cluster = new SmallCluster();
cluster.join("n");
const template = cluster.node("n");

function candidates(shapes: readonly Shape[]): readonly Candidate[] {
  return shapes.map(({ zone, rack, tasks, serviceTasks, penalty, room }, index) => {
    const id = nodeId(`n${index}`);
    const spec = { ...template.spec, labels: { zone, rack } };
    const load = {
      tasks,
      freeNanoCpus: room,
      freeMemoryBytes: 0,
      generic: new Map(),
      hostPorts: new Set<string>(),
    };
    const rank = (index * 7) % shapes.length;
    return {
      info: { id, node: { ...template, id, spec }, isReady: true, ...load },
      serviceTasks,
      packs: false,
      penalty,
      rank,
    };
  });
}

function book(candidate: Candidate): string {
  candidate.serviceTasks += 1;
  candidate.info.tasks += 1;
  candidate.info.freeNanoCpus -= 1;
  return candidate.info.id;
}

function hasRoom({ info }: Candidate): boolean {
  return info.freeNanoCpus > 0;
}

describe("Scan", () => {
  it("chooses what the tree chooses, task after task", () => {
    const labels = fc.constantFrom([], ["zone"], ["zone", "rack"]);
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 7 }), labels, (shapes, over) => {
        // Ranks must differ between nodes: 7 and the number of nodes have no common divisor.
        fc.pre(shapes.length % 7 !== 0);
        const forScan = candidates(shapes);
        const forTree = candidates(shapes);
        const scan = new Scan(forScan, over);
        const tree = growTree(forTree, over, hasRoom);
        for (let task = 0; task < 20; task += 1) {
          const scanned = scan.take(hasRoom);
          const grown = best(tree);
          const names = [scanned, grown].map((one) => (one === undefined ? "none" : book(one)));
          expect(names[0]).to.equal(names[1]);
          if (grown === undefined) return;
          placed(tree, hasRoom(grown));
        }
      }),
      { numRuns: 500 },
    );
  }).timeout(10_000);
});
