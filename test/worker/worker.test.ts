/** A worker over the simulated network and disk, against a leader that the test plays. */
import { clusterId, nodeId, sessionId, taskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Link } from "@skein/common/io/network";
import type { NodeConfig } from "@skein/common/model/node-config";
import { decode, encode } from "@skein/common/wire/codec";
import type { FromWorker, ToWorker } from "@skein/common/wire/dispatch-messages";
import { fromWorkerSchema } from "@skein/common/wire/dispatch-messages";
import type { LogMessage } from "@skein/common/wire/log-messages";
import { logMessageSchema } from "@skein/common/wire/log-messages";
import { describeStatus } from "@skein/worker/agent/describe";
import { assignment, DESCRIPTION } from "@skein/worker/agent/fixtures";
import type { FromDataPlane, ToDataPlane } from "@skein/worker/dataplane/protocol";
import type { Engine, EngineEvent, FoundTask } from "@skein/worker/engine/engine";
import type { Worker } from "@skein/worker/shell/worker";
import { createWorker } from "@skein/worker/shell/worker";
import { expect } from "chai";
import { seededRandom } from "../sim/seeded-random.ts";
import { SimClock } from "../sim/sim-clock.ts";
import { SimDisk } from "../sim/sim-disk.ts";
import type { SimEndpoint } from "../sim/sim-network.ts";
import { SimNetwork } from "../sim/sim-network.ts";
import { SimRandom } from "../sim/sim-random.ts";

const T1 = taskId("t1");
const CLUSTER = clusterId("c1");

const CONFIG: NodeConfig = {
  schema: 1,
  clusterId: CLUSTER,
  clusterName: "test",
  nodeId: nodeId("node1"),
  name: "worker-1",
  role: "worker",
  availability: "active",
  address: "10.0.0.1",
  managerPort: 2377,
  controlPort: 7946,
  dataPort: 4789,
  apiSocket: "/nowhere",
  plane: "loopback",
  taskPool: "10.65.0.0/16",
  managers: ["10.0.0.9:2377"],
  local: true,
};

/** Answers as it is told, and remembers what it was asked. */
class PlayedEngine implements Engine {
  readonly calls: string[] = [];
  found: readonly FoundTask[] = [];
  #listener: (event: EngineEvent) => void = () => undefined;

  onEvent(listener: (event: EngineEvent) => void): void {
    this.#listener = listener;
  }
  adopt(done: (found: readonly FoundTask[]) => void): void {
    done(this.found);
  }
  prepare(spec: { readonly taskId: string }): void {
    this.calls.push(`prepare ${spec.taskId}`);
  }
  start(task: string): void {
    this.calls.push(`start ${task}`);
  }
  check(spec: { readonly taskId: string }): void {
    this.calls.push(`check ${spec.taskId}`);
  }
  stop(task: string): void {
    this.calls.push(`stop ${task}`);
  }
  remove(task: string): void {
    this.calls.push(`remove ${task}`);
  }
  tell(event: EngineEvent): void {
    this.#listener(event);
  }
}

class World {
  readonly clock = new SimClock();
  readonly random = new SimRandom(7);
  readonly network = new SimNetwork({ clock: this.clock, random: this.random });
  readonly disk = new SimDisk({ clock: this.clock, random: seededRandom(1) });
  readonly counted: string[] = [];
  readonly published: (readonly number[])[] = [];
  readonly fatal: string[] = [];
  readonly heard: FromWorker[] = [];
  readonly toPlane: ToDataPlane[] = [];
  readonly leader: SimEndpoint;
  engine = new PlayedEngine();
  fromPlane: (message: FromDataPlane) => void = () => undefined;
  link: Link | undefined;
  worker: Worker;
  endpoint: SimEndpoint;

  constructor() {
    this.leader = this.join("manager", "10.0.0.9");
    this.leader.listen(
      "10.0.0.9:2377",
      {
        "/dispatch": () => ({
          opened: (link) => {
            this.link = link;
          },
          message: (bytes) => {
            const message = decode(fromWorkerSchema, bytes);
            if (message.ok) this.heard.push(message.value);
          },
          closed: () => {
            this.link = undefined;
          },
        }),
      },
      () => undefined,
    );
    [this.worker, this.endpoint] = this.compose();
    this.start();
  }

