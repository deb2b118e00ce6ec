/**
 * A cluster in one process behind the real Engine API: the real store and controllers, a log that
 * commits at once, agents that do what they are asked, and as many managers as a test wants. What a
 * test needs to break, it breaks by setting a property.
 */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { duplexPair } from "node:stream";
import type { RequestId } from "@skein/common/ids";
import { clusterId, logIndex, nodeId, sessionId } from "@skein/common/ids";
import type { Metrics } from "@skein/common/io/metrics";
import type { LinkReceiver } from "@skein/common/io/network";
import type { NodeDescription } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Task, TaskStatus } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import { newStoreKey } from "@skein/common/node/store-key";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { storeTime } from "@skein/common/time";
import type { LogMessage, LogRequest } from "@skein/common/wire/log-messages";
import { controllers } from "@skein/manager/orchestrator/controllers";
import type { ManagerPort } from "@skein/manager/shell/api/port";
import type { ApiServer } from "@skein/manager/shell/api-server";
import { serveApi } from "@skein/manager/shell/api-server";
import type { Outcome } from "@skein/manager/shell/outcome";
import { TrustOffice } from "@skein/manager/shell/trust/trust-office";
import type { Command } from "@skein/manager/store/command";
import { createStore } from "@skein/manager/store/store";
import { FakeLink } from "./fake-link.ts";

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: unknown;
}

/** One manager's API socket, and what the test may do to that manager. */
export interface FakeManager {
  readonly socket: string;
  readonly nodeId: string;
  readonly server: ApiServer;
  readonly counts: ReadonlyMap<string, number>;
}

export class FakeCluster {
  readonly store = createStore();
  readonly managers: FakeManager[] = [];
  readonly log: LoggedLine[] = [];
  /** Index into `managers`; undefined: there is no leader. */
  leader: number | undefined = 0;
  /** Given instead of proposing, once for each entry. */
  readonly refusals: Outcome[] = [];
  /** Streams to the leader break off after the request was handed over, this many times. */
  breakAfterDelivery = 0;
  /** What `checkPort` says. */
  readonly busyPorts = new Map<number, string>();
  /** How a new task fares: its status when it would start. */
  start: (task: Task) => Omit<TaskStatus, "at"> = () => ({
    state: "running",
    message: "started",
    inRotation: true,
  });
  /** Lines of each task: text and stream. */
  lines: (task: Task) => readonly (readonly ["stdout" | "stderr", string])[] = () => [];
  /** Nodes whose output cannot be had. */
  readonly silentNodes = new Set<string>();
  /** A stream to the containers' API of a node; none of these nodes has one unless a test does. */
  dialNode: (node: string) => Result<Duplex, string> = () => fail("connection refused");
  /** A leader that is frozen: a dial to it neither succeeds nor fails. */
  frozen: number | undefined;
  /** Streams to the leader that were opened. */
  dials = 0;
  readonly directory: string;
  readonly #streams = new Set<Duplex>();
  readonly #links = new Set<FakeLink>();
  /** One for the whole cluster: what one manager seals, every other opens. */
  readonly #storeKey = newStoreKey();
  readonly #beats: NodeJS.Timeout;
  readonly #time = performance.now();
  #index = 0;
  #pid = 40_000;

  private constructor(directory: string) {
    this.directory = directory;
    this.#beats = setInterval(() => this.#beat(), 10);
  }

  static async start(managers = 1, workers = 2): Promise<FakeCluster> {
    const cluster = new FakeCluster(await mkdtemp(join(tmpdir(), "skein-api-")));
    cluster.apply({
      kind: "init-cluster",
      cluster: {
        id: clusterId(fakeId()),
        name: "default",
        plane: "loopback",
        taskPool: "10.65.0.0/16",
        taskHistoryLimit: 5,
      },
      managers: [],
    });
    for (let index = 0; index < managers; index += 1) await cluster.#addManager(index);
    for (let index = 1; index <= workers; index += 1)
      cluster.#join(`worker-${index}`, "worker", 3 + index);
    return cluster;
  }

