import { nodeId, taskId } from "@skein/common/ids";
import { instant } from "@skein/common/time";
import type { FromWorker } from "@skein/common/wire/dispatch-messages";
import { expect } from "chai";
import { DISPATCH_CONNECTIONS_MAX, DISPATCH_UNTAKEN_MAX } from "../limits.ts";
import { hello, Stage, status } from "./stage.test.ts";

const WEB_PORT = { protocol: "tcp", targetPort: 80, publishedPort: 8080, mode: "ingress" } as const;

/** w1 and w2 are here, on connections 1 and 2. */
function staged(): Stage {
  const stage = new Stage();
  stage.join(1, "w1");
  stage.join(2, "w2");
  for (const id of [1, 2]) stage.say(id, { kind: "taken", version: 1 });
  stage.advance(100);
  return stage;
}

/** Keeps the given connections from being silent while time passes. */
function beat(stage: Stage, connections: readonly number[], seconds: number): readonly string[] {
  const lines: string[] = [];
  for (let second = 0; second < seconds; second += 1) {
    lines.push(...stage.advance(1000));
    for (const id of connections) {
      const answer = stage.say(id, { kind: "heartbeat" });
      lines.push(...answer.filter((line) => line !== `#${id} <- heartbeat`));
    }
  }
  return lines;
}

/** Drops ids that are drawn: sessions. */
function plain(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace(/ id\d+$/, " S"));
}

