import { nodeId, serviceId, taskId } from "@skein/common/ids";
import type { TaskState } from "@skein/common/model/task-state";
import { TASK_STATES, TRANSITIONS } from "@skein/common/model/task-state";
import { expect } from "chai";
import type { CommandOf } from "../command.ts";
import type { Bench } from "../testing.ts";
import {
  assign,
  createCluster,
  createService,
  fillSlots,
  joinNode,
  report,
  serviceSpec,
  setDesired,
  setNodeState,
  updateService,
} from "../testing.ts";

const web = serviceId("web");

function withTask(pool?: string): Bench {
  const bench = createCluster(pool);
  bench.run(createService("web"));
  bench.run(fillSlots(bench.store, "web", { 1: "t1" }));
  return bench;
}

function task({ store }: Bench, id = "t1") {
  return store.view.tasks.get(taskId(id));
}

function states({ store }: Bench): readonly string[] {
  return store.view.tasks
    .list()
    .map(({ id, desired, status }) => `${id} ${status.state}/${desired}`);
}

function end(id: string, state: TaskState): CommandOf<"end-tasks"> {
  return { kind: "end-tasks", items: [{ taskId: taskId(id), state, message: "test" }] };
}

function deleteTask(id: string): CommandOf<"delete-tasks"> {
  return { kind: "delete-tasks", taskIds: [taskId(id)] };
}

describe("fill-slots", () => {
  it("makes slot and task of the service's version, with an address", () => {
    const bench = withTask();
    expect(bench.store.view.slots.get("web.1")).to.deep.equal({
      serviceId: "web",
      slot: 1,
      version: 4,
      generation: 1,
      taskId: "t1",
      failures: 0,
    });
    expect(task(bench)).to.deep.include({
      id: "t1",
      version: 4,
      stateSince: 4,
      serviceName: "web",
      generation: 1,
      taskIndex: 3,
      address: "10.65.0.2",
      status: { state: "pending", at: 1004, message: "pending task scheduling" },
    });
  });

  it("asks the task before it, of the same version, to shut down", () => {
    const bench = withTask();
    expect(bench.say(fillSlots(bench.store, "web", { 1: "t2" }))).to.equal("accepted");
    expect(states(bench)).to.deep.equal(["t1 pending/shutdown", "t2 pending/running"]);
    expect(bench.store.view.slots.get("web.1")).to.deep.include({ generation: 2, taskId: "t2" });
  });

  it("lets the task of another version serve on", () => {
    const bench = withTask();
    const spec = serviceSpec("web");
    const next = { ...spec, task: { ...spec.task, forceUpdate: 1 } };
    bench.run(updateService("web", 3, next));
    bench.run(fillSlots(bench.store, "web", { 1: "t2" }));
    expect(states(bench)).to.deep.equal(["t1 pending/running", "t2 pending/running"]);
  });

  const good = { slot: 1, generation: 1, taskId: taskId("t2"), taskIndex: 3, failures: 0 };
  const items = [
    { name: "a generation behind", item: { ...good, generation: 0 }, says: "slot has moved on" },
    { name: "a generation ahead", item: { ...good, generation: 2 }, says: "slot has moved on" },
    { name: "another version", item: { ...good, taskIndex: 2 }, says: "service has changed" },
    { name: "a known task", item: { ...good, taskId: taskId("t1") }, says: "task exists" },
  ];
  for (const { name, item, says } of items) {
    it(`skips an item with ${name}`, () => {
      const bench = withTask();
      const command = {
        kind: "fill-slots",
        serviceId: web,
        items: [{ ...item, desired: "running" }],
      } as const;
      expect(bench.say(command)).to.equal(`accepted; web.1: ${says}`);
      expect(states(bench)).to.deep.equal(["t1 pending/running"]);
    });
  }

  it("skips a desired state that nothing starts in, and items of a removed service", () => {
    const bench = withTask();
    const command = fillSlots(bench.store, "web", { 1: "t2" });
    const [item] = command.items;
    const wrong = {
      ...command,
      items: item === undefined ? [] : [{ ...item, desired: "remove" as const }],
    };
    expect(bench.say(wrong)).to.equal("accepted; web.1: not a state to start in");
    bench.run({ kind: "remove-service", serviceId: web });
    expect(bench.say(command)).to.equal("accepted; web.1: service is gone");
  });
});