  join(role: "manager" | "worker", host: string): SimEndpoint {
    const identity = { nodeId: nodeId(`of-${host}`), role, clusterId: CLUSTER };
    return this.network.join({ identity, host, clock: this.clock.process({}) });
  }

  compose(): readonly [Worker, SimEndpoint] {
    const endpoint = this.join("worker", CONFIG.address);
    const metrics: Metrics = {
      count: (name) => this.counted.push(name),
      gauge: () => undefined,
      observeMs: () => undefined,
    };
    const worker = createWorker({
      config: CONFIG,
      clock: this.clock,
      random: this.random.fork("worker"),
      network: endpoint,
      disk: this.disk,
      engine: this.engine,
      dataPlane: {
        post: (message) => this.toPlane.push(message),
        onMessage: (listener) => {
          this.fromPlane = listener;
        },
      },
      describe: () => DESCRIPTION,
      taskDefaults: { env: {} },
      log: silentLog,
      metrics,
      fatal: (reason) => this.fatal.push(reason),
      published: (ports) => this.published.push(ports),
    });
    return [worker, endpoint];
  }

  start(): void {
    let answer: string | undefined = "never answered";
    this.worker.start((error) => {
      answer = error;
    });
    this.run(500);
    expect(answer).to.equal(undefined);
  }

  /** kill -9 of the worker; another one starts on the same disk. */
  restart(found: readonly FoundTask[]): void {
    this.endpoint.kill();
    this.worker.close();
    this.disk.crash("nothing");
    this.engine = new PlayedEngine();
    this.engine.found = found;
    this.run(100);
    [this.worker, this.endpoint] = this.compose();
    this.start();
  }

  run(milliseconds: number): void {
    const end = this.clock.now() + milliseconds;
    let isOver = false;
    this.clock.after(milliseconds, () => {
      isOver = true;
    });
    while (!isOver && this.clock.runNext()) expect(this.clock.now()).to.be.at.most(end);
  }

  say(message: ToWorker): void {
    this.link?.send(encode(message));
    this.run(50);
  }

  welcome(): void {
    const session = sessionId("s1");
    this.say({ kind: "welcome", version: 1, session, heartbeatMs: 1000, managers: [] });
  }

  assign(...tasks: readonly ReturnType<typeof assignment>[]): void {
    const set = { kind: "assignments", complete: true, base: 0, version: 1, remove: [] } as const;
    this.say({ ...set, put: tasks });
  }

  tell(event: EngineEvent): void {
    this.engine.tell(event);
    this.run(50);
  }

  /** "hello", "status t1 running", … */
  said(): readonly string[] {
    return this.heard.map((message) => {
      if (message.kind === "hello") return `hello ${message.tasks.map(printed).join()}`.trim();
      if (message.kind === "status") return `status ${message.reports.map(printed).join()}`;
      return message.kind;
    });
  }
}

function printed(report: {
  readonly taskId: string;
  readonly status: Parameters<typeof describeStatus>[0];
}): string {
  return `${report.taskId} ${describeStatus(report.status)}`;
}

