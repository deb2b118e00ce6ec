import { configId, nodeId, serviceId, taskId } from "@skein/common/ids";
import { expect } from "chai";
import type { Command } from "../command.ts";
import type { Bench } from "../testing.ts";
import {
  assign,
  createBench,
  createCluster,
  createConfig,
  createService,
  fillSlots,
  initCluster,
  joinNode,
  report,
  serviceSpec,
  setNodeState,
} from "../testing.ts";

function node({ store }: Bench, id = "n1") {
  return store.view.nodes.get(nodeId(id));
}

describe("init-cluster", () => {
  it("makes the cluster and its first managers", () => {
    const bench = createBench();
    expect(bench.say(createService("web"))).to.match(
      /^no-cluster: This node is not a swarm manager/,
    );
    expect(bench.say(initCluster())).to.equal("accepted");
    expect(bench.store.view.cluster).to.deep.include({ clusterVersion: 1, version: 2 });
    expect(node(bench, "m1")).to.deep.include({
      manager: { raftId: "r1", address: "127.0.1.1:2377" },
      spec: { name: "manager-1", labels: {}, role: "manager", availability: "drain" },
    });
    expect(node(bench, "m1")?.status.state).to.equal("unknown");
    expect(bench.say(initCluster())).to.match(
      /^cluster-exists: This node is already part of a swarm/,
    );
  });
});

describe("join-node", () => {
  it("makes a node ready", () => {
    const bench = createCluster();
    expect(node(bench)).to.deep.include({ version: 2, specIndex: 2 });
    expect(node(bench)?.status).to.deep.equal({
      state: "ready",
      message: "",
      session: "s-n1",
      since: 2,
    });
    expect(bench.say(joinNode("n1"))).to.equal("accepted; n1: unchanged");
  });

  it("completes a first manager and lets it say its availability", () => {
    const bench = createCluster();
    bench.run({ ...joinNode("m1"), role: "manager", name: "manager-1" });
    expect(node(bench, "m1")?.spec).to.deep.include({ role: "manager", availability: "active" });
    expect(node(bench, "m1")?.manager?.raftId).to.equal("r1");
  });

  it("leaves the spec of a node that comes back to the user", () => {
    const bench = createCluster();
    const spec = { labels: { zone: "a" }, role: "worker", availability: "drain" } as const;
    bench.run({ kind: "update-node", nodeId: nodeId("n1"), version: 2, spec });
    bench.run(joinNode("n1", "s2"));
    expect(node(bench)).to.deep.include({ spec, specIndex: 3, version: 4 });
    expect(node(bench)?.status).to.deep.include({ session: "s2", since: 2 });
  });

  it("takes the Raft member of a manager that is new", () => {
    const bench = createCluster();
    const manager = { raftId: "r2", address: "127.0.1.2:2377" };
    bench.run({ ...joinNode("m2"), role: "manager", manager });
    expect(node(bench, "m2")?.manager).to.deep.equal(manager);
  });
});

describe("set-node-state", () => {
  const cases = [
    { name: "its session", command: setNodeState("n1", "down", "s-n1"), says: "accepted" },
    { name: "no session", command: setNodeState("n1", "down"), says: "accepted" },
    {
      name: "an older session",
      command: setNodeState("n1", "down", "old"),
      says: "accepted; n1: node has another session",
    },
    {
      name: "a node that is gone",
      command: setNodeState("x", "down"),
      says: "accepted; x: node is gone",
    },
  ];
  for (const { name, command, says } of cases) {
    it(`for ${name}: ${says}`, () => {
      const bench = createCluster();
      expect(bench.say(command)).to.equal(says);
      expect(node(bench)?.status.state).to.equal(says === "accepted" ? "down" : "ready");
    });
  }

  it("moves `since` with the state alone", () => {
    const bench = createCluster();
    bench.run(setNodeState("n1", "down"));
    bench.run({ ...setNodeState("n1", "down"), message: "other words" });
    expect(node(bench)?.status).to.deep.include({ since: 3, message: "other words" });
    expect(bench.say({ ...setNodeState("n1", "down"), message: "other words" })).to.match(
      /unchanged$/,
    );
  });
});

