import { nodeId, raftId } from "@skein/common/ids";
import { expect } from "chai";
import type { Configuration } from "../raft/protocol.ts";
import { createCluster, joinNode } from "../store/testing.ts";
import type { MembershipFacts } from "./membership.ts";
import { membershipSteps } from "./membership.ts";

/** The managers m1, m2, m3 with the members r1, r2, r3; m1 leads. */
function scene() {
  const bench = createCluster();
  for (const at of [2, 3]) {
    bench.run({ ...joinNode(`m${at}`), role: "manager" });
    bench.run(register(`m${at}`, `r${at}`));
  }
  return bench;
}

function register(node: string, raft: string) {
  const manager = { raftId: raft, address: addressOf(raft) };
  return { kind: "register-manager", nodeId: nodeId(node), manager } as const;
}

function addressOf(raft: string): string {
  return `127.0.1.${raft.slice(1)}:2377`;
}

function facts(change: Partial<Configuration> = {}, self = "r1"): MembershipFacts {
  const voters = change.voters ?? ["r1", "r2", "r3"].map(raftId);
  const { learners = [] } = change;
  const addresses = Object.fromEntries(
    [...voters, ...learners].map((id) => [
      id,
      { nodeId: `m${id.slice(1)}`, address: addressOf(id), incarnation: `life-${id}` },
    ]),
  );
  const configuration = { voters, learners, addresses, ...change };
  return { self: raftId(self), configuration, settled: true, lives: new Map() };
}

function words(steps: ReturnType<typeof membershipSteps>): readonly string[] {
  return steps.map((step) => {
    if (step.kind === "change") return `${step.change.kind} ${step.change.id}`;
    return step.kind === "write" ? `unregister ${step.command.raftId}` : step.kind;
  });
}

function demote(bench: ReturnType<typeof scene>, name: string): void {
  const node = bench.store.view.nodes.get(nodeId(name));
  const spec = { labels: {}, role: "worker", availability: "active" } as const;
  bench.run({ kind: "update-node", nodeId: nodeId(name), version: node?.version ?? 0, spec });
}

describe("membership controller", () => {
  it("does nothing when rows and configuration agree, or a change is under way", () => {
    const { view } = scene().store;
    expect(membershipSteps(view, facts())).to.deep.equal([]);
    const unsettled = { ...facts({ voters: [raftId("r1")] }), settled: false };
    expect(membershipSteps(view, unsettled)).to.deep.equal([]);
  });

  it("adds who registered, and tries to promote a learner", () => {
    const { view } = scene().store;
    const two = ["r1", "r2"].map(raftId);
    expect(words(membershipSteps(view, facts({ voters: two })))).to.deep.equal(["add-learner r3"]);
    const learning = facts({ voters: two, learners: [raftId("r3")] });
    expect(words(membershipSteps(view, learning))).to.deep.equal(["promote r3"]);
  });

  it("removes a demoted member, then lets its row forget it", () => {
    const bench = scene();
    demote(bench, "m3");
    expect(words(membershipSteps(bench.store.view, facts()))).to.deep.equal(["remove r3"]);
    const gone = facts({ voters: ["r1", "r2"].map(raftId), removed: [raftId("r3")] });
    expect(words(membershipSteps(bench.store.view, gone))).to.deep.equal(["unregister r3"]);
  });

  it("hands over before the leader itself goes, unless nobody else can lead", () => {
    const bench = scene();
    demote(bench, "m1");
    expect(words(membershipSteps(bench.store.view, facts()))).to.deep.equal(["transfer"]);
    const successor = facts({}, "r2");
    expect(words(membershipSteps(bench.store.view, successor))).to.deep.equal(["remove r1"]);
  });

  it("puts a member that came back under a new id in the old one's place, old one first", () => {
    const bench = scene();
    bench.run(register("m3", "r9"));
    expect(words(membershipSteps(bench.store.view, facts()))).to.deep.equal([
      "remove r3",
      "add-learner r9",
    ]);
    bench.run({ kind: "remove-node", nodeId: nodeId("m2"), force: true });
    expect(words(membershipSteps(bench.store.view, facts()))).to.include("remove r2");
  });

  it("never adds a removed id again", () => {
    const { view } = scene().store;
    const removed = facts({ voters: ["r1", "r2"].map(raftId), removed: [raftId("r3")] });
    expect(words(membershipSteps(view, removed))).to.deep.equal([]);
  });

  it("writes down the first life it sees of a log, and a new address", () => {
    const bench = scene();
    const base = facts();
    const addresses = { ...base.configuration.addresses };
    addresses["r2"] = { nodeId: "m2", address: "127.0.1.2:2377" };
    const seen: MembershipFacts = {
      ...base,
      configuration: { ...base.configuration, addresses },
      lives: new Map([
        [raftId("r2"), "life-a"],
        [raftId("r3"), "life-b"],
      ]),
    };
    const [step] = membershipSteps(bench.store.view, seen);
    expect(step).to.deep.equal({
      kind: "change",
      change: { kind: "describe", id: "r2", address: "127.0.1.2:2377", incarnation: "life-a" },
    });
    bench.run({
      ...register("m3", "r3"),
      manager: { raftId: "r3", address: "127.0.1.30:2377" },
    });
    const moved = membershipSteps(bench.store.view, facts()).map((one) =>
      one.kind === "change" && one.change.kind === "describe" ? one.change.address : "",
    );
    expect(moved).to.deep.equal(["127.0.1.30:2377"]);
  });
});