describe("a session", () => {
  it("begins with welcome and complete sets, once the store has it", () => {
    const stage = new Stage();
    stage.commitsAtOnce = false;
    stage.connect(1, "w1");
    expect(plain(stage.say(1, hello("w1")))).to.deep.equal(["propose 1 join-node w1 S"]);
    expect(plain(stage.commit())).to.deep.equal([
      "#1 <- welcome S",
      "#1 <- assignments =1",
      "#1 <- routes =1",
    ]);
    expect(stage.state("w1")).to.equal("ready");
  });

  it("is not welcomed when it could not be stored", () => {
    const stage = new Stage();
    stage.commitsAtOnce = false;
    stage.join(1, "w1");
    expect(stage.fail()).to.deep.equal(["#1 close: the session could not be stored: come back"]);
  });

  it("has its description written when that changes, and comes back when it could not be", () => {
    const stage = staged();
    const { description } = hello("w1");
    const message = { kind: "description", description: { ...description, limits: ["cpu"] } };
    stage.say(1, message as FromWorker);
    expect(stage.cluster.node("w1").description.limits).to.deep.equal(["cpu"]);
    stage.commitsAtOnce = false;
    stage.say(1, message as FromWorker);
    expect(stage.fail()[0]).to.equal("#1 close: its description could not be stored: come back");
  });

  it("answers heartbeats, and lasts as long as they come", () => {
    const stage = staged();
    expect(stage.say(1, { kind: "heartbeat" })).to.deep.equal(["#1 <- heartbeat"]);
    expect(beat(stage, [1, 2], 60)).to.deep.equal([]);
  });

  it("is replaced by a newer one of the same node (D10)", () => {
    const stage = staged();
    const lines = plain(stage.join(3, "w1"));
    expect(lines.slice(0, 2)).to.deep.equal([
      "#1 close: replaced by a newer session",
      "propose 3 join-node w1 S",
    ]);
    expect(stage.close(1)).to.deep.equal([]);
    expect(beat(stage, [2, 3], 5)).to.deep.equal([]);
    expect(stage.state("w1")).to.equal("ready");
  });

  const refused = [
    {
      name: "another version of the protocol",
      say: { ...hello("w1"), version: 2 },
      reason: "dispatch version 2 is not spoken here: this manager wants 1",
    },
    {
      name: "a heartbeat before hello",
      say: { kind: "heartbeat" },
      reason: "heartbeat before welcome",
    },
    {
      name: "statuses before hello",
      say: { kind: "status", sequence: 1, reports: [] },
      reason: "status before welcome",
    },
  ] as const;
  for (const { name, say, reason } of refused) {
    it(`is refused for ${name}`, () => {
      const stage = new Stage();
      stage.connect(1, "w1");
      expect(stage.say(1, say)).to.deep.equal([`#1 close: ${reason}`]);
      expect(stage.say(1, { kind: "heartbeat" })).to.deep.equal([]);
    });
  }

  it("is closed when it says hello twice, or not at all", () => {
    const stage = staged();
    expect(stage.say(1, hello("w1"))[0]).to.equal("#1 close: said hello twice");
    stage.connect(3, "w3");
    expect(beat(stage, [2], 5)).to.include("#3 close: said no hello");
  });

  it("is closed beyond the number of connections", () => {
    const stage = new Stage();
    for (let id = 1; id <= DISPATCH_CONNECTIONS_MAX; id += 1) {
      stage.dispatcher.step(stage.now, {
        kind: "opened",
        connection: id,
        nodeId: nodeId(`n${id}`),
        role: "worker",
      });
    }
    const [line] = stage.connect(DISPATCH_CONNECTIONS_MAX + 1, "w1");
    expect(line).to.match(/close: more than 10000 connections/);
  });

  it("ends with the removal of its node, which is then refused", () => {
    const stage = staged();
    stage.change((cluster) => cluster.down("w1"));
    const lines = stage.change((cluster) =>
      cluster.apply({ kind: "remove-node", nodeId: nodeId("w1"), force: true }),
    );
    expect(lines).to.deep.equal([]);
    expect(stage.join(3, "w1")).to.deep.equal(["#3 close: the node was removed from the cluster"]);
  });

  it("ends with the forced removal of a working node", () => {
    const stage = staged();
    const lines = stage.change((cluster) =>
      cluster.apply({ kind: "remove-node", nodeId: nodeId("w1"), force: true }),
    );
    expect(lines).to.deep.equal(["#1 close: the node was removed from the cluster"]);
  });

  it("ends when its node is declared down by anyone, so that the worker begins anew", () => {
    const stage = staged();
    const lines = stage.change((cluster) => cluster.down("w1", "test"));
    expect(lines).to.deep.equal(["#1 close: the node was declared down: test"]);
    stage.join(3, "w1");
    expect(stage.state("w1")).to.equal("ready");
  });

  it("hears of new managers", () => {
    const stage = staged();
    const lines = stage.step({ kind: "managers", managers: ["m1:1", "m2:1"] });
    expect(lines).to.deep.equal(["#1 <- managers m1:1 m2:1", "#2 <- managers m1:1 m2:1"]);
  });
});