describe("update-node", () => {
  const spec = { labels: {}, role: "worker", availability: "pause" } as const;
  const cases = [
    { name: "what was written", version: 2, says: "accepted" },
    { name: "a later status", version: 3, says: "accepted" },
    { name: "a stale version", version: 1, says: "version-conflict: update out of sequence" },
  ];
  for (const { name, version, says } of cases) {
    it(`having read ${name}: ${says}`, () => {
      const bench = createCluster();
      bench.run(setNodeState("n1", "unknown"));
      const update = { kind: "update-node", nodeId: nodeId("n1"), version, spec } as const;
      expect(bench.say(update)).to.equal(says);
    });
  }

  it("refuses a node that is not there", () => {
    const bench = createCluster();
    const update = { kind: "update-node", nodeId: nodeId("x"), version: 1, spec } as const;
    expect(bench.say(update)).to.equal("node-not-found: node x not found");
  });
});

describe("register-manager", () => {
  const register = (id: string, raftId: string) =>
    ({
      kind: "register-manager",
      nodeId: nodeId(id),
      manager: { raftId, address: "127.0.1.9:2377" },
    }) as const;
  const unregister = (id: string, raftId: string) =>
    ({ kind: "unregister-manager", nodeId: nodeId(id), raftId }) as const;
  const demote = (bench: ReturnType<typeof createCluster>, id: string) => {
    const row = bench.store.view.nodes.get(nodeId(id));
    const spec = { labels: {}, role: "worker", availability: "active" } as const;
    return bench.say({
      kind: "update-node",
      nodeId: nodeId(id),
      version: row?.version ?? 0,
      spec,
    });
  };

  it("names the Raft member of a node that is to be a manager, and another after it", () => {
    const bench = createCluster();
    expect(bench.say(register("x", "r9"))).to.equal("node-not-found: node x not found");
    expect(bench.say(register("n1", "r9"))).to.match(/^node-not-manager: node n1 is a worker/);
    bench.run({ ...joinNode("m2"), role: "manager" });
    expect(bench.say(register("m2", "r1"))).to.equal("raft-id-taken: Raft member r1 is node m1");
    expect(bench.say(register("m2", "r2"))).to.equal("accepted");
    expect(bench.say(register("m2", "r2"))).to.equal("accepted; m2: unchanged");
    expect(bench.say(register("m2", "r3"))).to.equal("accepted");
    expect(bench.store.view.nodes.get(nodeId("m2"))?.manager?.raftId).to.equal("r3");
  });

  it("is undone for a worker alone, and for the member it names", () => {
    const bench = createCluster();
    bench.run({ ...joinNode("m2"), role: "manager" });
    bench.run(register("m2", "r2"));
    expect(bench.say(unregister("m2", "r2"))).to.equal("accepted; m2: it is to be a manager");
    expect(demote(bench, "m2")).to.equal("accepted");
    expect(bench.say(unregister("m2", "r1"))).to.equal("accepted; m2: another Raft id");
    expect(bench.say(unregister("m2", "r2"))).to.equal("accepted");
    expect(bench.store.view.nodes.get(nodeId("m2"))?.manager).to.equal(undefined);
    expect(demote(bench, "m1")).to.equal(
      "last-manager: attempting to demote the last manager of the swarm",
    );
  });
});

