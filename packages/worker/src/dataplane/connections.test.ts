import type { TaskId } from "@skein/common/ids";
import { nodeId, serviceId, taskId } from "@skein/common/ids";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import * as fc from "fast-check";
import {
  CONNECT_TIMEOUT_MS,
  HOLD_MS,
  HOLD_RETRY_MS,
  PORT_CONNECTIONS_MAX,
  RACE_AFTER_MS,
  RETRY_BUDGET_MAX,
} from "../limits.ts";
import { Balancer } from "./balancer.ts";
import type { ConnectionEffect } from "./connection-effect.ts";
import { Connections } from "./connections.ts";
import { ServiceMeters } from "./service-meters.ts";

/** Deadlines are rounded up to it. */
const GRID = 25;

describe("client connections", () => {
  it("offers a connection to a backend and joins it when that answers", () => {
    const port = new Port("a", "b");
    expect(port.accept(1)).to.deep.equal(["connect 1.1 a"]);
    expect(port.text(port.connections.connected(port.now, 1, 1))).to.deep.equal(["pipe 1.1"]);
    expect(port.connections.counts().active).to.equal(1);
    expect(port.connections.closed(1)).to.deep.equal([]);
    expect(port.connections.counts()).to.deep.equal({ waiting: 0, connecting: 0, active: 0 });
  });

  it("takes the next backend for one that failed, each once per round", () => {
    const port = new Port("a", "b", "c");
    port.accept(1);
    expect(port.fail(1, 1)).to.deep.equal(["connect 1.2 b"]);
    expect(port.fail(1, 2)).to.deep.equal(["connect 1.3 c"]);
    expect(port.fail(1, 3)).to.deep.equal([]);
    expect(port.connections.counts().waiting).to.equal(1);
    expect(port.after(HOLD_RETRY_MS + GRID)).to.deep.equal(["connect 1.4 a"]);
    expect(port.meters.list()[0]).to.include({ connections: 1, retries: 3, failures: 0 });
  });

  it("races the next backend against one that is slow, and aborts the loser", () => {
    const port = new Port("a", "b");
    port.accept(1);
    expect(port.after(RACE_AFTER_MS - 1)).to.deep.equal([]);
    expect(port.after(1)).to.deep.equal(["connect 1.2 b"]);
    const told = port.text(port.connections.connected(port.now, 1, 2));
    expect(told).to.deep.equal(["abort 1.1", "pipe 1.2"]);
    expect(port.connections.connected(port.now, 1, 1)).to.deep.equal([]);
    expect(port.fail(1, 1)).to.deep.equal([]);
    // Who let a client wait is not the next one's first choice.
    expect(port.accept(2)).to.deep.equal(["connect 2.1 b"]);
  });

  it("lets a slow backend win when it answers first", () => {
    const port = new Port("a", "b");
    port.accept(1);
    port.after(RACE_AFTER_MS);
    const told = port.text(port.connections.connected(port.now, 1, 1));
    expect(told).to.deep.equal(["abort 1.2", "pipe 1.1"]);
  });

  it("gives a silent backend up after a second", () => {
    const port = new Port("a");
    port.accept(1);
    expect(port.after(CONNECT_TIMEOUT_MS - 1)).to.deep.equal([]);
    expect(port.after(GRID)).to.deep.equal(["abort 1.1"]);
    expect(port.after(HOLD_RETRY_MS + GRID)).to.deep.equal(["connect 1.2 a"]);
  });

  it("repeats a request that was lost at another backend, within the budget", () => {
    const port = new Port("a", "b");
    port.accept(1);
    port.connections.connected(port.now, 1, 1);
    const again = port.text(port.connections.lost(port.now, 1));
    expect(again).to.deep.equal(["connect 1.2 b"]);
    for (let i = 0; i < RETRY_BUDGET_MAX - 1; i += 1) {
      port.connections.connected(port.now, 1, i + 2);
      expect(port.text(port.connections.lost(port.now, 1))[0]).to.match(/^connect/);
    }
    port.connections.connected(port.now, 1, RETRY_BUDGET_MAX + 1);
    expect(port.text(port.connections.lost(port.now, 1))).to.deep.equal([
      "reject 1 too many requests fail",
    ]);
    expect(port.connections.counts()).to.deep.equal({ waiting: 0, connecting: 0, active: 0 });
  });

  it("tells who comes 5 s after the last task failed at once", () => {
    const port = new Port();
    port.accept(1);
    port.after(HOLD_MS + HOLD_RETRY_MS + GRID);
    expect(port.accept(2)).to.deep.equal(["reject 2 no task of web answers"]);
    port.table("a");
    expect(port.accept(3)).to.deep.equal(["connect 3.1 a"]);
    expect(port.fail(3, 1), "a new outage, a new patience").to.deep.equal([]);
  });

  it("skips at no cost a backend that is known not to take it", () => {
    const port = new Port("a", "b");
    port.closedTasks.add(taskId("a"));
    expect(port.accept(1)).to.deep.equal(["connect 1.1 b"]);
    expect(port.meters.list()[0]?.retries).to.equal(0);
  });

  it("holds a client while no task is in rotation, and serves it as soon as one is", () => {
    const port = new Port();
    expect(port.accept(1)).to.deep.equal([]);
    expect(port.after(HOLD_MS - 500)).to.deep.equal([]);
    expect(port.table("a")).to.deep.equal(["connect 1.1 a"]);
  });

  it("gives a client up after 5 s", () => {
    const port = new Port();
    port.accept(1);
    const told = port.after(HOLD_MS + HOLD_RETRY_MS + GRID);
    expect(told).to.deep.equal(["reject 1 no task of web answers"]);
    expect(port.meters.list()[0]?.failures).to.equal(1);
    expect(port.connections.wakeAt()).to.equal(undefined);
  });

  it("gives those that wait up when the port is not published any more", () => {
    const port = new Port();
    port.accept(1);
    port.balancer.replace([], port.now);
    expect(port.text(port.connections.tableChanged(port.now))).to.have.lengthOf(1);
  });

  it("aborts the try of a client that left", () => {
    const port = new Port("a");
    port.accept(1);
    expect(port.text(port.connections.closed(1))).to.deep.equal(["abort 1.1"]);
    expect(port.connections.connected(port.now, 1, 1)).to.deep.equal([]);
    expect(port.connections.wakeAt()).to.equal(undefined);
  });

  it("bounds what one port may have open, and tells which port", () => {
    const port = new Port("a");
    for (let id = 1; id <= PORT_CONNECTIONS_MAX; id += 1) {
      port.accept(id);
      port.connections.connected(port.now, id, 1);
    }
    expect(port.accept(0)).to.deep.equal(["reject 0 port 80 has too many connections"]);
    port.connections.closed(1);
    expect(port.accept(PORT_CONNECTIONS_MAX + 1)).to.have.lengthOf(1);
    expect(port.meters.list()[0]?.rejected).to.equal(1);
  });

  it("keeps nothing of connections that ended, and decides each exactly once", () => {
    const events = fc.array(fc.tuple(fc.nat(6), fc.nat(7)), { maxLength: 120 });
    fc.assert(fc.property(events, (all) => soak(all)));
  });
});