  async close(): Promise<void> {
    clearInterval(this.#beats);
    await Promise.all(this.managers.map((manager) => manager.server.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What is kept open between managers is gone: the next request dials anew. */
  dropConnections(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
    for (const link of this.#links) link.close("connection reset");
    this.#links.clear();
  }

  apply(command: Command, request?: RequestId) {
    this.#index += 1;
    const time = storeTime(Math.round(performance.now() - this.#time));
    const envelope = { version: 1, time, wall: Date.now(), command };
    const full = request === undefined ? envelope : { ...envelope, request };
    return this.store.apply(logIndex(this.#index), full);
  }

  async #addManager(index: number): Promise<void> {
    const id = this.#join(`manager-${index + 1}`, "manager", index + 1);
    const config: NodeConfig = {
      schema: 1,
      clusterId: this.store.view.cluster?.id ?? clusterId("none"),
      clusterName: "default",
      nodeId: nodeId(id),
      name: `manager-${index + 1}`,
      role: "manager",
      availability: "active",
      address: `127.0.1.${index + 1}`,
      managerPort: 2377,
      controlPort: 7946,
      dataPort: 4789,
      apiSocket: join(this.directory, `${index + 1}.sock`),
      plane: "loopback",
      taskPool: "10.65.0.0/16",
      managers: [],
      defaultDirectory: "/srv/app",
      local: true,
    };
    const counts = new Map<string, number>();
    const served = await serveApi({
      port: this.#port(index, config, counts),
      path: config.apiSocket,
    });
    if (!served.ok) throw new Error(served.error.reason);
    this.managers.push({ socket: config.apiSocket, nodeId: id, server: served.value, counts });
  }

  #join(name: string, role: "manager" | "worker", host: number): string {
    const id = fakeId();
    const address = `127.0.1.${host}`;
    this.apply({
      kind: "join-node",
      nodeId: nodeId(id),
      role,
      name,
      availability: "active",
      description: description(name, address),
      session: sessionId(fakeId()),
      ...(role === "manager" ? { manager: { raftId: fakeId(), address: `${address}:2377` } } : {}),
    });
    return id;
  }

  #port(index: number, config: NodeConfig, counts: Map<string, number>): ManagerPort {
    const { store } = this;
    const port: ManagerPort = {
      config,
      view: store.view,
      log: { write: (level, message, fields) => this.log.push({ level, message, fields }) },
      metrics: countInto(counts),
      status: () => this.#status(index),
      isLeader: () => this.leader === index,
      linearize: () => Promise.resolve(this.leader === index ? ok(undefined) : notLeader()),
      propose: (command, request) => this.#propose(index, command, request),
      dialLeader: () =>
        this.leader === this.frozen ? new Promise(() => undefined) : Promise.resolve(this.#dial()),
      dialNode: (node) => Promise.resolve(this.dialNode(node)),
      dialCalls: (receiver) => this.#dialCalls(receiver),
      workerLogs: (node, request, onMessage, onEnd) =>
        this.#workerLogs(node, request, { onMessage, onEnd }),
      newId: fakeId,
      wall: () => Date.now(),
      metricsText: () => "skein_term 1\n",
      checkPort: (port) => Promise.resolve(this.busyPorts.get(port)),
      answered: (request) => store.requests.answer(request),
      watch: (onChange) => ({ cancel: store.onChange(onChange) }),
    };
    return { ...port, trust: this.#office(port) };
  }

  /** Seals secrets; has no authority to sign with. */
  #office(port: ManagerPort): TrustOffice {
    return new TrustOffice({
      port,
      config: port.config,
      log: port.log,
      metrics: port.metrics,
      storeKey: () => this.#storeKey,
      seed: () => undefined,
      seeded: () => undefined,
      standing: () => undefined,
    });
  }

  #status(index: number): ReturnType<ManagerPort["status"]> {
    const leader = this.leader === undefined ? undefined : this.managers[this.leader];
    const voters = this.managers.length;
    const base = {
      role: this.leader === index ? "leader" : "follower",
      term: 1,
      ready: this.leader === index,
      reachable: new Map(this.managers.map((manager) => [manager.nodeId, true])),
      members: this.managers.map(({ nodeId }, at) => ({
        raftId: `r${at}`,
        nodeId,
        address: `127.0.1.${at + 1}:2377`,
        voter: true,
        answers: true,
      })),
      quorum: { voters, contact: voters },
      commit: this.#index,
      applied: this.#index,
    };
    if (leader === undefined) return base;
    return { ...base, leader: { nodeId: leader.nodeId, address: "127.0.1.1:2377" } };
  }

  async #propose(index: number, command: Command, request: RequestId | undefined) {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return { ok: false as const, error: refusal };
    if (this.leader !== index) return notLeader();
    const result = this.apply(command, request);
    return result.ok ? ok({ ...result.value, index: this.#index }) : result;
  }

  #dial(): Duplex | undefined {
    const leader = this.leader === undefined ? undefined : this.managers[this.leader];
    if (leader === undefined) return undefined;
    const [near, far] = duplexPair();
    this.dials += 1;
    far.on("error", () => undefined);
    this.#streams.add(near);
    leader.server.accept(far);
    if (this.breakAfterDelivery > 0) {
      this.breakAfterDelivery -= 1;
      // The request arrives and is answered, but the answer does not.
      far.once("data", () => setTimeout(() => near.destroy(new Error("connection reset")), 50));
      far.write = () => true;
    }
    return near;
  }

  #dialCalls(near: LinkReceiver): { cancel(): void } | undefined {
    const leader = this.leader === undefined ? undefined : this.managers[this.leader];
    if (leader === undefined) return undefined;
    const breaks = this.breakAfterDelivery > 0;
    if (breaks) this.breakAfterDelivery -= 1;
    this.dials += 1;
    const link = new FakeLink(near, leader.server.calls(), breaks);
    this.#links.add(link);
    if (this.leader !== this.frozen) setImmediate(() => link.open());
    return { cancel: () => link.close("cancelled") };
  }

  #workerLogs(
    node: string,
    request: LogRequest,
    on: { onMessage: (message: LogMessage) => void; onEnd: (reason: string) => void },
  ): { cancel(): void } {
    if (this.silentNodes.has(node)) {
      const refused = setTimeout(() => on.onEnd("connection refused"), 5);
      return { cancel: () => clearTimeout(refused) };
    }
    const messages = request.taskIds.flatMap((id): LogMessage[] => {
      const task = this.store.view.tasks.get(id);
      if (task === undefined) return [];
      const lines = this.lines(task).filter(([stream]) => request[stream]);
      const shown = request.tail === undefined ? lines : lines.slice(-request.tail || lines.length);
      return shown.map(([stream, text]) => ({
        kind: "line",
        taskId: id,
        stream,
        atNs: "1795372036937110346",
        line: Buffer.from(text),
      }));
    });
    const send = setTimeout(() => {
      for (const message of messages) on.onMessage(message);
      if (!request.follow) on.onMessage({ kind: "end" });
    }, 5);
    return { cancel: () => clearTimeout(send) };
  }

  /** What the leader's controllers and the agents do between two requests. */
  #beat(): void {
    if (this.leader === undefined) return;
    for (let round = 0; round < 20; round += 1) {
      const before = this.#index;
      for (const { decide } of controllers) {
        const now = storeTime(Math.round(performance.now() - this.#time));
        const { commands } = decide({
          view: this.store.view,
          now,
          wall: Date.now(),
          newId: fakeId,
        });
        for (const command of commands) this.apply(command);
      }
      this.#oblige();
      if (this.#index === before) return;
    }
  }

  #oblige(): void {
    for (const task of this.store.view.tasks.list()) {
      const { desired, status } = task;
      if (task.nodeId === undefined || isTerminal(status.state)) continue;
      if (desired === "shutdown" || desired === "remove") {
        this.#report(task, { state: "shutdown", message: "shutdown" });
      } else if (desired === "running" && status.state !== "running") {
        this.#pid += 1;
        this.#report(task, { pid: this.#pid, ...this.start(task) });
      } else if (desired === "ready" && status.state === "assigned") {
        this.#report(task, { state: "ready", message: "prepared" });
      }
    }
  }

  #report(task: Task, status: Omit<TaskStatus, "at">): void {
    if (task.nodeId === undefined) return;
    const items = [{ taskId: task.id, status: { at: Date.now(), ...status } }];
    this.apply({ kind: "report-tasks", nodeId: task.nodeId, items });
  }
}

/** 25 characters like Docker's. */
export function fakeId(): string {
  return BigInt(`0x${randomBytes(20).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(0, 25);
}

function notLeader(): { readonly ok: false; readonly error: Outcome } {
  return { ok: false, error: { code: "not-leader", message: "this manager is not the leader" } };
}

function countInto(counts: Map<string, number>): Metrics {
  return {
    count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    gauge: () => undefined,
    observeMs: () => undefined,
  };
}

function description(hostname: string, address: string): NodeDescription {
  return {
    hostname,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: 2_000_000_000,
    memoryBytes: 8 * 1024 ** 3,
    engineVersion: "0.1.0",
    address,
    controlAddress: `${address}:7946`,
    dataAddress: `${address}:4789`,
    hostKey: "test",
  };
}