describe("remove-node", () => {
  const remove = (id: string, force = false) =>
    ({ kind: "remove-node", nodeId: nodeId(id), force }) as const;

  it("refuses managers and nodes that are not down, unless forced", () => {
    const bench = createCluster();
    expect(bench.say(remove("x"))).to.equal("node-not-found: node x not found");
    expect(bench.say(remove("m1"))).to.equal(
      "node-is-manager: node m1 is a cluster manager and is a member of the raft cluster. " +
        "It must be demoted to worker before removal",
    );
    expect(bench.say(remove("n1"))).to.equal(
      "node-not-down: node n1 is not down and can't be removed",
    );
    expect(bench.say(remove("n1", true))).to.equal("accepted");
    expect(bench.say(remove("m1", true))).to.match(/^last-manager: /);
    bench.run({ ...joinNode("m2"), role: "manager" });
    expect(bench.say(remove("m1", true))).to.equal("accepted");
  });

  it("orphans the node's tasks in the same step", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2" }));
    for (const id of ["t1", "t2"]) bench.run(assign(id, "n1"));
    bench.run(report("t2", "n1", "failed"));
    bench.run(setNodeState("n1", "down"));
    expect(bench.say(remove("n1"))).to.equal("accepted");
    const states = bench.store.view.tasks.list().map(({ status }) => status.state);
    expect(states).to.deep.equal(["orphaned", "failed"]);
  });

  it("ends the removal of a removed service's tasks there", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    bench.run(fillSlots(bench.store, "web", { 1: "t1" }));
    bench.run(assign("t1", "n1"));
    bench.run({ kind: "remove-service", serviceId: serviceId("web") });
    expect(bench.store.view.tasks.get(taskId("t1"))?.desired).to.equal("remove");
    bench.run(remove("n1", true));
    expect(bench.store.view.tasks.size).to.equal(0);
  });
});

describe("configs", () => {
  const { spec } = createConfig("f");
  const update = (version: number, change: Partial<typeof spec>) =>
    ({
      kind: "update-config",
      configId: configId("f"),
      version,
      spec: { ...spec, ...change },
    }) as const;
  const remove = { kind: "remove-config", configId: configId("f") } as const;

  it("are created once per name and id", () => {
    const bench = createCluster();
    expect(bench.say(createConfig("f"))).to.equal("accepted");
    expect(bench.say(createConfig("g", "f"))).to.equal(
      "config-name-taken: config f already exists",
    );
    expect(bench.say(createConfig("f", "g"))).to.match(/^config-name-taken/);
    expect(bench.store.view.configByName("f")?.version).to.equal(3);
  });

  const immutable = "config-immutable: only updates to Labels are allowed";
  const cases = [
    { name: "labels", command: update(3, { labels: { a: "b" } }), says: "accepted" },
    { name: "data", command: update(3, { data: new Uint8Array([9]) }), says: immutable },
    { name: "name", command: update(3, { name: "g" }), says: immutable },
    {
      name: "a stale version",
      command: update(2, {}),
      says: "version-conflict: update out of sequence",
    },
  ];
  for (const { name, command, says } of cases) {
    it(`update of ${name}: ${says}`, () => {
      const bench = createCluster();
      bench.run(createConfig("f"));
      expect(bench.say(command)).to.equal(says);
    });
  }

  it("take other data when that is asked for, which renews the services that use them", () => {
    const bench = createCluster();
    bench.run(createConfig("f"));
    const file = {
      kind: "config",
      id: "f",
      name: "f",
      target: "/f",
      uid: "0",
      gid: "0",
      mode: 292,
    };
    const using = serviceSpec("s1");
    const process = { ...using.task.process, files: [file] };
    const task = { ...using.task, process };
    bench.run({ ...createService("s1"), spec: { ...using, task } } as Command);
    bench.run(createService("s2"));
    const index = (id: string) => bench.store.view.services.get(serviceId(id))?.taskIndex;
    const before = [index("s1"), index("s2")];
    const other = { ...update(3, { data: new Uint8Array([9]) }), isOther: true };
    expect(bench.say(other)).to.equal("accepted");
    expect(index("s1")).to.equal(bench.store.view.index);
    expect(index("s2")).to.equal(before[1]);
    const { version = 0 } = bench.store.view.configs.get(configId("f")) ?? {};
    const same = { ...update(version, { data: new Uint8Array([9]) }), isOther: true };
    const renewed = index("s1");
    expect(bench.say(same)).to.equal("accepted");
    expect(index("s1")).to.equal(renewed);
    expect(bench.say({ ...other, version })).to.match(/^version-conflict/);
  });

  it("are gone when removed", () => {
    const bench = createCluster();
    const notFound = "config-not-found: config f not found";
    expect(bench.say(remove)).to.equal(notFound);
    expect(bench.say(update(1, {}))).to.equal(notFound);
    bench.run(createConfig("f"));
    expect(bench.say(remove)).to.equal("accepted");
    expect(bench.say(createConfig("g", "f"))).to.equal("accepted");
  });
});
