/** What people are told: explanations, plans, the past and the timeline of one small cluster. */
import { storeTime } from "@skein/common/time";
import { expect } from "chai";
import { SmallCluster, serviceSpec } from "../orchestrator/small-cluster.test.ts";
import { explain } from "./explain.ts";
import { rowsAt } from "./past.ts";
import { plan } from "./plan.ts";
import { rebalance } from "./rebalance.ts";
import { serviceHistory } from "./service-history.ts";
import { timeline } from "./timeline.ts";

function cluster(): SmallCluster {
  const made = new SmallCluster();
  made.join("w1", { labels: { zone: "a" } });
  made.join("w2", { cpus: 1 });
  return made;
}

function said(made: SmallCluster, name: string): readonly string[] {
  const answer = explain({ view: made.view, now: made.now }, name);
  return answer.ok ? answer.value.lines : [answer.error.message];
}

describe("explain", () => {
  it("says of a pending task what every node answers, with figures", () => {
    const made = cluster();
    made.join("w3", { availability: "pause" });
    made.create("db", {
      task: { constraints: ["node.labels.zone!=a"], reservedNanoCpus: 2_000_000_000 },
    });
    made.settle();
    const answer = explain({ view: made.view, now: made.now }, "db.1");
    expect(answer.ok && answer.value.nodes).to.deep.equal([
      { node: "w1", reason: "does not meet node.labels.zone!=a" },
      { node: "w2", reason: "has 1 CPUs free, of 2 asked for" },
      { node: "w3", reason: "its availability is pause" },
    ]);
    expect(said(made, "db.1")[0]).to.match(/^pending on no node since 0 ms ago .*no suitable node/);
  });

  it("says why a task was moved, and that the one before is history", () => {
    const made = cluster();
    made.create("web");
    made.converge();
    const first = made.task("web", 1);
    made.down(String(first.nodeId));
    made.converge();
    const why = `node ${first.nodeId} is down: silent for 3 s`;
    expect(said(made, "web.1")).to.include(
      `it is here because the task before it was replaced: ${why}`,
    );
    expect(said(made, first.id)).to.include("it is history: its slot has another task by now");
  });

  it("says what a task waits for, and until when", () => {
    const made = cluster();
    made.create("web", { task: { restart: { condition: "any", delayMs: 90_000 } } });
    made.converge();
    made.report(made.task("web", 1).id, { state: "failed", error: "task: non-zero exit (1)" });
    made.settle();
    expect(said(made, "web.1")).to.include(
      "it waits 90 s more before it starts: 1 failures in a row",
    );
  });

  it("says how far an update is, and when it will have failed", () => {
    const made = cluster();
    made.create("web", { replicas: 2 });
    made.converge();
    made.change("web", { task: { forceUpdate: 1 } });
    made.settle();
    made.oblige();
    made.settle();
    made.report(made.task("web", 1).id, { state: "starting" });
    made.report(made.task("web", 1).id, { state: "running" });
    made.settle();
    expect(said(made, "web")).to.include("updating: update in progress");
    expect(said(made, "web.1")).to.include(
      "the update gives it 10 s more to get into rotation, then it failed",
    );
  });

  it("says why a drained node is not empty yet", () => {
    const made = new SmallCluster();
    made.join("w1");
    made.create("web");
    made.converge();
    made.setNode("w1", { availability: "drain" });
    made.settle();
    expect(said(made, "w1").at(-1)).to.match(
      /^web\.1 serves until its replacement does, which is pending \(no suitable node .*10 min at/,
    );
  });

  it("names what it does not know", () => {
    expect(said(cluster(), "x")).to.deep.equal(["task, service or node x not found"]);
  });
});

describe("plan", () => {
  it("places what does not exist, and changes nothing", () => {
    const made = cluster();
    const before = made.view.index;
    const planned = plan(
      { view: made.view, now: made.now },
      serviceSpec("web", { replicas: 3, task: { maxReplicasPerNode: 1 } }),
    );
    expect(planned).to.deep.include({ action: "create", added: 3, unplaced: 1 });
    expect(planned.placement).to.deep.equal([
      { node: "w1", tasks: 1 },
      { node: "w2", tasks: 1 },
    ]);
    expect(planned.reason).to.equal("no suitable node (max replicas per node limit exceed)");
    expect(planned.nodes?.[0]?.reason).to.equal("runs 1 of at most 1 tasks of the service");
    expect(made.view.index).to.equal(before);
  });

  it("shows what an update changes, restarts and adds", () => {
    const made = cluster();
    made.create("web", { replicas: 2, engine: '{"A":{"B":1,"C":[1]}}' });
    made.converge();
    const spec = { ...made.service("web").spec, engine: '{"A":{"B":2,"C":[1]}}' };
    const task = { ...spec.task, forceUpdate: 1 };
    const context = { view: made.view, now: made.now };
    const mode = { kind: "replicated", replicas: 3 } as const;
    const planned = plan(context, { ...spec, task, mode }, made.service("web"));
    expect(planned).to.deep.include({ action: "update", replaced: 2, added: 1, unplaced: 0 });
    expect(planned.changes).to.deep.equal([{ path: "A.B", before: "1", after: "2" }]);
    expect(plan(context, made.service("web").spec, made.service("web"))).to.deep.include({
      action: "nothing",
      replaced: 0,
      added: 0,
    });
  });
});

describe("the past", () => {
  it("is the state of now with later changes undone", () => {
    const made = cluster();
    made.create("web", { replicas: 2 });
    made.converge();
    const tasks = made.view.tasks.list();
    const services = made.view.services.list();
    const then = 5_000_000 + made.now;
    made.advance(1000);
    made.change("web", { replicas: 0 });
    made.create("other");
    made.down("w1");
    made.converge();
    const past = rowsAt(made.view, made.changes, then);
    expect(past.ok && past.value.tasks).to.deep.equal(tasks);
    expect(past.ok && past.value.services).to.deep.equal(services);
    const early = rowsAt(made.view, made.changes, 1);
    expect(!early.ok && early.error.message).to.include("the history of this manager begins at");
  });

  it("is told line by line, with the reasons", () => {
    const made = cluster();
    made.create("web");
    made.converge();
    const { nodeId } = made.task("web", 1);
    made.down(String(nodeId));
    made.converge();
    const texts = timeline(made.view, made.changes, { object: "web", limit: 100 }).map(
      ({ object, text }) => `${object} ${text}`,
    );
    expect(texts[0]).to.equal("service web create");
    expect(texts).to.include(
      `task web.1 create, state pending, desired running: node ${nodeId} is down: silent for 3 s`,
    );
    expect(texts.at(-1)).to.match(/^task web\.1 update, state .* -> running/);
  });
});

describe("the history of a service", () => {
  it("holds former specs, and any of them can be had back", () => {
    const made = cluster();
    made.create("web", { engine: '{"V":1}' });
    const update = (engine: string): void => {
      const { id, version, spec } = made.service("web");
      const next = { ...spec, engine, task: { ...spec.task, forceUpdate: Number(engine[5]) } };
      const command = { kind: "update-service", serviceId: id, version, spec: next } as const;
      made.apply({ ...command, rollback: false, historyMax: 2 });
    };
    const { specIndex: first } = made.service("web");
    update('{"V":2}');
    const { specIndex: second } = made.service("web");
    update('{"V":3}');
    expect(
      serviceHistory(made.service("web"))
        .map(({ version }) => version)
        .slice(1),
    ).to.deep.equal([second, first]);
    expect(serviceHistory(made.service("web"))[0]?.changes).to.deep.equal([
      { path: "V", before: "2", after: "3" },
    ]);
    const { id: serviceId, version, spec } = made.service("web");
    const back = { kind: "update-service", serviceId, version, spec, rollback: true } as const;
    made.apply({ ...back, to: first, historyMax: 2 });
    expect(made.service("web").spec.engine).to.equal('{"V":1}');
    expect(made.service("web").updateStatus?.state).to.equal("rollback_started");
    expect(made.service("web").history?.length).to.equal(2);
  });
});

describe("rebalancing", () => {
  it("moves tasks to a node that joined, one for one, and serves meanwhile", () => {
    const made = new SmallCluster();
    made.join("w1");
    made.create("web", { replicas: 4 });
    made.converge();
    made.join("w2");
    made.converge();
    const ask = () => rebalance({ ...made.context, movesMax: 20 });
    const { moves, commands } = ask();
    expect(moves.map(({ from, to }) => `${from} -> ${to}`)).to.deep.equal(["w1 -> w2", "w1 -> w2"]);
    for (const command of commands) made.apply(command);
    made.settle();
    const serving = made.tasks("web").filter((task) => task.status.inRotation === true);
    expect(serving.filter(({ desired }) => desired === "running").length).to.equal(4);
    made.converge();
    made.advance(1000);
    made.converge();
    const on = (node: string): number =>
      made.tasks("web").filter((task) => task.nodeId === node && task.status.state === "running")
        .length;
    expect([on("w1"), on("w2")]).to.deep.equal([2, 2]);
    expect(ask().moves).to.deep.equal([]);
    expect(storeTime(made.now)).to.equal(made.now);
  });
});

describe("binpack", () => {
  it("fills the fullest node that still fits, and leaves others empty", () => {
    const made = cluster();
    made.create("seed", { task: { constraints: ["node.id==w2"] } });
    made.converge();
    const task = { strategy: "binpack", reservedNanoCpus: 500_000_000 } as const;
    made.create("batch", { replicas: 3, task });
    made.converge();
    const nodes = made
      .tasks("batch")
      .map(({ nodeId }) => String(nodeId))
      .sort();
    expect(nodes).to.deep.equal(["w1", "w2", "w2"]);
  });
});
