import { createGossip } from "@skein/common/gossip/gossip";
import { memberFact } from "@skein/common/gossip/member-facts";
import { MEMBERS_OWNER, ROUTES_OWNER } from "@skein/common/gossip/protocol";
import { nodeId, serviceId, taskId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import { OwnEndpoints } from "./endpoints.ts";
import { routeFact, ServingTable } from "./serving-table.ts";

const NOW = instant(0);
const [SELF, OTHER] = [nodeId("w1"), nodeId("w2")];

function route(...tasks: readonly string[]): ServiceRoute {
  const backends = tasks.map((task) => ({
    taskId: taskId(task),
    nodeId: OTHER,
    dataAddress: "127.0.1.5:4789",
    address: "10.65.0.5",
  }));
  const ports = [{ publishedPort: 8080, targetPort: 3000 }];
  return { serviceId: serviceId("s1"), name: "web", ports, backends };
}

/** A route that expects a task beside the one that serves. */
function expecting(serving: string, expected: string): ServiceRoute {
  return { ...route(serving), expected: route(expected).backends };
}

/** A member that knows w1 and w2, and of w2 what is given. */
function member(written: Readonly<Record<string, string>> = {}) {
  let drawn = 0;
  const random = { below: (bound: number) => (drawn += 7) % bound, id: () => "x" };
  const gossip = createGossip({ self: SELF, epoch: 5, now: NOW, random });
  const put = [SELF, OTHER].map((id) =>
    memberFact(id, { name: id, role: "worker", address: `${id}:7946` }),
  );
  const told = { kind: "store", complete: true, index: 3, remove: [] } as const;
  gossip.step(NOW, { ...told, owner: MEMBERS_OWNER, put });
  gossip.step(NOW, { kind: "opened", link: 2, nodeId: OTHER, dialled: false });
  const records = Object.entries(written).map(([key, value]) => ({ key, value, seq: 1 }));
  const delta = { owner: OTHER, epoch: 9, base: 0, to: 1, records };
  const message = { kind: "news", statements: [], deltas: [delta] } as const;
  gossip.step(NOW, { kind: "received", link: 2, message });
  return gossip;
}

function learn(gossip: ReturnType<typeof member>, index: number, routes: readonly ServiceRoute[]) {
  const told = { kind: "store", complete: true, index, remove: [] } as const;
  gossip.step(NOW, { ...told, owner: ROUTES_OWNER, put: routes.map(routeFact) });
}

function tasksOf(routes: readonly ServiceRoute[] | undefined): readonly string[] | undefined {
  return routes?.flatMap(({ backends }) => backends.map((one) => one.taskId));
}

describe("the serving table", () => {
  it("is the leader's while there is a session, and gossip's newer one without", () => {
    const gossip = member();
    const table = new ServingTable();
    table.told([route("t1")], 5);
    learn(gossip, 8, [route("t1", "t2")]);
    expect(tasksOf(table.next(gossip, true))).to.deep.equal(["t1"]);
    expect(tasksOf(table.next(gossip, false))).to.deep.equal(["t1", "t2"]);
    expect(table.next(gossip, false)).to.equal(undefined);
  });

  it("comes from gossip alone at a worker that no leader has told anything", () => {
    const gossip = member();
    learn(gossip, 8, [route("t1")]);
    expect(tasksOf(new ServingTable().next(gossip, false))).to.deep.equal(["t1"]);
  });

  it("leaves out what its own node says is draining or does not answer", () => {
    const written = { "task/t1": "[1,1]", "task/t2": "[0,0]", "task/t3": "[1,0]" };
    const table = new ServingTable();
    table.told([route("t1", "t2", "t3", "t4")], 5);
    expect(tasksOf(table.next(member(written), true))).to.deep.equal(["t3", "t4"]);
  });

  it("serves an expected task once its own node says that it is in rotation (V3)", () => {
    const silent = new ServingTable();
    silent.told([expecting("t1", "t2")], 5);
    expect(tasksOf(silent.next(member(), true))).to.deep.equal(["t1"]);
    for (const [said, served] of [
      ["[0,0]", ["t1"]],
      ["[1,1]", ["t1"]],
      ["[1,0]", ["t1", "t2"]],
    ] as const) {
      const table = new ServingTable();
      table.told([expecting("t1", "t2")], 5);
      expect(tasksOf(table.next(member({ "task/t2": said }), true)), said).to.deep.equal(served);
    }
  });

  it("never serves what the store's newest routes do not name (V1)", () => {
    const table = new ServingTable();
    table.told([route("t1")], 5);
    expect(tasksOf(table.next(member({ "task/t2": "[1,0]" }), true))).to.deep.equal(["t1"]);
  });

  it("takes from a task's own node which ports it listens on", () => {
    const table = new ServingTable();
    table.told([route("t1")], 5);
    const [served] = table.next(member({ "task/t1": "[1,0,[3000,9000]]" }), true) ?? [];
    expect(served?.backends[0]?.listens).to.deep.equal([3000, 9000]);
  });

  it("leaves out a node that nobody reaches, and has it back when it is", () => {
    const gossip = member();
    const table = new ServingTable();
    table.told([route("t1")], 5);
    expect(tasksOf(table.next(gossip, true))).to.deep.equal(["t1"]);
    const say = (state: "alive" | "dead", round: number): void => {
      const statements = [{ subject: OTHER, epoch: 1, round, state }];
      const message = { kind: "news", statements, deltas: [] } as const;
      gossip.step(NOW, { kind: "received", link: 2, message });
    };
    say("dead", 0);
    expect(tasksOf(table.next(gossip, true))).to.deep.equal([]);
    say("alive", 1);
    expect(tasksOf(table.next(gossip, true))).to.deep.equal(["t1"]);
  });
});

describe("the endpoints of a node", () => {
  const t1 = taskId("t1");
  const task = { taskId: t1, name: "web.1", hostAddress: "127.65.0.5", targetPorts: [80], pid: 1 };
  const OUT = [{ key: "task/t1", value: "[0,0]" }];

  it("are written once a task was in rotation, and deleted with it", () => {
    const own = new OwnEndpoints();
    own.named(new Set());
    const told = (draining: boolean) => own.told({ kind: "task", task: { ...task, draining } });
    expect(told(false)).to.deep.equal([]);
    const rotation = own.heard({ kind: "in-rotation", taskId: t1 });
    expect(rotation).to.deep.equal([{ key: "task/t1", value: "[1,0]" }]);
    expect(told(true)).to.deep.equal([{ key: "task/t1", value: "[1,1]" }]);
    expect(own.told({ kind: "task-gone", taskId: t1 })).to.deep.equal([{ key: "task/t1" }]);
    expect(own.told({ kind: "task-gone", taskId: t1 })).to.deep.equal([]);
  });

  it("of a task that ended say so for as long as the table names it (W1)", () => {
    const own = new OwnEndpoints();
    own.heard({ kind: "in-rotation", taskId: t1 });
    expect(own.named(new Set([t1]))).to.deep.equal([]);
    expect(own.told({ kind: "task-gone", taskId: t1 })).to.deep.equal(OUT);
    expect(own.named(new Set([t1]))).to.deep.equal([]);
    expect(own.named(new Set())).to.deep.equal([{ key: "task/t1" }]);
    expect(own.named(new Set())).to.deep.equal([]);
  });

  it("of a task that ended under a former agent say so before any table is known", () => {
    const own = new OwnEndpoints();
    expect(own.told({ kind: "task-gone", taskId: t1 })).to.deep.equal(OUT);
  });

  it("of a task without ports are written at once: there is nothing to wait for", () => {
    const own = new OwnEndpoints();
    const unserved = { ...task, targetPorts: [], draining: false };
    const written = [{ key: "task/t1", value: "[1,0]" }];
    expect(own.told({ kind: "task", task: unserved })).to.deep.equal(written);
  });

  it("tell the ports a task was found listening on", () => {
    const own = new OwnEndpoints();
    own.heard({ kind: "listens", taskId: t1, ports: [3000] });
    const written = [{ key: "task/t1", value: "[1,0,[3000]]" }];
    expect(own.heard({ kind: "in-rotation", taskId: t1 })).to.deep.equal(written);
  });
});