describe("a worker", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it("greets, runs what it is assigned, and tells how it goes", () => {
    world.welcome();
    world.assign(assignment("t1"));
    expect(world.engine.calls).to.deep.equal(["prepare t1"]);
    world.tell({ kind: "prepared", taskId: T1 });
    world.tell({ kind: "started", taskId: T1, pid: 7 });
    world.say({ kind: "status-stored", sequence: 1 });
    expect(world.engine.calls).to.deep.equal(["prepare t1", "start t1"]);
    expect(world.said()).to.deep.equal([
      "hello",
      "taken",
      "status t1 preparing",
      "status t1 running in-rotation",
    ]);
    expect(world.worker.facts()).to.deep.equal({
      connected: true,
      managers: CONFIG.managers,
      running: 1,
      ended: 0,
    });
  });

  it("asks the engine for nothing before the record is durable", () => {
    world.welcome();
    let synced = false;
    world.disk.observe((call) => {
      if (call.kind === "sync") synced = world.engine.calls.length === 0;
    });
    world.assign(assignment("t1"));
    expect(synced).to.equal(true);
    expect(world.engine.calls).to.deep.equal(["prepare t1"]);
  });

  it("knows what it ran, before any manager answers, when its agent comes back", () => {
    world.welcome();
    world.assign(assignment("t1"), assignment("t2"));
    world.tell({ kind: "prepared", taskId: T1 });
    world.tell({ kind: "started", taskId: T1, pid: 7 });
    world.heard.length = 0;
    world.restart([{ taskId: T1, state: "running", pid: 7 }]);
    expect(world.said()).to.deep.equal(["hello t1 running in-rotation,t2 preparing"]);
    expect(world.engine.calls).to.deep.equal(["prepare t2"]);
  });

  it("stops the process when its database fails, and nothing else", () => {
    world.welcome();
    world.disk.setFault((call) => (call.kind === "sync" ? "io" : undefined));
    world.assign(assignment("t1"));
    expect(world.fatal).to.have.length(1);
    expect(world.fatal[0]).to.match(/^Cannot sync tasks.db: /);
    expect(world.engine.calls).to.deep.equal([]);
  });

  it("refuses, counts and survives a message that is none", () => {
    world.welcome();
    world.link?.send(Uint8Array.of(1, 2, 3));
    world.run(500);
    expect(world.counted).to.include("skein_frames_refused_total");
    expect(world.said()).to.deep.equal(["hello", "hello"]);
  });

  it("does not talk to a worker that poses as a manager", () => {
    world.leader.kill();
    const impostor = world.join("worker", "10.0.0.9");
    let asked = 0;
    impostor.listen(
      "10.0.0.9:2377",
      { "/dispatch": () => ({ opened: nothing, message: () => (asked += 1), closed: nothing }) },
      nothing,
    );
    world.run(5000);
    expect(asked).to.equal(0);
  });

  it("passes to the launcher which published ports it serves", () => {
    world.fromPlane({ kind: "listening", publishedPort: 8080 });
    world.fromPlane({ kind: "listening", publishedPort: 80 });
    world.fromPlane({ kind: "unlistened", publishedPort: 8080 });
    expect(world.published).to.deep.equal([[8080], [80, 8080], [80]]);
  });

  it("ends as planned: the tasks first, then itself", () => {
    world.welcome();
    world.assign(assignment("t1"));
    world.tell({ kind: "prepared", taskId: T1 });
    world.tell({ kind: "started", taskId: T1, pid: 7 });
    let left = false;
    world.worker.leave({ keepTasks: false, backWithinMs: 0 }, () => {
      left = true;
    });
    world.run(50);
    expect(world.engine.calls.at(-1)).to.equal("stop t1");
    expect(left).to.equal(false);
    world.tell({ kind: "exited", taskId: T1, exitCode: 143, stopped: true });
    world.run(2000);
    expect(left).to.equal(true);
  });

  describe("asked for logs", () => {
    it("answers a manager, and closes", () => {
      const { messages, end } = readLogs(world.leader);
      world.run(1000);
      expect(messages).to.deep.equal([{ kind: "end" }]);
      expect(end()).to.equal("end of the logs");
    });

    it("refuses another worker", () => {
      const { messages, end } = readLogs(world.join("worker", "10.0.0.2"));
      world.run(1000);
      expect(messages).to.deep.equal([]);
      expect(end()).to.include("only managers read logs");
    });

    it("refuses what is no request", () => {
      const { end } = readLogs(world.leader, Uint8Array.of(7));
      world.run(1000);
      expect(end()).to.include("not a log request");
      expect(world.counted).to.include("skein_frames_refused_total");
    });
  });
});

function nothing(): void {}

function readLogs(
  from: SimEndpoint,
  request = encode({ taskIds: ["t9"], follow: false, stdout: true, stderr: true }),
): { readonly messages: LogMessage[]; readonly end: () => string | undefined } {
  const messages: LogMessage[] = [];
  let reason: string | undefined;
  from.dial(
    { address: `${CONFIG.address}:${CONFIG.controlPort}`, path: "/logs" },
    {
      opened: (link) => link.send(request),
      message: (bytes) => {
        const message = decode(logMessageSchema, bytes);
        if (message.ok) messages.push(message.value);
      },
      closed: (end) => {
        reason = end.reason;
      },
    },
  );
  return { messages, end: () => reason };
}
