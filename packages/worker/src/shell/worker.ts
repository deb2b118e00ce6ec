/**
 * A worker over its ports: the agent with its database, its links, the engine, the data plane and
 * the output of tasks. Knows no Node.js, so that the simulator runs it as it is.
 */
import { containerState } from "@skein/common/api/container";
import { must, unreachable } from "@skein/common/assert";
import type { EffectTiming, Host } from "@skein/common/host/driver";
import { Driver } from "@skein/common/host/driver";
import type { Clock } from "@skein/common/io/clock";
import type { Disk } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type {
  Accept,
  Link,
  LinkPath,
  LinkReceiver,
  Listener,
  Network,
} from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { NodeDescription } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import { listenHost } from "@skein/common/model/node-config";
import type { TaskState } from "@skein/common/model/task-state";
import { isTerminal, TASK_STATES } from "@skein/common/model/task-state";
import { encode } from "@skein/common/wire/codec";
import type { TrustNotice } from "@skein/common/wire/dispatch-messages";
import type { LogRequest } from "@skein/common/wire/log-messages";
import type { Agent } from "../agent/agent.ts";
import { createAgent } from "../agent/agent.ts";
import type { AgentEffect, AgentInput } from "../agent/protocol.ts";
import type { TaskDefaults } from "../agent/run-spec.ts";
import type { AgentTask } from "../agent/task.ts";
import type { DatabaseEntry } from "../agent/task-record.ts";
import type { FromDataPlane, ToDataPlane } from "../dataplane/protocol.ts";
import type { Engine, EngineEvent, FoundTask } from "../engine/engine.ts";
import { JOURNAL_REWRITE_BYTES } from "../limits.ts";
import type { LogReader } from "../logs/log-session.ts";
import { LogSession } from "../logs/log-session.ts";
import { LogTailer } from "../logs/log-tailer.ts";
import { GossipHost } from "./gossip-host.ts";
import { LeaderLinks } from "./leader-links.ts";
import { LogServer } from "./log-server.ts";
import type { TaskDatabase } from "./task-database.ts";
import { openTaskDatabase } from "./task-database.ts";

export interface DataPlanePort {
  post(message: ToDataPlane): void;
  onMessage(listener: (message: FromDataPlane) => void): void;
}

export interface WorkerPorts {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  /** The node's state directory; the engine keeps its tasks in `tasks/` below it. */
  readonly disk: Disk;
  readonly engine: Engine;
  readonly dataPlane: DataPlanePort;
  readonly describe: () => NodeDescription;
  readonly taskDefaults: TaskDefaults;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The task database failed: the process must end; the tasks run on. */
  readonly fatal: (reason: string) => void;
  /** What the leader says of this node's role, of roots and of removed nodes. */
  readonly trusted?: (notice: TrustNotice) => void;
  /** The published ports this node serves have changed. */
  readonly published: (ports: readonly number[]) => void;
  /** Paths that only the real process serves, such as `/node`. */
  readonly extraPaths?: Partial<Record<LinkPath, Accept>>;
}

export interface LeaveOptions {
  /** True: tasks run on, and the agent is back within `backWithinMs`. */
  readonly keepTasks: boolean;
  readonly backWithinMs: number;
}

export interface WorkerFacts {
  readonly connected: boolean;
  readonly managers: readonly string[];
  readonly running: number;
  /** Ran, and are still remembered. */
  readonly ended: number;
}

/** `start` once; then it serves until `leave` is complete, or `close`. */
export interface Worker {
  start(done: (error: string | undefined) => void): void;
  /** A planned end; `left` when nothing runs any more and the leader knows. */
  leave(options: LeaveOptions, left: () => void): void;
  facts(): WorkerFacts;
  /** What runs here, or ran and is still remembered, in order of id. */
  tasks(): readonly AgentTask[];
  /** Calls `listener` after tasks may have changed: look at `tasks` then. */
  watchTasks(listener: () => void): { cancel(): void };
  /** The output of this node's tasks, until it is complete or closed. */
  readLogs(request: LogRequest, reader: LogReader): { close(): void };
  /** What this node's gossip member knows: `GET /skein/v1/gossip`. */
  gossip(): object;
  /** Another certificate (`isOther`) means a new session; other roots, a word to the leader. */
  identityChanged(isOther: boolean): void;
  /** Sets gauges: called before metrics are read. */
  report(): void;
  /** Lets go of everything at once; tasks run on. */
  close(): void;
}

export function createWorker(ports: WorkerPorts): Worker {
  return new WorkerHost(ports);
}