describe("task addresses", () => {
  const small = "10.65.0.0/29";

  it("are not reused before all others were given", () => {
    const bench = withTask(small);
    bench.run(end("t1", "shutdown"));
    bench.run(fillSlots(bench.store, "web", { 1: "t2" }));
    bench.run(deleteTask("t1"));
    bench.run(fillSlots(bench.store, "web", { 1: "t3" }));
    expect(task(bench, "t3")?.address).to.equal("10.65.0.4");
  });

  it("run out with a reason the user sees, and go to who waits once one is free", () => {
    const bench = withTask(small);
    bench.run(fillSlots(bench.store, "web", { 2: "t2", 3: "t3", 4: "t4", 5: "t5", 6: "t6" }));
    expect(task(bench, "t6")).not.to.have.property("address");
    expect(task(bench, "t6")?.status).to.deep.equal({
      state: "new",
      at: 1005,
      message: "created",
      error: "no address available in 10.65.0.0/29",
    });
    expect(bench.say(assign("t6", "n1"))).to.equal("accepted; t6: task is new");
    bench.run(end("t1", "shutdown"));
    bench.run(setDesired("t1", "remove"));
    bench.run({ kind: "remove-slots", serviceId: web, items: [{ slot: 1, generation: 1 }] });
    bench.run(deleteTask("t1"));
    expect(task(bench, "t6")).to.deep.include({ address: "10.65.0.2", stateSince: 10 });
    expect(task(bench, "t6")?.status).to.deep.equal({
      state: "pending",
      at: 1010,
      message: "pending task scheduling",
    });
  });

  it("go on to the next when who got one is removed in the same step", () => {
    const bench = createCluster("10.65.0.0/30");
    for (const id of ["web", "other"]) bench.run(createService(id));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2" }));
    bench.run(fillSlots(bench.store, "other", { 1: "u1" }));
    bench.run({ kind: "remove-service", serviceId: web });
    expect(states(bench)).to.deep.equal(["u1 pending/running"]);
    expect(task(bench, "u1")?.address).to.equal("10.65.0.2");
  });

  it("pass over a waiting task that is no longer wanted", () => {
    const bench = withTask(small);
    bench.run(fillSlots(bench.store, "web", { 2: "t2", 3: "t3", 4: "t4", 5: "t5" }));
    bench.run(fillSlots(bench.store, "web", { 6: "t6", 7: "t7" }));
    bench.run(setDesired("t6", "shutdown"));
    bench.run(assign("t1", "n1"));
    bench.run(report("t1", "n1", "failed"));
    bench.run({ kind: "remove-slots", serviceId: web, items: [{ slot: 1, generation: 1 }] });
    bench.run(deleteTask("t1"));
    expect(states(bench).slice(-2)).to.deep.equal(["t6 new/shutdown", "t7 pending/running"]);
  });
});

describe("remove-slots", () => {
  it("takes the slot and asks its task to be removed", () => {
    const bench = withTask();
    const remove = (slot: number, generation: number) =>
      ({ kind: "remove-slots", serviceId: web, items: [{ slot, generation }] }) as const;
    expect(bench.say(remove(1, 2))).to.equal("accepted; web.1: slot has moved on");
    expect(bench.say(remove(1, 1))).to.equal("accepted");
    expect(bench.say(remove(1, 1))).to.equal("accepted; web.1: slot is gone");
    expect(states(bench)).to.deep.equal(["t1 pending/remove"]);
    expect(bench.store.view.slots.size).to.equal(0);
  });
});

describe("set-desired", () => {
  it("moves forward only, and keeps the reason with the slot", () => {
    const bench = withTask();
    expect(bench.say(setDesired("t1", "ready"))).to.equal("accepted; t1: already running");
    expect(bench.say(setDesired("t1", "running"))).to.equal("accepted; t1: already running");
    expect(bench.say(setDesired("t1", "shutdown"))).to.equal("accepted");
    expect(bench.store.view.slots.get("web.1")).to.deep.include({ reason: "test", version: 7 });
    expect(bench.say(setDesired("t1", "remove"))).to.equal("accepted");
    expect(bench.say(setDesired("t1", "shutdown"))).to.equal("accepted; t1: already remove");
    expect(bench.say(setDesired("t9", "remove"))).to.equal("accepted; t9: task is gone");
  });
});

describe("assign-tasks", () => {
  it("gives a pending task to a ready node", () => {
    const bench = withTask();
    expect(bench.say(assign("t1", "n1"))).to.equal("accepted");
    expect(task(bench)).to.deep.include({ nodeId: "n1", stateSince: 5 });
    expect(bench.store.view.tasksOfNode(nodeId("n1")).map(({ id }) => id)).to.deep.equal(["t1"]);
    expect(bench.store.view.pendingTasks()).to.deep.equal([]);
    expect(bench.say(assign("t1", "n1"))).to.equal("accepted; t1: task is assigned");
  });

  const cases = [
    { name: "a task that is gone", task: "t9", before: [], says: "task is gone" },
    {
      name: "an unwanted task",
      task: "t1",
      before: [setDesired("t1", "shutdown")],
      says: "task is no longer wanted",
    },
    {
      name: "a node that went down",
      task: "t1",
      before: [setNodeState("n1", "down")],
      says: "node is down",
    },
  ];
  for (const { name, task: id, before, says } of cases) {
    it(`skips ${name}`, () => {
      const bench = withTask();
      for (const command of before) bench.run(command);
      expect(bench.say(assign(id, "n1"))).to.equal(`accepted; ${id}: ${says}`);
    });
  }

  it("skips a node that is gone or drained", () => {
    const bench = withTask();
    expect(bench.say(assign("t1", "n9"))).to.equal("accepted; t1: node is gone");
    bench.run({ ...joinNode("n2"), availability: "drain" });
    expect(bench.say(assign("t1", "n2"))).to.equal("accepted; t1: node is on drain");
  });
});

