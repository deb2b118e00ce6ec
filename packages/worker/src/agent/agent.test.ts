import { nodeId, serviceId, sessionId, taskId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import { instant, wallTime } from "@skein/common/time";
import type { Assignment, ToWorker } from "@skein/common/wire/dispatch-messages";
import { expect } from "chai";
import * as fc from "fast-check";
import type { EngineEvent, FoundTask } from "../engine/engine.ts";
import { createAgent } from "./agent.ts";
import { describeAgent, describeAgentEffect } from "./describe.ts";
import { assignment, DESCRIPTION, NODE } from "./fixtures.ts";
import { agentHistory, checkAgentInvariants } from "./invariants.ts";
import type { AgentEffect, AgentInput } from "./protocol.ts";
import type { TaskRecord } from "./task-record.ts";
import { VerdictOutbox } from "./verdict-outbox.ts";

/** Draws the middle: pauses are predictable, and still inside their range. */
const MIDDLE: Random = { below: (bound) => Math.floor(bound / 2), id: () => "id" };

class Talk {
  readonly agent;
  readonly #history = agentHistory();
  now = 0;

  constructor(managers: readonly string[] = ["m1", "m2", "m3"]) {
    this.agent = createAgent({
      nodeId: NODE,
      name: "worker-1",
      availability: "active",
      managers,
      defaults: { env: {} },
      random: MIDDLE,
      wall: () => wallTime(this.now),
      describe: () => DESCRIPTION,
    });
  }

  step(input: AgentInput | { readonly kind: "wake" }): readonly AgentEffect[] {
    const effects = this.agent.step(instant(this.now), input);
    checkAgentInvariants(this.agent, effects, this.#history);
    return effects;
  }

  /** Steps and prints; metrics and notes are left out, they decide nothing. */
  say(input: AgentInput | { readonly kind: "wake" }): readonly string[] {
    const effects = this.step(input);
    return effects
      .filter((effect) => effect.kind !== "count" && effect.kind !== "note")
      .map(describeAgentEffect);
  }

  /** Moves to the time the agent asked for and wakes it. */
  wait(): readonly string[] {
    this.now = Math.max(this.now, this.agent.wakeAt() ?? this.now);
    return this.say({ kind: "wake" });
  }

  restore(records: readonly TaskRecord[] = [], found: readonly FoundTask[] = []) {
    return this.say({ kind: "restore", records, managers: [], found });
  }

  hear(link: number, message: ToWorker): readonly string[] {
    return this.say({ kind: "received", link, message });
  }

  engine(event: EngineEvent): readonly string[] {
    return this.say({ kind: "engine", event });
  }

  close(link: number): readonly string[] {
    return this.say({ kind: "closed", link, end: { kind: "closed", reason: "gone" } });
  }

  /** A session on link 1 with an empty assignment set. */
  live(): this {
    this.restore();
    this.say({ kind: "opened", link: 1 });
    this.hear(1, WELCOME);
    this.hear(1, complete(0));
    return this;
  }

  /** … and one running task. */
  running(options: Parameters<typeof assignment>[1] = {}): this {
    this.live();
    this.hear(1, put(1, assignment("t1", options)));
    this.hear(1, { kind: "status-stored", sequence: 1 });
    this.engine({ kind: "prepared", taskId: T1 });
    this.engine({ kind: "started", taskId: T1, pid: 7 });
    this.hear(1, { kind: "status-stored", sequence: 2 });
    this.hear(1, { kind: "status-stored", sequence: 3 });
    return this;
  }
}

const T1 = taskId("t1");
const WELCOME: ToWorker = {
  kind: "welcome",
  version: 1,
  session: sessionId("s1"),
  heartbeatMs: 1000,
  managers: [],
};

function complete(version: number, ...tasks: readonly Assignment[]): ToWorker {
  return { kind: "assignments", complete: true, base: 0, version, put: tasks, remove: [] };
}

function put(version: number, ...tasks: readonly Assignment[]): ToWorker {
  return {
    kind: "assignments",
    complete: false,
    base: version - 1,
    version,
    put: tasks,
    remove: [],
  };
}

const REDIRECT: ToWorker = { kind: "redirect", managers: [], reason: "not the leader" };

describe("the agent's session", () => {
  it("greets, is welcomed, and beats each second", () => {
    const talk = new Talk();
    expect(talk.restore()).to.deep.equal(["dial #1 m2"]);
    expect(talk.say({ kind: "opened", link: 1 })).to.deep.equal(["send #1 hello"]);
    expect(talk.hear(1, WELCOME)).to.deep.equal([]);
    expect(talk.wait()).to.deep.equal(["send #1 heartbeat"]);
    expect(talk.now).to.equal(1000);
    expect(talk.wait()).to.deep.equal(["send #1 heartbeat"]);
    expect(talk.now).to.equal(2000);
  });

  it("tries every manager at once, then pauses twice as long each time, up to 2 s", () => {
    const talk = new Talk();
    const times: string[] = [...talk.restore()];
    for (let link = 1; link <= 12; link += 1) {
      const at = talk.now;
      const dialled = [...talk.close(link)];
      while (dialled.length === 0) dialled.push(...talk.wait());
      times.push(`+${talk.now - at} ${dialled.join()}`);
    }
    expect(times).to.deep.equal([
      "dial #1 m2",
      "+0 dial #2 m3",
      "+0 dial #3 m1",
      "+38 dial #4 m2",
      "+75 dial #5 m3",
      "+150 dial #6 m1",
      "+300 dial #7 m2",
      "+600 dial #8 m3",
      "+1200 dial #9 m1",
      "+1500 dial #10 m2",
      "+1500 dial #11 m3",
      "+1500 dial #12 m1",
      "+1500 dial #13 m2",
    ]);
  });

  it("follows a redirect at once and learns the managers it names", () => {
    const talk = new Talk(["m1"]);
    talk.restore();
    talk.say({ kind: "opened", link: 1 });
    const redirect: ToWorker = { ...REDIRECT, leader: "m9", managers: ["m9", "m8"] };
    expect(talk.hear(1, redirect)).to.deep.equal([
      "save managers m9,m8,m1",
      "close #1: redirected",
      "dial #2 m9",
    ]);
  });

  it("does not spin between managers that name each other", () => {
    const talk = new Talk(["m1", "m2"]);
    talk.restore();
    let dials = 0;
    for (let link = 1; talk.now < 10_000; link += 1) {
      talk.say({ kind: "opened", link });
      const answer = talk.hear(link, { ...REDIRECT, leader: link % 2 === 0 ? "m1" : "m2" });
      if (!answer.some((line) => line.startsWith("dial"))) talk.wait();
      dials += 1;
    }
    expect(dials).to.be.within(100, 400);
  });

  it("asks again soon while managers elect a leader", () => {
    const talk = new Talk();
    talk.restore();
    for (let link = 1; link < 20; link += 1) {
      const before = talk.now;
      talk.say({ kind: "opened", link });
      if (talk.hear(link, REDIRECT).length === 1) talk.wait();
      expect(talk.now - before).to.be.at.most(200);
    }
  });

  it("dials at once when a steady session is lost, and tells every task", () => {
    const talk = new Talk().running();
    talk.now += 5000;
    expect(talk.close(1)).to.deep.equal(["dial #2 m3"]);
    expect(talk.say({ kind: "opened", link: 2 })).to.deep.equal([
      "send #2 hello [t1 running in-rotation]",
    ]);
  });

  it("gives up a manager that does not answer hello", () => {
    const talk = new Talk();
    talk.restore();
    talk.say({ kind: "opened", link: 1 });
    expect(talk.wait().slice(0, 1)).to.deep.equal(["close #1: no answer to hello within 2000 ms"]);
    expect(talk.now).to.equal(2000);
  });

  it("leaves a leader that answered heartbeats and fell silent", () => {
    const talk = new Talk().live();
    talk.wait();
    talk.hear(1, { kind: "heartbeat" });
    const said: string[] = [];
    while (talk.now < 4000) said.push(...talk.wait());
    expect(said).to.deep.equal([
      "send #1 heartbeat",
      "send #1 heartbeat",
      "close #1: the leader was silent for 3000 ms",
      "dial #2 m3",
    ]);
  });

  it("never takes silence of a leader that does not answer heartbeats for a sign", () => {
    const talk = new Talk().live();
    while (talk.now < 60_000) expect(talk.wait()).to.deep.equal(["send #1 heartbeat"]);
  });

  it("ignores what an old link still says", () => {
    const talk = new Talk().live();
    talk.now += 5000;
    talk.close(1);
    expect(talk.hear(1, complete(5, assignment("t1")))).to.deep.equal([]);
    expect(talk.close(1)).to.deep.equal([]);
    expect(describeAgent(talk.agent)).to.equal("");
  });

  it("comes back when assignments or routes leave a gap", () => {
    for (const message of [
      put(7, assignment("t1")),
      { kind: "routes", complete: false, base: 3, version: 4, put: [], remove: [] } as const,
    ]) {
      const talk = new Talk().live();
      talk.now += 2000;
      const said = talk.hear(1, message);
      expect(said[0]).to.match(/^close #1: (assignments|routes) do not follow/);
      expect(said[1]).to.equal("dial #2 m3");
    }
  });

  it("hands the data plane the whole serving table at each change, and keeps it when alone", () => {
    const talk = new Talk().live();
    const route = (name: string) => ({ serviceId: serviceId(name), name, ports: [], backends: [] });
    const routes = { kind: "routes", base: 0, remove: [] } as const;
    expect(
      talk.hear(1, { ...routes, complete: true, version: 1, put: [route("b"), route("a")] }),
    ).to.deep.equal(["data-plane routes a,b"]);
    const next = { ...routes, complete: false, base: 1, version: 2, put: [], remove: ["a"] };
    expect(talk.hear(1, next)).to.deep.equal(["data-plane routes b"]);
    talk.now += 2000;
    expect(talk.close(1)).to.deep.equal(["dial #2 m3"]);
  });

  it("hands gossip what the store says, and comes back when a message is missing", () => {
    const talk = new Talk().live();
    const members = { kind: "members", base: 0, put: [], remove: [], index: 7 } as const;
    expect(talk.hear(1, { ...members, complete: true, version: 1 })).to.deep.equal([
      "learnt members 0>1",
    ]);
    const gap = { ...members, complete: false, base: 4, version: 5 };
    expect(talk.hear(1, gap).some((line) => line.includes("do not follow"))).to.equal(true);
  });

  it("tells a leader, also one it finds soon after, whom its gossip took for dead", () => {
    const talk = new Talk().live();
    const verdict = { kind: "verdict", nodeId: nodeId("w9"), evidence: "refused" } as const;
    expect(talk.say(verdict)).to.deep.equal(["send #1 verdict w9 refused"]);
    const outbox = new VerdictOutbox();
    const sent: string[] = [];
    const at = (now: number, isLive: boolean) => ({
      turn: { now: instant(now), emit: (effect: AgentEffect) => sent.push(effect.kind) },
      leader: { isLive: () => isLive, link: () => 1 },
    });
    const alone = at(0, false);
    outbox.judged(alone.turn, verdict, alone.leader);
    expect(sent).to.deep.equal([]);
    for (const now of [9000, 11_000]) outbox.welcomed(at(now, true).turn, at(now, true).leader);
    expect(sent).to.deep.equal(["send"]);
  });

  it("corrects what it said of the node, while there is a session", () => {
    const talk = new Talk();
    expect(talk.say({ kind: "described" })).to.deep.equal([]);
    talk.live();
    expect(talk.say({ kind: "described" })).to.deep.equal(["send #1 description"]);
  });

  it("corrects a hello that was under way when the node changed", () => {
    const talk = new Talk();
    talk.restore();
    talk.say({ kind: "opened", link: 1 });
    expect(talk.say({ kind: "described" })).to.deep.equal([]);
    expect(talk.hear(1, WELCOME)).to.include("send #1 description");
  });

  it("dials anew with a new certificate, in whatever state the old one's dial is", () => {
    const talk = new Talk();
    talk.restore();
    expect(talk.say({ kind: "reconnect" })).to.include("dial #2 m3");
    talk.say({ kind: "opened", link: 2 });
    expect(talk.say({ kind: "reconnect" })).to.include("dial #3 m1");
  });
});

describe("a task on the agent", () => {
  it("is accepted, prepared, started and run", () => {
    const talk = new Talk().live();
    expect(
      talk.hear(1, put(1, assignment("t1", { address: "10.65.0.5", ports: [80] }))),
    ).to.deep.equal([
      "save t1 want=running preparing",
      "prepare t1: sleep 100",
      "send #1 taken 1",
      "send #1 status 1 [t1 preparing]",
    ]);
    expect(talk.engine({ kind: "prepared", taskId: T1 })).to.deep.equal(["start t1"]);
    expect(talk.engine({ kind: "started", taskId: T1, pid: 7 })).to.deep.equal([
      "data-plane task t1 127.65.0.5 ports=80",
    ]);
    expect(talk.hear(1, { kind: "status-stored", sequence: 1 })).to.deep.equal([
      "send #1 status 2 [t1 running]",
    ]);
    talk.hear(1, { kind: "status-stored", sequence: 2 });
    expect(
      talk.say({ kind: "data-plane", message: { kind: "in-rotation", taskId: T1 } }),
    ).to.deep.equal(["send #1 status 3 [t1 running in-rotation]"]);
  });

  it("waits in ready until it is desired to run", () => {
    const talk = new Talk().live();
    talk.hear(1, put(1, assignment("t1", { desired: "ready" })));
    expect(talk.engine({ kind: "prepared", taskId: T1 })).to.deep.equal([]);
    expect(talk.hear(1, put(2, assignment("t1", { desired: "running" })))).to.deep.equal([
      "save t1 want=running starting",
      "start t1",
      "send #1 taken 2",
    ]);
  });

  const ends: readonly (readonly [string, EngineEvent, string])[] = [
    ["complete on 0", exited(0, false), "complete exit=0"],
    ["failed on 1", exited(1, false), 'failed exit=1 "task: non-zero exit (1)"'],
    ["failed when killed", exited(137, false), 'failed exit=137 "task: non-zero exit (137)"'],
    ["shutdown when the engine was asked to stop", exited(143, true), "shutdown exit=143"],
  ];
  for (const [name, event, status] of ends) {
    it(`is ${name}`, () => {
      const talk = new Talk().running();
      expect(talk.engine(event)).to.include(`send #1 status 4 [t1 ${status}]`);
    });
  }

  it("is rejected before the start with the system's words, failed after", () => {
    const error = 'exec: "nosuch": executable file not found in $PATH';
    for (const [prepared, state] of [
      [false, "rejected"],
      [true, "failed"],
    ] as const) {
      const talk = new Talk().live();
      talk.hear(1, put(1, assignment("t1")));
      if (prepared) talk.engine({ kind: "prepared", taskId: T1 });
      talk.engine({ kind: "rejected", taskId: T1, error });
      expect(describeAgent(talk.agent)).to.equal(`t1 ${state} "${error}" want=running`);
    }
  });

  it("is rejected without the engine when its spec cannot be run", () => {
    const talk = new Talk().live();
    const said = talk.hear(1, put(1, assignment("t1", { process: { image: "nginx" } })));
    expect(said[0]).to.equal("save t1 want=running rejected");
    expect(said.join()).to.include("images are not supported yet");
    expect(said.join()).to.not.include("prepare");
  });

  it("drains before the stop signal when it is in rotation", () => {
    const talk = new Talk().running({ address: "10.65.0.5", ports: [80] });
    talk.say({ kind: "data-plane", message: { kind: "in-rotation", taskId: T1 } });
    talk.hear(1, { kind: "status-stored", sequence: 4 });
    const shutdown = assignment("t1", { desired: "shutdown" });
    expect(talk.hear(1, put(2, shutdown))).to.deep.equal([
      "save t1 want=shutdown running",
      "data-plane task t1 127.65.0.5 ports=80 draining",
      "send #1 taken 2",
      "send #1 status 5 [t1 running]",
    ]);
    const began = talk.now;
    expect(talk.wait()).to.deep.equal(["stop t1"]);
    expect(talk.now - began).to.equal(500);
    expect(talk.engine(exited(143, true))).to.deep.equal([
      "save t1 want=shutdown shutdown",
      "data-plane task-gone t1",
    ]);
  });

  it("is stopped at once when it serves nobody", () => {
    const talk = new Talk().running();
    expect(talk.hear(1, put(2, assignment("t1", { desired: "shutdown" })))).to.include("stop t1");
  });

  it("is never started when it is no longer wanted before", () => {
    const talk = new Talk().live();
    talk.hear(1, put(1, assignment("t1", { desired: "ready" })));
    talk.hear(1, put(2, assignment("t1", { desired: "shutdown" })));
    expect(describeAgent(talk.agent)).to.equal("t1 shutdown want=shutdown");
    expect(talk.engine({ kind: "prepared", taskId: T1 })).to.deep.equal([]);
  });

  it("that was never seen and is not wanted is reported shutdown", () => {
    const talk = new Talk().live();
    const said = talk.hear(1, put(1, assignment("t1", { desired: "remove" })));
    expect(said).to.include("send #1 status 1 [t1 shutdown]");
  });

  it("never wants less again: a late assignment does not revive it", () => {
    const talk = new Talk().running();
    talk.hear(1, put(2, assignment("t1", { desired: "shutdown" })));
    talk.hear(1, put(3, assignment("t1", { desired: "running" })));
    expect(describeAgent(talk.agent)).to.include("want=shutdown");
  });

  it("shows the port problem the data plane found, until it is in rotation", () => {
    const talk = new Talk().running({ address: "10.65.0.5", ports: [80] });
    const message = "web.1 listens on 0.0.0.0:8000";
    talk.say({ kind: "data-plane", message: { kind: "warning", taskId: T1, message } });
    expect(describeAgent(talk.agent)).to.equal(`t1 running warning="${message}" want=running`);
    talk.say({ kind: "data-plane", message: { kind: "in-rotation", taskId: T1 } });
    expect(describeAgent(talk.agent)).to.equal("t1 running in-rotation want=running");
    const reason = "connection refused";
    talk.say({ kind: "data-plane", message: { kind: "out-of-rotation", taskId: T1, reason } });
    expect(describeAgent(talk.agent)).to.equal(`t1 running warning="${reason}" want=running`);
  });

  it("is stopped, then removed, when a complete set no longer has it", () => {
    const talk = new Talk().running();
    talk.now += 2000;
    talk.close(1);
    talk.say({ kind: "opened", link: 2 });
    talk.hear(2, WELCOME);
    expect(talk.hear(2, complete(1))).to.include("stop t1");
    expect(talk.engine(exited(143, true))).to.deep.equal([
      "save t1 want=remove shutdown",
      "data-plane task-gone t1",
      "save forget t1",
      "remove t1",
    ]);
    expect(describeAgent(talk.agent)).to.equal("");
  });

  it("runs on while every manager is gone, and its end is told to the next leader", () => {
    const talk = new Talk().running();
    talk.now += 2000;
    talk.close(1);
    for (let link = 2; link < 100; link += 1) if (talk.close(link).length === 0) talk.wait();
    expect(describeAgent(talk.agent)).to.equal("t1 running in-rotation want=running");
    talk.engine(exited(3, false));
    const link = 100;
    talk.say({ kind: "opened", link });
    expect(talk.hear(link, WELCOME)).to.deep.equal([
      'send #100 status 4 [t1 failed exit=3 "task: non-zero exit (3)"]',
    ]);
  });
});

describe("statuses", () => {
  it("are sent again in the next session until a leader has stored them", () => {
    const talk = new Talk().live();
    talk.hear(1, put(1, assignment("t1")));
    talk.now += 2000;
    talk.close(1);
    talk.say({ kind: "opened", link: 2 });
    expect(talk.hear(2, WELCOME)).to.deep.equal(["send #2 status 2 [t1 preparing]"]);
    expect(talk.hear(2, { kind: "status-stored", sequence: 1 })).to.deep.equal([]);
    expect(talk.agent.facts().unreported).to.equal(1);
    talk.hear(2, { kind: "status-stored", sequence: 2 });
    expect(talk.agent.facts().unreported).to.equal(0);
  });

  it("that are not stored in time make the agent look for another leader", () => {
    const talk = new Talk().live();
    talk.hear(1, put(1, assignment("t1")));
    const said: string[] = [];
    while (talk.now < 5000) said.push(...talk.wait());
    expect(said).to.include("close #1: statuses were not stored in time");
  });
});

describe("a restarted agent", () => {
  const record = (state: "preparing" | "failed", desired: "running" | "shutdown" = "running") => ({
    assignment: assignment("t1", { desired }),
    status: { state, at: 0, message: "old" } as const,
  });

  it("adopts what runs and tells it before any manager says a word", () => {
    const talk = new Talk();
    talk.restore([record("preparing")], [{ taskId: T1, state: "running", pid: 7 }]);
    expect(talk.say({ kind: "opened", link: 1 })).to.deep.equal([
      "send #1 hello [t1 running in-rotation]",
    ]);
  });

  it("learns how a task ended meanwhile", () => {
    const talk = new Talk();
    talk.restore([record("preparing")], [{ taskId: T1, state: "exited", exitCode: 3 }]);
    expect(describeAgent(talk.agent)).to.include("failed exit=3");
  });

  it("knows that it was stopping the task which ended meanwhile", () => {
    const talk = new Talk();
    talk.restore(
      [record("preparing", "shutdown")],
      [{ taskId: T1, state: "exited", exitCode: 143 }],
    );
    expect(describeAgent(talk.agent)).to.equal("t1 shutdown exit=143 want=shutdown");
  });

  it("goes on stopping a task it was to stop", () => {
    const talk = new Talk();
    const said = talk.restore(
      [record("preparing", "shutdown")],
      [{ taskId: T1, state: "running", pid: 7 }],
    );
    expect(said).to.include("stop t1");
  });

  it("prepares a task that never started", () => {
    expect(new Talk().restore([record("preparing")])).to.include("prepare t1: sleep 100");
  });

  it("keeps an end it recorded, whatever the engine finds", () => {
    const talk = new Talk();
    talk.restore([record("failed")], [{ taskId: T1, state: "exited", exitCode: 0 }]);
    expect(describeAgent(talk.agent)).to.equal("t1 failed want=running");
  });

  it("stops and removes a task nobody recorded and no leader wants", () => {
    const talk = new Talk();
    talk.restore([], [{ taskId: T1, state: "running", pid: 7 }]);
    talk.say({ kind: "opened", link: 1 });
    talk.hear(1, WELCOME);
    expect(talk.hear(1, complete(1))).to.include("stop t1");
    expect(talk.engine(exited(143, true))).to.include("remove t1");
  });

  it("keeps a task nobody recorded when the leader wants it here", () => {
    const talk = new Talk();
    talk.restore([], [{ taskId: T1, state: "running", pid: 7 }]);
    talk.say({ kind: "opened", link: 1 });
    talk.hear(1, WELCOME);
    const said = talk.hear(1, complete(1, assignment("t1", { address: "10.65.0.5", ports: [80] })));
    expect(said).to.include("data-plane task t1 127.65.0.5 ports=80");
    expect(said).to.not.include("stop t1");
  });
});

describe("a planned end", () => {
  it("stops the tasks, tells their end, and leaves", () => {
    const talk = new Talk().running();
    expect(talk.say({ kind: "leave", keepTasks: false, backWithinMs: 0 })).to.deep.equal([
      "send #1 leaving",
      "stop t1",
      "send #1 status 4 [t1 running]",
    ]);
    talk.hear(1, { kind: "status-stored", sequence: 4 });
    expect(talk.hear(1, put(2, assignment("t2")))).to.deep.equal(["send #1 taken 2"]);
    expect(talk.engine(exited(143, true))).to.include("send #1 status 5 [t1 shutdown exit=143]");
    expect(talk.hear(1, { kind: "status-stored", sequence: 5 })).to.deep.equal([
      "close #1: the agent ends",
      "left",
    ]);
  });

  it("does not wait for a leader that does not store", () => {
    const talk = new Talk().running();
    talk.say({ kind: "leave", keepTasks: false, backWithinMs: 0 });
    talk.engine(exited(143, true));
    const began = talk.now;
    let said: readonly string[] = [];
    while (!said.includes("left")) said = talk.wait();
    expect(talk.now - began).to.equal(1000);
  });

  it("ends the tasks of a node that was removed, serves nothing, and asks nobody again", () => {
    const talk = new Talk().running();
    const end = { kind: "forbidden", reason: "removed", cause: "removed" } as const;
    expect(talk.say({ kind: "closed", link: 1, end })).to.deep.equal([
      "close #1: the agent ends",
      "data-plane routes ",
      "stop t1",
    ]);
    expect(talk.engine(exited(143, true))).to.include("left");
    expect(talk.agent.wakeAt()).to.equal(undefined);
  });

  it("keeps the tasks when it announces a return", () => {
    const talk = new Talk().running();
    const said = talk.say({ kind: "leave", keepTasks: true, backWithinMs: 60_000 });
    expect(said).to.deep.equal([
      "send #1 leaving, back within 60000 ms",
      "close #1: the agent ends",
      "left",
    ]);
  });
});

describe("the agent under any sequence of inputs", () => {
  it("keeps its invariants and never throws", () => {
    fc.assert(
      fc.property(fc.array(anyMove(), { maxLength: 60 }), (moves) => {
        const talk = new Talk();
        talk.restore();
        let link = 1;
        for (const move of moves) {
          talk.now += move.afterMs;
          const effects = talk.step(move.input(link));
          for (const effect of effects) if (effect.kind === "dial") link = effect.link;
        }
      }),
      { numRuns: 500 },
    );
  });
});

interface Move {
  readonly afterMs: number;
  readonly input: (link: number) => AgentInput | { readonly kind: "wake" };
}

function anyMove(): fc.Arbitrary<Move> {
  const desired = fc.constantFrom("ready", "running", "shutdown", "remove" as const);
  const id = fc.constantFrom("t1", "t2", "t3");
  const task = fc
    .tuple(id, desired, fc.boolean())
    .map(([name, want, served]) =>
      assignment(name, { desired: want, ...(served ? { address: "10.65.0.5", ports: [80] } : {}) }),
    );
  const message = fc.oneof(
    fc.constant(WELCOME),
    fc.constant(REDIRECT),
    fc.array(task, { maxLength: 3 }).map((tasks) => complete(1, ...tasks)),
    fc.tuple(fc.integer({ min: 1, max: 3 }), task).map(([version, one]) => put(version, one)),
    fc
      .integer({ min: 1, max: 5 })
      .map((sequence) => ({ kind: "status-stored", sequence }) as const),
    fc.constant({ kind: "heartbeat" } as const),
  );
  const event = fc.tuple(id, fc.nat(6)).map(([name, which]) => anyEvent(name, which));
  const plane = fc
    .tuple(id, fc.constantFrom("in-rotation", "out-of-rotation" as const))
    .map(([name, kind]) => ({ kind, taskId: taskId(name), reason: "refused" }));
  const input = fc.oneof(
    { weight: 6, arbitrary: message.map((m) => (link: number) => received(link, m)) },
    { weight: 6, arbitrary: event.map((e) => () => ({ kind: "engine", event: e }) as const) },
    { weight: 2, arbitrary: plane.map((p) => () => ({ kind: "data-plane", message: p }) as const) },
    { weight: 2, arbitrary: fc.constant((link: number) => ({ kind: "opened", link }) as const) },
    { weight: 1, arbitrary: fc.constant((link: number) => closed(link)) },
    { weight: 3, arbitrary: fc.constant(() => ({ kind: "wake" }) as const) },
  );
  return fc.record({ afterMs: fc.nat(1500), input });
}

function anyEvent(name: string, which: number): EngineEvent {
  const id = taskId(name);
  const events: readonly EngineEvent[] = [
    { kind: "prepared", taskId: id },
    { kind: "started", taskId: id, pid: 9 },
    { kind: "rejected", taskId: id, error: "no" },
    { kind: "exited", taskId: id, exitCode: 1, stopped: false },
    { kind: "warning", taskId: id, message: "limit" },
    { kind: "checked", taskId: id, healthy: false, output: "no" },
    { kind: "checked", taskId: id, healthy: true, output: "" },
  ];
  return events[which] ?? { kind: "prepared", taskId: id };
}

function received(link: number, message: ToWorker): AgentInput {
  return { kind: "received", link, message };
}

function closed(link: number): AgentInput {
  return { kind: "closed", link, end: { kind: "closed", reason: "cut" } };
}

function exited(exitCode: number, stopped: boolean): EngineEvent {
  return { kind: "exited", taskId: T1, exitCode, stopped };
}