class WorkerHost implements Worker, Host<AgentEffect, AgentInput> {
  readonly #ports: WorkerPorts;
  readonly #agent: Agent;
  readonly #driver: Driver<AgentInput, AgentEffect>;
  readonly #links: LeaderLinks;
  readonly #gossip: GossipHost;
  readonly #tailer: LogTailer;
  readonly #logs: LogServer;
  readonly #published = new Set<number>();
  readonly #watchers = new Set<() => void>();
  #database: TaskDatabase | undefined;
  #listener: Listener | undefined;
  #left: (() => void) | undefined;
  #hasLeft = false;

  constructor(ports: WorkerPorts) {
    this.#ports = ports;
    const { config, clock, disk, log, metrics } = ports;
    this.#agent = createAgent({
      nodeId: config.nodeId,
      name: config.name,
      availability: config.availability,
      managers: config.managers,
      defaults: ports.taskDefaults,
      random: ports.random,
      wall: () => clock.wall(),
      describe: ports.describe,
    });
    this.#driver = new Driver(this.#agent, this, clock);
    this.#links = new LeaderLinks(ports, (input) => this.#driver.submit(input));
    this.#gossip = new GossipHost(ports, {
      verdict: (nodeId, evidence) => this.#driver.submit({ kind: "verdict", nodeId, evidence }),
      routes: (routes) => ports.dataPlane.post({ kind: "routes", routes }),
      isConnected: () => this.#agent.facts().connected,
    });
    this.#tailer = new LogTailer({ disk, clock, log });
    const wall = (): number => clock.wall();
    this.#logs = new LogServer({ disk, clock, log, metrics, wall, tailer: this.#tailer });
  }

  start(done: (error: string | undefined) => void): void {
    const { disk, log, metrics, engine, dataPlane } = this.#ports;
    dataPlane.onMessage((message) => this.#fromDataPlane(message));
    engine.onEvent((event) => this.#fromEngine(event));
    const ports = { disk, log, metrics, rewriteBytes: JOURNAL_REWRITE_BYTES };
    openTaskDatabase(ports, (error, database) => {
      if (database === undefined) return done(error);
      this.#database = database;
      engine.adopt((found) => this.#restore(database, found, done));
    });
  }

  leave(options: LeaveOptions, left: () => void): void {
    if (!options.keepTasks) this.#gossip.leave();
    if (this.#hasLeft) return left();
    this.#left = left;
    this.#driver.submit({ kind: "leave", ...options });
  }

  facts(): WorkerFacts {
    const states = this.#agent.tasks().map((task) => containerState(task.status()));
    const running = states.filter((state) => state === "running").length;
    const ended = states.filter((state) => state === "exited").length;
    const { connected, managers } = this.#agent.facts();
    return { connected, managers, running, ended };
  }

  tasks(): readonly AgentTask[] {
    return this.#agent.tasks();
  }

  watchTasks(listener: () => void): { cancel(): void } {
    this.#watchers.add(listener);
    return { cancel: () => this.#watchers.delete(listener) };
  }

  readLogs(request: LogRequest, reader: LogReader): { close(): void } {
    const { disk, clock } = this.#ports;
    const ports = { disk, clock, wall: () => clock.wall(), tailer: this.#tailer };
    const session = new LogSession(ports, request, reader);
    session.start();
    return session;
  }

  gossip(): object {
    return this.#gossip.status();
  }

  identityChanged(isOther: boolean): void {
    this.#driver.submit({ kind: isOther ? "reconnect" : "described" });
  }

  report(): void {
    const { metrics } = this.#ports;
    const counts = new Map<TaskState, number>();
    for (const task of this.#agent.tasks()) {
      const { state } = task.status();
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    for (const state of AGENT_STATES) {
      metrics.gauge("skein_worker_tasks", counts.get(state) ?? 0, { state });
    }
    const facts = this.#agent.facts();
    metrics.gauge("skein_worker_connected", facts.connected ? 1 : 0);
    metrics.gauge("skein_worker_unreported_statuses", facts.unreported);
    this.#gossip.report();
    metrics.gauge("skein_worker_log_requests", this.#logs.count());
    const { inputs, held, unsaved } = this.#driver.depths();
    metrics.gauge("skein_worker_queue_depth", inputs + held + unsaved);
    metrics.gauge("skein_task_database_bytes", this.#database?.sizes().journal ?? 0);
  }

  close(): void {
    this.#driver.close();
    this.#gossip.close();
    this.#tailer.close();
    this.#logs.close();
    this.#links.closeAll("the worker ends");
    this.#listener?.close();
    this.#database?.close(() => undefined);
  }

  timing(effect: AgentEffect): EffectTiming {
    switch (effect.kind) {
      case "save":
        return "persist";
      // In one order, behind the record of their task; `left` behind everything.
      case "prepare":
      case "start":
      case "stop":
      case "remove":
      case "left":
        return "after-durable";
      default:
        return "now";
    }
  }

  persist(batch: readonly AgentEffect[], done: (error: string | undefined) => void): void {
    const entries: DatabaseEntry[] = [];
    for (const effect of batch) if (effect.kind === "save") entries.push(effect.entry);
    const began = this.#ports.clock.now();
    must(this.#database, "the task database").append(entries, (error) => {
      const tookMs = this.#ports.clock.now() - began;
      this.#ports.metrics.observeMs("skein_task_database_append_seconds", tookMs);
      done(error);
    });
    for (const entry of entries) this.#noteEnd(entry);
  }

  failed(error: string): void {
    this.#ports.log.write("error", "task database failed", { error });
    this.#ports.fatal(error);
  }

  perform(effect: AgentEffect): void {
    const { engine, dataPlane, log, metrics } = this.#ports;
    switch (effect.kind) {
      case "dial":
        return this.#links.dial(effect.link, effect.address);
      case "send":
        return this.#links.send(effect.link, encode(effect.message));
      case "close":
        return this.#links.close(effect.link, effect.reason);
      case "prepare":
        this.#tailer.expect(effect.spec.taskId);
        this.#tasksChanged();
        return engine.prepare(effect.spec);
      case "start":
        return engine.start(effect.taskId);
      case "check":
        return engine.check(effect.spec);
      case "stop":
        return engine.stop(effect.taskId);
      case "remove":
        this.#tailer.finish(effect.taskId);
        this.#tasksChanged();
        return engine.remove(effect.taskId);
      case "data-plane":
        if (!this.#gossip.told(effect.message)) dataPlane.post(effect.message);
        return undefined;
      case "learnt":
        return this.#gossip.learn(effect.message);
      case "note":
        return log.write(effect.level, effect.message, effect.fields);
      case "count":
        return metrics.count(effect.name);
      case "trust":
        return this.#ports.trusted?.(effect.notice);
      case "left":
        this.#hasLeft = true;
        return this.#left?.();
      case "save":
        return undefined; // `persist` has it.
      default:
        return unreachable(effect);
    }
  }

  #restore(
    database: TaskDatabase,
    found: readonly FoundTask[],
    done: (error: string | undefined) => void,
  ): void {
    for (const task of found) {
      this.#tailer.track(task.taskId, true);
      if (task.state === "exited") this.#tailer.finish(task.taskId);
    }
    this.#driver.submit({ kind: "restore", ...database.contents(), found });
    const { config, network } = this.#ports;
    const address = `${listenHost(config)}:${config.controlPort}`;
    const { extraPaths } = this.#ports;
    const accept = {
      "/logs": this.#logs.accept,
      "/ping": () => new Echo(),
      "/gossip": this.#gossip.accept,
      ...extraPaths,
    };
    this.#gossip.start();
    this.#listener = network.listen(address, accept, (error) =>
      done(error === undefined ? undefined : `Cannot listen on ${address}: ${error}`),
    );
  }

  #fromEngine(event: EngineEvent): void {
    if (event.kind === "started") this.#tailer.track(event.taskId, false);
    if (event.kind === "exited" || event.kind === "rejected") this.#tailer.finish(event.taskId);
    this.#driver.submit({ kind: "engine", event });
    this.#tasksChanged();
  }

  #tasksChanged(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** A task that ends without having started has no output to wait for. */
  #noteEnd(entry: DatabaseEntry): void {
    if (entry.kind !== "task" || !isTerminal(entry.record.status.state)) return;
    this.#tailer.finish(entry.record.assignment.taskId);
  }

  #fromDataPlane(message: FromDataPlane): void {
    const { log, published } = this.#ports;
    this.#gossip.heard(message);
    switch (message.kind) {
      case "listening":
        this.#published.add(message.publishedPort);
        return published([...this.#published].toSorted((a, b) => a - b));
      case "unlistened":
        this.#published.delete(message.publishedPort);
        return published([...this.#published].toSorted((a, b) => a - b));
      case "listen-failed":
        log.write("warn", "cannot serve a published port", {
          port: message.publishedPort,
          error: message.error,
        });
        return undefined;
      default:
        return this.#driver.submit({ kind: "data-plane", message });
    }
  }
}

const AGENT_STATES = (Object.keys(TASK_STATES) as TaskState[]).filter(
  // The keys are the states: `Object.keys` forgets it. Others never exist on a worker.
  (state) => TASK_STATES[state] >= TASK_STATES.assigned && TASK_STATES[state] < TASK_STATES.remove,
);

/** Answers whoever wants to know whether this process lives. */
class Echo implements LinkReceiver {
  #link: Link | undefined;

  opened(link: Link): void {
    this.#link = link;
  }

  message(bytes: Uint8Array): void {
    this.#link?.send(bytes);
  }

  closed(): void {
    this.#link = undefined;
  }
}