describe("explain-tasks", () => {
  it("says why a task is pending, once", () => {
    const bench = withTask();
    const why = {
      kind: "explain-tasks",
      items: [{ taskId: taskId("t1"), error: "no suitable node" }],
    } as const;
    expect(bench.say(why)).to.equal("accepted");
    expect(task(bench)).to.deep.include({ stateSince: 4 });
    expect(task(bench)?.status.error).to.equal("no suitable node");
    expect(bench.say(why)).to.equal("accepted; t1: unchanged");
    bench.run(assign("t1", "n1"));
    expect(task(bench)?.status).not.to.have.property("error");
    expect(bench.say(why)).to.equal("accepted; t1: task is assigned");
  });
});

describe("report-tasks", () => {
  function at(state: TaskState): Bench {
    const bench = withTask();
    if (state === "pending") return bench;
    bench.run(assign("t1", "n1"));
    if (state === "orphaned") bench.run(end("t1", "orphaned"));
    else if (state !== "assigned") bench.run(report("t1", "n1", state));
    return bench;
  }
  const names = Object.keys(TASK_STATES) as TaskState[];
  const from = names.filter(
    (state) => state !== "new" && state !== "pending" && state !== "remove",
  );
  const legal = new Set(
    TRANSITIONS.filter(({ owner }) => owner === "agent").map((edge) => `${edge.from} ${edge.to}`),
  );
  for (const old of from) {
    it(`from ${old} follows the transition table to each state`, () => {
      for (const next of names.filter((name) => name !== old)) {
        const bench = at(old);
        const said = bench.say(report("t1", "n1", next));
        const isLegal = legal.has(`${old} ${next}`);
        expect(said, next).to.equal(
          isLegal ? "accepted" : `accepted; t1: illegal transition ${old} to ${next}`,
        );
        expect(task(bench)?.status.state, next).to.equal(isLegal ? next : old);
      }
    });
  }

  it("may change the other facts of a state that lasts, not its time", () => {
    const bench = at("running");
    const since = task(bench)?.stateSince;
    const status = {
      state: "running",
      at: 99,
      message: "started",
      inRotation: true,
      pid: 7,
    } as const;
    const command = {
      kind: "report-tasks",
      nodeId: nodeId("n1"),
      items: [{ taskId: taskId("t1"), status }],
    } as const;
    expect(bench.say(command)).to.equal("accepted");
    expect(task(bench)).to.deep.include({ stateSince: since, status: { ...status, at: 1 } });
    expect(bench.say(command)).to.equal("accepted; t1: unchanged");
  });

  it("hears neither other nodes nor more about a task that ended", () => {
    const bench = at("running");
    expect(bench.say(report("t1", "m1", "failed"))).to.equal(
      "accepted; t1: task is not on this node",
    );
    bench.run(report("t1", "n1", "failed"));
    expect(bench.say(report("t1", "n1", "failed"))).to.equal("accepted; t1: task has ended");
    expect(bench.say(report("t9", "n1", "failed"))).to.equal("accepted; t9: task is gone");
  });

  it("remembers since when a task ran, also when it has ended", () => {
    const bench = at("running");
    expect(task(bench)?.runningSince).to.equal(6);
    bench.run(report("t1", "n1", "complete"));
    expect(task(bench)).to.deep.include({ runningSince: 6, stateSince: 7 });
  });
});

describe("end-tasks", () => {
  const cases: readonly { from: TaskState; to: TaskState; isLegal: boolean }[] = [
    { from: "pending", to: "shutdown", isLegal: true },
    { from: "pending", to: "orphaned", isLegal: false },
    { from: "running", to: "orphaned", isLegal: true },
    { from: "running", to: "shutdown", isLegal: false },
    { from: "running", to: "failed", isLegal: false },
    { from: "failed", to: "orphaned", isLegal: false },
  ];
  for (const { from, to, isLegal } of cases) {
    it(`${from} to ${to}: ${isLegal ? "accepted" : "skipped"}`, () => {
      const bench = withTask();
      if (from !== "pending") bench.run(assign("t1", "n1"));
      if (from !== "pending") bench.run(report("t1", "n1", from));
      expect(bench.say(end("t1", to))).to.equal(
        isLegal ? "accepted" : `accepted; t1: illegal transition ${from} to ${to}`,
      );
    });
  }
});

describe("delete-tasks", () => {
  it("deletes what has ended and is no slot's current task", () => {
    const bench = withTask();
    expect(bench.say(deleteTask("t1"))).to.equal("accepted; t1: task is pending");
    bench.run(end("t1", "shutdown"));
    expect(bench.say(deleteTask("t1"))).to.equal("accepted; t1: task is its slot's current one");
    bench.run(fillSlots(bench.store, "web", { 1: "t2" }));
    expect(bench.say(deleteTask("t1"))).to.equal("accepted");
    expect(bench.say(deleteTask("t1"))).to.equal("accepted; t1: task is gone");
  });
});
