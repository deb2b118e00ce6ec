/**
 * Every check is itself checked: bugs are planted into a copy of the sources, one at a time, and
 * each must be caught by the hunt that its list names. Prints which check caught which.
 *
 * One alone: `SKEIN_BUG="held messages" node --import tsx node_modules/mocha/bin/mocha.js
 * test/canary/*.test.ts`
 */
import { cpus } from "node:os";
import { expect } from "chai";
import { PLANTED_BUGS } from "./bugs.ts";
import { Lane } from "./lane.ts";
import type { Catch, PlantedBug } from "./planted-bug.ts";

/** Of one hunt; the whole takes some minutes on two cores. */
const HUNT_MS_MAX = 240_000;
const LANES = Math.max(1, Math.min(4, cpus().length));
/** Found by a simulator alone, without a test that was written for it. */
const BY_SIMULATORS_MIN = 20;

interface Job {
  readonly run: (lane: Lane) => Promise<Catch>;
  readonly ended: (found: Catch) => void;
}

describe("planted bugs", function () {
  this.timeout(20 * HUNT_MS_MAX);
  const chosen = process.env["SKEIN_BUG"] ?? "";
  const queue: Job[] = [];
  const caught: string[] = [];

  // Without a bug every kind of hunt must find nothing, or the catches below prove nothing.
  const sound = [
    { kind: "simulator", seeds: 4 },
    { kind: "raft simulator", seeds: 8 },
    { kind: "storm", seeds: 50 },
    { kind: "tests", files: ["packages/manager/src/wal/batch.test.ts"] },
  ] as const;
  for (const hunt of sound) {
    const found = enlist(queue, (lane) => lane.run(hunt));
    it(`${hunt.kind}: finds nothing where nothing is planted`, async () => {
      expect(await found).to.deep.equal({ kind: "survived" });
    });
  }

  for (const { area, bugs } of PLANTED_BUGS) {
    for (const bug of bugs.filter(({ name }) => name.includes(chosen))) {
      const hunted = enlist(queue, (lane) => lane.hunt(bug));
      it(`${area}: ${bug.name}`, async () => {
        const found = await hunted;
        expect(found.kind, JSON.stringify(found)).to.equal("caught");
        if (found.kind === "caught")
          caught.push(`${bug.name}\n        ${found.by}: ${found.message}`);
      });
    }
  }

  before(() => {
    for (let lane = 0; lane < LANES; lane += 1) void work(queue);
  });

  after(() => console.log(`\n      ${caught.join("\n      ")}\n`));
});

describe("the list of planted bugs", () => {
  const all = PLANTED_BUGS.flatMap(({ bugs }) => bugs);

  it("has names of their own", () => {
    const names = all.map(({ name }) => name);
    expect(names).to.deep.equal([...new Set(names)]);
  });

  it("leaves most to checks that know nothing of them", () => {
    const isOfSimulator = ({ hunt }: PlantedBug): boolean =>
      hunt.kind === "simulator" || hunt.kind === "raft simulator";
    expect(all.filter(isOfSimulator).length).to.be.at.least(BY_SIMULATORS_MIN);
  });
});

function enlist(queue: Job[], run: Job["run"]): Promise<Catch> {
  return new Promise((ended) => queue.push({ run, ended }));
}

/** Two lanes never share a copy; each takes the next job when it is done with one. */
async function work(queue: Job[]): Promise<void> {
  const lane = new Lane(HUNT_MS_MAX);
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    job.ended(await job.run(lane).catch(brokenBy));
  }
  await lane.remove();
}

function brokenBy(error: unknown): Catch {
  return { kind: "broken", message: String(error) };
}