/** Random news about random connections; then all clients leave. */
function soak(events: readonly (readonly [number, number])[]): void {
  const port = new Port("a", "b");
  const decided = new Map<number, string>();
  const attempts = new Map<number, number>();
  let accepted = 0;
  function take(texts: readonly string[]): void {
    for (const text of texts) {
      const [, kind, id, attempt] = /^(\w+) (\d+)\.?(\d+)?/.exec(text) ?? [];
      if (kind === "connect") attempts.set(Number(id), Number(attempt));
      if (kind !== "pipe" && kind !== "reject") continue;
      // What was lost is decided again.
      expect(decided.get(Number(id)) === "reject", text).to.equal(false);
      if (kind === "pipe") expect(decided.has(Number(id)), text).to.equal(false);
      decided.set(Number(id), kind);
    }
  }
  for (const [what, which] of events) {
    const id = (which % Math.max(accepted, 1)) + 1;
    const attempt = attempts.get(id) ?? 0;
    if (what === 0) {
      accepted += 1;
      take(port.accept(accepted));
    } else if (what === 1) take(port.text(port.connections.connected(port.now, id, attempt)));
    else if (what === 2) take(port.fail(id, attempt));
    else if (what === 6) {
      if (decided.get(id) === "pipe") decided.delete(id);
      take(port.text(port.connections.lost(port.now, id)));
    } else if (what === 3) take(port.after(which * 200));
    else if (what === 4) take(port.table(...["a", "b", "c"].slice(0, which % 4)));
    else port.connections.closed(id);
  }
  for (let id = 1; id <= accepted; id += 1) port.connections.closed(id);
  expect(port.connections.counts()).to.deep.equal({ waiting: 0, connecting: 0, active: 0 });
  expect(port.connections.wakeAt()).to.equal(undefined);
}

/** Published port 80 of one service with its clock. */
class Port {
  readonly balancer = new Balancer();
  readonly meters = new ServiceMeters();
  readonly closedTasks = new Set<TaskId>();
  readonly connections: Connections;
  now = instant(0);

  constructor(...tasks: readonly string[]) {
    this.connections = new Connections(this.balancer, this.meters, (backend, port) => {
      if (this.closedTasks.has(backend.taskId)) return { kind: "none" };
      return { kind: "local", address: backend.taskId, port };
    });
    this.table(...tasks);
  }

  accept(id: number): readonly string[] {
    return this.text(this.connections.asked(this.now, { id, publishedPort: 80 }));
  }

  fail(id: number, attempt: number): readonly string[] {
    return this.text(this.connections.connectFailed(this.now, id, attempt));
  }

  table(...tasks: readonly string[]): readonly string[] {
    const backends = tasks.map((task) => ({
      taskId: taskId(task),
      nodeId: nodeId("n1"),
      dataAddress: "127.0.1.1:4789",
      address: "10.65.0.1",
    }));
    const ports = [{ publishedPort: 80, targetPort: 3000 }];
    this.balancer.replace([{ serviceId: serviceId("s"), name: "web", ports, backends }], this.now);
    return this.text(this.connections.tableChanged(this.now));
  }

  /** What wake-ups bring in the next `milliseconds`. */
  after(milliseconds: number): readonly string[] {
    const end = this.now + milliseconds;
    const told: string[] = [];
    for (
      let at = this.connections.wakeAt();
      at !== undefined && at <= end;
      at = this.connections.wakeAt()
    ) {
      this.now = at;
      told.push(...this.text(this.connections.wake(at)));
    }
    this.now = instant(end);
    return told;
  }

  text(effects: readonly ConnectionEffect[]): readonly string[] {
    return effects.map((effect) => {
      if (effect.kind === "reject") return `reject ${effect.id} ${effect.reason}`;
      const name = `${effect.kind} ${effect.id}.${effect.attempt}`;
      const local = effect.kind === "connect" && effect.target.kind === "local";
      return local ? `${name} ${effect.target.address}` : name;
    });
  }
}