describe("a node", () => {
  it("is down after 3 s of silence", () => {
    const stage = staged();
    expect(beat(stage, [2], 2)).to.deep.equal([]);
    expect(beat(stage, [2], 1)).to.deep.equal([
      "propose 3 set-node-state w1 down: silent for 3 s",
      "#1 close: silent for 3 s",
    ]);
    expect(stage.state("w1")).to.equal("down: silent for 3 s");
    expect(stage.state("w2")).to.equal("ready");
  });

  it("is down at once when its session closed and a dial is refused", () => {
    const stage = staged();
    expect(stage.close(1)).to.deep.equal(["probe w1 at w1:7946"]);
    stage.probed("w1", "refused");
    expect(stage.state("w1")).to.equal("down: worker process ended: connection refused");
  });

  for (const outcome of ["answered", "unknown"] as const) {
    it(`has until the silence limit when the dial is ${outcome}`, () => {
      const stage = staged();
      stage.say(1, { kind: "heartbeat" });
      stage.close(1);
      stage.probed("w1", outcome);
      expect(beat(stage, [2], 2)).to.deep.equal([]);
      expect(stage.state("w1")).to.equal("ready");
      beat(stage, [2], 1);
      expect(stage.state("w1")).to.equal("down: silent for 3 s");
    });
  }

  it("is not judged by the probe of a session it has left behind", () => {
    const stage = staged();
    const { session } = stage.cluster.node("w1").status;
    stage.close(1);
    stage.join(3, "w1");
    stage.close(3);
    const probed = { kind: "probed", nodeId: nodeId("w1"), outcome: "refused" } as const;
    stage.step(session === undefined ? probed : { ...probed, session });
    expect(stage.state("w1")).to.equal("ready");
  });

  it("is not judged while a new session is being stored", () => {
    const stage = staged();
    stage.close(1);
    stage.commitsAtOnce = false;
    stage.join(3, "w1");
    stage.probed("w1", "refused");
    expect(beat(stage, [2], 2)).to.deep.equal([]);
  });

  it("is watched when its session was stored after the connection closed (D9)", () => {
    const stage = new Stage();
    stage.commitsAtOnce = false;
    stage.join(1, "w1");
    stage.close(1);
    expect(stage.commit()).to.deep.equal(["probe w1 at w1:7946"]);
    stage.commitsAtOnce = true;
    stage.advance(3000);
    expect(stage.state("w1")).to.equal("down: silent for 3 s");
  });

  it("that announced a restart has until then", () => {
    const stage = staged();
    stage.say(1, { kind: "leaving", restarting: true, backWithinMs: 20_000 });
    expect(stage.close(1)).to.deep.equal([]);
    beat(stage, [2], 19);
    expect(stage.state("w1")).to.equal("ready");
    beat(stage, [2], 1);
    expect(stage.state("w1")).to.equal("down: did not come back from its restart");
  });

  it("that announced a restart has 60 s at most, with its connection open or not", () => {
    const stage = staged();
    stage.say(1, { kind: "leaving", restarting: true, backWithinMs: 3_600_000 });
    beat(stage, [2], 59);
    expect(stage.state("w1")).to.equal("ready");
    beat(stage, [2], 1);
    expect(stage.state("w1")).to.equal("down: did not come back from its restart");
  });

  it("that announced its end is down at once, and its last words are stored", () => {
    const stage = staged();
    stage.change((cluster) => {
      cluster.create("web", { task: { constraints: ["node.id==w1"] } });
      cluster.settle();
    });
    stage.say(1, { kind: "leaving", restarting: false, backWithinMs: 0 });
    expect(stage.state("w1")).to.equal("down: worker was stopped");
    const { id } = stage.cluster.task("web", 1);
    const reports = [{ taskId: id, status: status("shutdown") }];
    stage.say(1, { kind: "status", sequence: 1, reports });
    stage.close(1);
    expect(stage.cluster.task("web", 1).status.state).to.equal("shutdown");
  });

  it("is judged again when the verdict could not be stored", () => {
    const stage = staged();
    stage.commitsAtOnce = false;
    stage.close(1);
    stage.probed("w1", "refused");
    expect(stage.fail()).to.deep.equal([]);
    expect(stage.advance(200)).to.deep.equal([
      "propose 4 set-node-state w1 down: worker process ended: connection refused",
    ]);
    stage.commit();
    expect(stage.state("w1")).to.match(/^down/);
  });

  it("that came back is left alone by a verdict on its old session", () => {
    const stage = staged();
    stage.commitsAtOnce = false;
    stage.close(1);
    stage.probed("w1", "refused");
    stage.join(3, "w1");
    const verdict = stage.open.shift();
    stage.commit();
    stage.open.push(...(verdict === undefined ? [] : [verdict]));
    stage.commit();
    expect(stage.state("w1")).to.equal("ready");
  });

  it("is not silent for a time in which this manager was stalled (D11)", () => {
    const stage = staged();
    stage.now = instant(stage.now + 10_000);
    expect(stage.say(2, { kind: "heartbeat" })).to.deep.equal(["#2 <- heartbeat"]);
    expect(stage.say(1, { kind: "heartbeat" })).to.deep.equal(["#1 <- heartbeat"]);
    expect(beat(stage, [1, 2], 5)).to.deep.equal([]);
  });

  it("that stays silent after our own stall is down a second later", () => {
    const stage = staged();
    stage.now = instant(stage.now + 10_000);
    stage.step({ kind: "wake" });
    expect(stage.state("w1")).to.equal("ready");
    beat(stage, [2], 1);
    expect(stage.state("w1")).to.equal("down: silent for 3 s");
  });
});

