import type { TaskId } from "@skein/common/ids";
import { nodeId, serviceId, taskId } from "@skein/common/ids";
import type { Backend } from "@skein/common/model/routes";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import { RELAYED_STREAMS_MAX } from "../limits.ts";
import type { DataPlaneEffect, DataPlaneInput } from "./dataplane.ts";
import { DataPlane } from "./dataplane.ts";
import type { LocalTask } from "./protocol.ts";

const SELF = nodeId("n2");
const LOCAL = taskId("local");
const REMOTE = taskId("remote");

describe("data plane", () => {
  it("opens the published ports of the table and serves clients of them", () => {
    const plane = new Plane();
    const opened = plane.routes(backend(LOCAL, "n2"), backend(REMOTE, "n1"));
    expect(opened.map((effect) => effect.kind)).to.deep.equal(["serve", "open-port"]);
    expect(plane.client(1)).to.deep.equal([
      {
        kind: "connect",
        id: 1,
        attempt: 1,
        service: "web",
        taskId: LOCAL,
        target: { kind: "local", address: "127.65.0.5", port: 3000 },
      },
    ]);
    const [connect] = plane.client(2);
    expect(connect).to.deep.include({
      target: {
        kind: "remote",
        dataAddress: "127.0.1.2:4789",
        nodeId: "n1",
        taskId: REMOTE,
        port: 3000,
      },
    });
  });

  it("skips a task of this node that drains, or that it does not know", () => {
    const plane = new Plane();
    plane.routes(backend(LOCAL, "n2"), backend(REMOTE, "n1"));
    plane.step({ kind: "task", task: { ...plane.task, draining: true } });
    expect(plane.taskOf(plane.client(1))).to.equal(REMOTE);
    plane.step({ kind: "task-gone", taskId: LOCAL });
    expect(plane.taskOf(plane.client(2))).to.equal(REMOTE);
  });

  it("probes at once a task of its own that refused a client", () => {
    const plane = new Plane();
    plane.routes(backend(LOCAL, "n2"), backend(REMOTE, "n1"));
    plane.rotate();
    plane.client(1);
    const effects = plane.step({ kind: "connect-failed", id: 1, attempt: 1 });
    expect(effects.map((effect) => effect.kind)).to.deep.equal(["connect", "probe"]);
    expect(plane.step({ kind: "connect-failed", id: 1, attempt: 1 })).to.deep.equal([]);
  });

  it("relays a stream to a task's target port", () => {
    const relay = { kind: "relay", id: 9, address: "127.65.0.5", port: 3000 };
    expect(new Plane().stream(LOCAL, 3000)).to.deep.equal([relay]);
  });

  const refusals: readonly {
    readonly name: string;
    readonly task?: Partial<LocalTask>;
    readonly asks: readonly [TaskId, number];
    readonly code: string;
  }[] = [
    { name: "a task it does not have", asks: [REMOTE, 3000], code: "unknown-task" },
    { name: "a port that is not published", asks: [LOCAL, 22], code: "unreachable" },
    {
      name: "a task that drains",
      task: { draining: true },
      asks: [LOCAL, 3000],
      code: "draining",
    },
  ];
  for (const { name, task, asks, code } of refusals) {
    it(`refuses a stream to ${name}`, () => {
      const plane = new Plane();
      plane.step({ kind: "task", task: { ...plane.task, ...task } });
      const [refused] = plane.stream(...asks);
      expect(refused).to.include({ kind: "refuse-stream", code });
    });
  }

  it("bounds the streams it relays", () => {
    const plane = new Plane();
    for (let id = 0; id < RELAYED_STREAMS_MAX; id += 1) plane.stream(LOCAL, 3000, id + 10);
    expect(plane.stream(LOCAL, 3000, 1)[0]).to.include({ kind: "refuse-stream", code: "busy" });
    plane.step({ kind: "stream-closed", id: 10 });
    expect(plane.stream(LOCAL, 3000, 2)[0]).to.include({ kind: "relay" });
  });

  it("reports figures per service, and none of services that are gone", () => {
    const plane = new Plane();
    plane.routes(backend(LOCAL, "n2"));
    plane.step({ kind: "port-opened", publishedPort: 8080 });
    plane.client(1);
    plane.step({ kind: "connected", id: 1, attempt: 1 });
    plane.step({ kind: "carried", service: "web", bytesIn: 10, bytesOut: 20 });
    const [report] = plane.step({ kind: "scrape", id: 4 });
    const figures = report?.kind === "report" ? report.figures : undefined;
    expect(figures).to.deep.include({ openPorts: 1, active: 1, localTasks: 1 });
    expect(figures?.services).to.deep.equal([
      {
        service: "web",
        connections: 1,
        requests: 0,
        retries: 0,
        failures: 0,
        rejected: 0,
        bytesIn: 10,
        bytesOut: 20,
      },
    ]);
    plane.step({ kind: "routes", routes: [] });
    const [after] = plane.step({ kind: "scrape", id: 5 });
    expect(after?.kind === "report" ? after.figures.services : undefined).to.deep.equal([]);
  });
});

/** Node n1 with one task. */
class Plane {
  readonly #plane = new DataPlane(SELF);
  now = instant(0);
  readonly task: LocalTask = {
    taskId: LOCAL,
    name: "web.1",
    hostAddress: "127.65.0.5",
    targetPorts: [3000],
    pid: 42,
    draining: false,
  };

  constructor() {
    this.step({ kind: "task", task: this.task });
  }

  step(input: DataPlaneInput): readonly DataPlaneEffect[] {
    return this.#plane.step(this.now, input);
  }

  /** Takes the task into rotation, a while ago. */
  rotate(): void {
    this.step({ kind: "probed", taskId: LOCAL, port: 3000, outcome: "accepted" });
    this.step({ kind: "inspected", taskId: LOCAL, found: undefined });
    this.now = instant(600);
    this.#plane.step(this.now, { kind: "wake" });
    this.step({ kind: "probed", taskId: LOCAL, port: 3000, outcome: "accepted" });
  }

  routes(...backends: readonly Backend[]): readonly DataPlaneEffect[] {
    const ports = [{ publishedPort: 8080, targetPort: 3000 }];
    const route = { serviceId: serviceId("s"), name: "web", ports, backends };
    return this.step({ kind: "routes", routes: [route] });
  }

  client(id: number): readonly DataPlaneEffect[] {
    return this.step({ kind: "asked", id, publishedPort: 8080 });
  }

  stream(task: TaskId, port: number, id = 9): readonly DataPlaneEffect[] {
    return this.step({ kind: "stream", id, taskId: task, port });
  }

  taskOf(effects: readonly DataPlaneEffect[]): TaskId | undefined {
    const [effect] = effects;
    const remote = effect?.kind === "connect" && effect.target.kind === "remote";
    return remote ? effect.target.taskId : undefined;
  }
}

function backend(task: TaskId, node: string): Backend {
  const dataAddress = node === "n2" ? "127.0.1.1:4789" : "127.0.1.2:4789";
  return { taskId: task, nodeId: nodeId(node), dataAddress, address: "10.65.0.5" };
}