describe("gossip's verdict", () => {
  const verdict = { kind: "verdict", nodeId: nodeId("w1"), evidence: "silent" } as const;

  it("on a node without a session is believed at once, also by a new leader", () => {
    const stage = staged();
    stage.changeLeader();
    stage.join(3, "w2");
    stage.say(3, verdict);
    expect(stage.state("w1")).to.equal("down: cannot be reached by other nodes: no answer");
  });

  it("is overruled by a session, and by a restart that was announced", () => {
    const stage = staged();
    stage.say(2, verdict);
    expect(stage.state("w1")).to.equal("ready");
    stage.say(1, { kind: "leaving", restarting: true, backWithinMs: 60_000 });
    stage.close(1);
    stage.say(2, verdict);
    expect(stage.state("w1")).to.equal("ready");
  });
});

describe("members", () => {
  it("are told to every worker, with the index they were known at", () => {
    const stage = staged();
    stage.showsMembers = true;
    const lines = stage.join(3, "w3").filter((line) => line.includes("members"));
    expect(lines.at(-1)).to.match(/^#3 <- members =\d+ w1 w2 w3$/);
    expect(lines.some((line) => /^#1 <- members \d+>\d+ w3$/.test(line))).to.equal(true);
  });
});

describe("a new leader", () => {
  it("gives every node time to reconnect", () => {
    const stage = staged();
    stage.changeLeader();
    expect(stage.advance(999)).to.deep.equal([]);
    expect(stage.advance(1)).to.deep.equal(["probe w1 at w1:7946", "probe w2 at w2:7946"]);
    stage.probed("w1", "answered");
    stage.probed("w2", "unknown");
    stage.join(3, "w1");
    beat(stage, [3], 3);
    expect(stage.state("w2")).to.equal("ready");
    beat(stage, [3], 1);
    expect(stage.state("w1")).to.equal("ready");
    expect(stage.state("w2")).to.equal("down: silent for 5 s after a change of leader");
  });

  it("judges a node whose process is gone when two dials are refused", () => {
    const stage = staged();
    stage.changeLeader();
    stage.advance(1000);
    stage.probed("w1", "refused");
    expect(stage.state("w1")).to.equal("ready");
    expect(stage.advance(250)).to.deep.equal(["probe w1 at w1:7946"]);
    stage.probed("w1", "refused");
    expect(stage.state("w1")).to.equal("down: worker process ended: connection refused");
  });

  it("does not watch nodes that were down already", () => {
    const stage = staged();
    stage.change((cluster) => cluster.down("w1"));
    stage.changeLeader();
    expect(stage.advance(1000)).to.deep.equal(["probe w2 at w2:7946"]);
  });
});

/** The table no longer expects the task: told to both nodes, before the assignment (D4). */
const UNEXPECTED = [1, 2].map((connection) => `#${connection} <- routes 2>3 web:[]`);

describe("assignments", () => {
  /** web.1 on w1. */
  function assigned(stage: Stage): readonly string[] {
    return stage.change((cluster) => {
      cluster.create("web", { ports: [WEB_PORT], task: { constraints: ["node.id==w1"] } });
      cluster.settle();
    });
  }

  it("go to the node concerned alone (D2)", () => {
    const stage = staged();
    const { id } = { id: "id00003" };
    expect(assigned(stage)).to.deep.equal([
      "#1 <- routes 1>2 web:[(id00003)]",
      "#2 <- routes 1>2 web:[(id00003)]",
      `#1 <- assignments 1>2 ${id}:running`,
    ]);
  });

  it("are told again when something an agent acts on changed, and only then", () => {
    const stage = staged();
    assigned(stage);
    stage.advance(100);
    const { id } = stage.cluster.task("web", 1);
    expect(stage.change((cluster) => cluster.report(id, { state: "starting" }))).to.deep.equal([]);
    stage.advance(100);
    const relabel = (cluster: Stage["cluster"]) => cluster.setNode("w1", { labels: { a: "b" } });
    expect(stage.change(relabel)).to.deep.equal([`#1 <- assignments 2>3 ${id}:running`]);
    stage.advance(100);
    const scale = (cluster: Stage["cluster"]) => {
      cluster.change("web", { replicas: 0 });
      cluster.settle();
    };
    const told = [...UNEXPECTED, `#1 <- assignments 3>4 ${id}:remove`];
    expect(stage.change(scale)).to.deep.equal(told);
    stage.advance(100);
    const end = (cluster: Stage["cluster"]) => cluster.report(id, { state: "shutdown" });
    expect(stage.change(end)).to.deep.equal([]);
    stage.advance(100);
    const reap = (cluster: Stage["cluster"]) => cluster.settle();
    expect(stage.change(reap)).to.deep.equal([`#1 <- assignments 4>5 -${id}`]);
  });

  it("name an ended task as one that stays ended, as long as its row is there", () => {
    const stage = staged();
    assigned(stage);
    stage.advance(100);
    const { id } = stage.cluster.task("web", 1);
    const end = (cluster: Stage["cluster"]) => cluster.report(id, { state: "failed" });
    const told = [...UNEXPECTED, `#1 <- assignments 2>3 ${id}:shutdown`];
    expect(stage.change(end)).to.deep.equal(told);
    stage.advance(100);
    const scale = (cluster: Stage["cluster"]) => {
      cluster.change("web", { replicas: 0 });
      cluster.settle();
    };
    expect(stage.change(scale)).to.deep.equal([`#1 <- assignments 3>4 -${id}`]);
  });

  it("gather what follows within 10 ms", () => {
    const stage = staged();
    assigned(stage);
    const { id } = stage.cluster.task("web", 1);
    const desire = (desired: "shutdown" | "remove") => (cluster: Stage["cluster"]) =>
      cluster.apply({ kind: "set-desired", items: [{ taskId: id, desired, reason: "test" }] });
    expect(stage.change(desire("shutdown"))).to.deep.equal([]);
    expect(stage.change(desire("remove"))).to.deep.equal([]);
    expect(stage.advance(9)).to.deep.equal([]);
    const told = [...UNEXPECTED, `#1 <- assignments 2>3 ${id}:remove`];
    expect(stage.advance(1)).to.deep.equal(told);
  });

  it("are held back while the worker takes none, and gathered (D3)", () => {
    const stage = staged();
    assigned(stage);
    const flip = (round: number) => (cluster: Stage["cluster"]) =>
      cluster.setNode("w1", { labels: { round: String(round) } });
    let sent = 2;
    for (let round = 0; round < 100; round += 1) {
      sent += stage.change(flip(round)).length;
      sent += stage.advance(10).length;
    }
    expect(sent).to.equal(1 + DISPATCH_UNTAKEN_MAX);
    stage.advance(100);
    expect(stage.say(1, { kind: "taken", version: 65 })).to.have.length(1);
    expect(stage.say(1, { kind: "taken", version: 66 })).to.deep.equal([]);
    expect(beat(stage, [1, 2], 60)).to.deep.equal([]);
  });

  it("that are not taken for 30 s end the session", () => {
    const stage = staged();
    assigned(stage);
    expect(beat(stage, [1, 2], 29)).to.deep.equal([]);
    expect(beat(stage, [1, 2], 1)[0]).to.equal("#1 close: assignments were not taken: come back");
  });
});

describe("routes", () => {
  it("hold tasks in rotation on ready nodes, for every node (D4)", () => {
    const stage = staged();
    stage.change((cluster) => {
      cluster.create("web", { replicas: 2, ports: [WEB_PORT] });
      cluster.settle();
    });
    const [first, second] = stage.cluster.tasks("web").map(({ id }) => id);
    stage.advance(100);
    const routesOf = (lines: readonly string[]) =>
      lines.filter((line) => line.startsWith("#2 <- r"));
    const after = (act: (cluster: Stage["cluster"]) => void) => {
      stage.advance(100);
      return routesOf(stage.change(act));
    };
    const running = { state: "running", inRotation: true } as const;
    expect(after((it) => it.report(first ?? taskId("none"), { state: "running" }))).to.deep.equal(
      [],
    );
    expect(after((it) => it.report(first ?? taskId("none"), running))).to.deep.equal([
      `#2 <- routes 2>3 web:[${first} (${second})]`,
    ]);
    expect(after((it) => it.report(second ?? taskId("none"), running))).to.deep.equal([
      `#2 <- routes 3>4 web:[${first} ${second}]`,
    ]);
    const on = stage.cluster.task("web", 1).nodeId === "w1" ? second : first;
    expect(after((it) => it.down("w1"))).to.deep.equal([`#2 <- routes 4>5 web:[${on}]`]);
    expect(stage.join(5, "w1").find((line) => line.startsWith("#5 <- routes ="))).to.match(
      /=5 web/,
    );
    const gone = after((it) =>
      it.apply({ kind: "remove-service", serviceId: it.service("web").id }),
    );
    expect(gone).to.deep.equal(["#2 <- routes 6>7 -web"]);
  });

  it("leave a task before its agent is told to stop it", () => {
    const stage = staged();
    stage.change((cluster) => {
      cluster.create("web", { ports: [WEB_PORT], task: { constraints: ["node.id==w1"] } });
      cluster.converge();
    });
    stage.advance(100);
    const lines = stage.change((cluster) => {
      cluster.change("web", { replicas: 0 });
      cluster.settle();
    });
    expect(lines.map((line) => line.split(" ", 3).join(" "))).to.deep.equal([
      "#1 <- routes",
      "#2 <- routes",
      "#1 <- assignments",
    ]);
  });

  it("publish neither host ports nor udp, nor services without ports", () => {
    const stage = staged();
    const lines = stage.change((cluster) => {
      cluster.create("quiet");
      cluster.create("host", { ports: [{ ...WEB_PORT, mode: "host" }] });
      cluster.create("udp", { ports: [{ ...WEB_PORT, protocol: "udp" }] });
    });
    expect(lines).to.deep.equal([]);
  });
});

describe("statuses", () => {
  function running(): Stage {
    const stage = staged();
    stage.change((cluster) => {
      cluster.create("web", { replicas: 2, task: { maxReplicasPerNode: 1 } });
      cluster.settle();
    });
    stage.advance(100);
    return stage;
  }
  function taskOn(stage: Stage, name: string) {
    const task = stage.cluster.tasks("web").find((one) => one.nodeId === name);
    return task?.id ?? taskId("none");
  }
  function tell(stage: Stage, connection: number, sequence: number, state: "starting" | "running") {
    const reports = [{ taskId: taskOn(stage, `w${connection}`), status: status(state) }];
    return stage.say(connection, { kind: "status", sequence, reports });
  }

  it("are proposed at once after a quiet time, and answered when stored", () => {
    const stage = running();
    stage.commitsAtOnce = false;
    const id = taskOn(stage, "w1");
    expect(tell(stage, 1, 7, "running")).to.deep.equal([`propose 3 report-tasks w1 ${id}:running`]);
    expect(stage.commit()).to.deep.equal(["#1 <- status-stored 7"]);
  });

  it("that follow within 20 ms are proposed together, each node's newest", () => {
    const stage = running();
    stage.commitsAtOnce = false;
    tell(stage, 1, 1, "starting");
    expect(tell(stage, 1, 2, "starting")).to.deep.equal([]);
    expect(tell(stage, 1, 3, "running")).to.deep.equal([]);
    expect(tell(stage, 2, 1, "starting")).to.deep.equal([]);
    expect(stage.advance(19)).to.deep.equal([]);
    expect(stage.advance(1)).to.deep.equal([
      `propose 4 report-tasks w1 ${taskOn(stage, "w1")}:running`,
      `propose 5 report-tasks w2 ${taskOn(stage, "w2")}:starting`,
    ]);
  });

  it("are answered in order, even when a later one is stored first (D6)", () => {
    const stage = running();
    stage.commitsAtOnce = false;
    tell(stage, 1, 1, "starting");
    stage.advance(20);
    tell(stage, 1, 2, "running");
    const [first] = stage.open.splice(0, 1);
    expect(stage.commit()).to.deep.equal([]);
    stage.open.push(...(first === undefined ? [] : [first]));
    expect(stage.commit()).to.deep.equal(["#1 <- status-stored 1", "#1 <- status-stored 2"]);
    expect(stage.cluster.view.tasks.get(taskOn(stage, "w1"))?.status.state).to.equal("running");
  });

  it("are proposed again when that failed, and five times at most", () => {
    const stage = running();
    stage.commitsAtOnce = false;
    tell(stage, 1, 1, "running");
    for (let round = 1; round < 5; round += 1) {
      expect(stage.fail()).to.deep.equal([]);
      expect(stage.advance(200)).to.have.length(1);
    }
    expect(stage.fail()[0]).to.equal("#1 close: statuses could not be stored: come back");
  });

  it("without news are answered without a write", () => {
    const stage = running();
    const lines = stage.say(1, { kind: "status", sequence: 1, reports: [] });
    expect(lines).to.deep.equal(["#1 <- status-stored 1"]);
  });

  it("of a hello are written only where the store does not know them", () => {
    const stage = running();
    tell(stage, 1, 1, "running");
    const taskId = taskOn(stage, "w1");
    const foreign = taskOn(stage, "w2");
    const join = (connection: number, state: "running" | "failed") => {
      stage.connect(connection, "w1");
      const tasks = [
        { taskId, status: status(state, { at: 99 }) },
        { taskId: foreign, status: status("failed") },
      ];
      return stage.say(connection, hello("w1", tasks)).filter((line) => line.includes("report"));
    };
    stage.advance(100);
    expect(join(3, "running")).to.deep.equal([]);
    stage.advance(100);
    expect(join(4, "failed")).to.have.length(1);
    expect(stage.cluster.view.tasks.get(taskId)?.status.state).to.equal("failed");
    expect(stage.cluster.view.tasks.get(foreign)?.status.state).to.equal("assigned");
  });

  it("that a worker told before its connection closed are stored still", () => {
    const stage = running();
    tell(stage, 1, 1, "starting");
    tell(stage, 1, 2, "running");
    expect(stage.close(1)[0]).to.match(/^propose \d+ report-tasks w1/);
    expect(stage.cluster.view.tasks.get(taskOn(stage, "w1"))?.status.state).to.equal("running");
  });

  it("beyond what can wait end the session", () => {
    const stage = running();
    stage.commitsAtOnce = false;
    const reports = Array.from({ length: 20_001 }, (_, index) => ({
      taskId: taskId(`t${index}`),
      status: status("running"),
    }));
    const lines = stage.say(1, { kind: "status", sequence: 1, reports });
    expect(lines[0]).to.equal("#1 close: more statuses than can be stored: come back");
  });
});
