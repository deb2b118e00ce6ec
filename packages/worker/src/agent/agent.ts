/**
 * The agent: the session with the leader, the tasks of this node, and what both owe each other
 * (swarmkit agent/agent.go, worker.go). The shell performs its effects; the simulator runs it
 * unchanged.
 *
 * Tasks outlive everything: a lost session, an absent quorum and a restarted agent change nothing
 * about them. Only a leader's assignment, the task itself, or a planned end of this node ends a
 * task.
 *
 * Invariants, checked by invariants.ts:
 *   A1. A task's record is handed to the database before the engine hears of the task.
 *   A2. A task absent from a complete assignment set is stopped and removed; nothing else forgets a
 *       task.
 *   A3. Every status reaches the outbox; it leaves it as S1 says.
 *   A4. After a leave began no assignment starts anything.
 */
import { unreachable } from "@skein/common/assert";
import type { Machine, Wake } from "@skein/common/host/machine";
import type { TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { LinkEnd } from "@skein/common/io/network";
import type { ServiceRoute } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { earliest } from "@skein/common/time";
import type { Assignment, TaskReport, ToWorker } from "@skein/common/wire/dispatch-messages";
import { DISPATCH_VERSION } from "@skein/common/wire/dispatch-messages";
import type { FromDataPlane } from "../dataplane/protocol.ts";
import type { EngineEvent } from "../engine/engine.ts";
import { TASKS_MAX } from "../limits.ts";
import type { AgentOptions } from "./agent-options.ts";
import { Departure } from "./departure.ts";
import { absentFrom, heard } from "./facts-of-tasks.ts";
import { FileValues } from "./file-values.ts";
import { hasHostPorts, hostRoutes } from "./host-ports.ts";
import type { AgentEffect, AgentInput } from "./protocol.ts";
import { Session } from "./session.ts";
import { StatusOutbox } from "./status-report.ts";
import type { TaskTurn } from "./task.ts";
import { AgentTask } from "./task.ts";
import { VerdictOutbox } from "./verdict-outbox.ts";
import { SessionStreams } from "./versions.ts";

type Received<K extends ToWorker["kind"]> = Extract<ToWorker, { readonly kind: K }>;

export function createAgent(options: AgentOptions): Agent {
  return new Agent(options);
}

export class Agent implements Machine<AgentInput, AgentEffect> {
  readonly #options: AgentOptions;
  readonly #session: Session;
  readonly #outbox = new StatusOutbox();
  readonly #tasks = new Map<TaskId, AgentTask>();
  /** Tasks that wait for a time: they drain, or have a health check. */
  readonly #timed = new Set<AgentTask>();
  readonly #streams = new SessionStreams();
  readonly #verdicts = new VerdictOutbox();
  #routes = new Map<string, ServiceRoute>();
  readonly #files = new FileValues();
  readonly #departure = new Departure();
  #left = false;
  #isOutdated = false; // What the last hello said of the node is no longer so.
  #effects: AgentEffect[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#session = new Session(options.managers, options.random);
  }

  step(now: Instant, input: AgentInput | Wake): readonly AgentEffect[] {
    this.#effects = [];
    if (this.#left) return this.#effects;
    const turn: TaskTurn = {
      now,
      wall: this.#options.wall(),
      defaults: this.#options.defaults,
      files: this.#files.values,
      emit: (effect) => this.#effects.push(effect),
    };
    this.#take(input, turn);
    this.#report(turn);
    this.#finishLeaving(turn);
    return this.#effects;
  }

  wakeAt(): Instant | undefined {
    if (this.#left) return undefined;
    let at = earliest(this.#session.wakeAt(), this.#departure.wakeAt());
    if (this.#session.isLive()) at = earliest(at, this.#outbox.deadline());
    for (const task of this.#timed) at = earliest(at, task.wakeAt());
    return at;
  }

  /** Every task in order of id: for `/info`, invariants.ts and describe.ts. */
  tasks(): readonly AgentTask[] {
    return [...this.#tasks.values()].toSorted((a, b) => compareIds(a.taskId, b.taskId));
  }

  /** What `/info` and the metrics show of the session. */
  facts(): {
    readonly connected: boolean;
    readonly managers: readonly string[];
    readonly unreported: number;
  } {
    return {
      connected: this.#session.isLive(),
      managers: this.#session.managers(),
      unreported: this.#outbox.size(),
    };
  }

  #take(input: AgentInput | Wake, turn: TaskTurn): void {
    switch (input.kind) {
      case "wake":
        return this.#wake(turn);
      case "restore":
        return this.#restore(input, turn);
      case "opened":
        return this.#opened(input.link, turn);
      case "received":
        return this.#received(input.link, input.message, turn);
      case "closed":
        return this.#closed(input.link, input.end, turn);
      case "engine":
        return this.#engine(input.event, turn);
      case "data-plane":
        return this.#dataPlane(input.message, turn);
      case "verdict":
        return this.#verdicts.judged(turn, input, this.#session);
      case "reconnect":
        return this.#reconnect(turn);
      case "described":
        return this.#described(turn);
      case "leave":
        return this.#leave(input, turn);
      default:
        return unreachable(input);
    }
  }

  #restore(input: Extract<AgentInput, { readonly kind: "restore" }>, turn: TaskTurn): void {
    for (const record of input.records) {
      const { taskId } = record.assignment;
      this.#tasks.set(taskId, AgentTask.restored(taskId, record, turn.wall));
    }
    for (const found of input.found) {
      const task = this.#tasks.get(found.taskId) ?? new AgentTask(found.taskId, turn.wall);
      this.#tasks.set(found.taskId, task);
      task.found(found, turn);
    }
    for (const task of this.tasks()) this.#advance(task, turn);
    this.#session.begin(turn.now, input.managers, turn);
  }

  #wake(turn: TaskTurn): void {
    if (this.#session.wake(turn.now, turn)) this.#restartStreams();
    const deadline = this.#session.isLive() ? this.#outbox.deadline() : undefined;
    if (deadline !== undefined && turn.now >= deadline) {
      this.#session.abandon(turn.now, "statuses were not stored in time", turn);
      this.#restartStreams();
    }
    for (const task of this.#timed) this.#advance(task, turn);
  }

  #opened(link: number, turn: TaskTurn): void {
    if (!this.#session.owns(link)) return;
    this.#session.opened(turn.now);
    this.#isOutdated = false;
    const { name, availability, describe } = this.#options;
    const tasks = this.tasks().map(
      (task): TaskReport => ({
        taskId: task.taskId,
        status: task.status(),
      }),
    );
    const hello = { kind: "hello", version: DISPATCH_VERSION, name, availability } as const;
    turn.emit({ kind: "send", link, message: { ...hello, description: describe(), tasks } });
  }

  /** Also before there is a session: what was dialled or said until now is the old identity's. */
  #reconnect(turn: TaskTurn): void {
    if (!this.#session.owns(this.#session.link())) return;
    this.#restartStreams();
    this.#session.abandon(turn.now, "the certificate was renewed", turn);
  }

  /** Before there is a session the next hello says it; one that was sent is corrected later. */
  #described(turn: TaskTurn): void {
    const link = this.#session.link();
    this.#isOutdated = !this.#session.isLive();
    if (this.#isOutdated) return;
    const description = this.#options.describe();
    turn.emit({ kind: "send", link, message: { kind: "description", description } });
  }

  #closed(link: number, end: LinkEnd, turn: TaskTurn): void {
    if (!this.#session.owns(link)) return;
    this.#restartStreams();
    if (end.cause === "removed") this.#removed(turn);
    else this.#session.closed(turn.now, turn);
  }

  #restartStreams(): void {
    this.#outbox.restart();
    this.#streams.restart();
  }

  #received(link: number, message: ToWorker, turn: TaskTurn): void {
    if (!this.#session.owns(link)) return;
    this.#session.heard(turn.now);
    switch (message.kind) {
      case "redirect":
        return this.#redirected(message, turn);
      case "welcome":
        return this.#welcomed(message, turn);
      case "assignments":
        return this.#assigned(message, turn);
      case "routes":
        return this.#routed(message, turn);
      case "members":
        if (!this.#streams.members.follows(message)) return this.#gap("members", turn);
        return turn.emit({ kind: "learnt", message });
      case "status-stored":
        return this.#outbox.stored(message.sequence);
      case "managers":
        return this.#learn(message.managers, turn);
      case "file":
        this.#files.put(message.id, message.data);
        return this.tasks().forEach((task) => this.#advance(task, turn));
      case "trust":
        return turn.emit({ kind: "trust", notice: message });
      case "heartbeat":
        return this.#session.heartbeatAnswered();
      default:
        return unreachable(message);
    }
  }

  #redirected(message: Received<"redirect">, turn: TaskTurn): void {
    // An empty list says "I do not know", not "there are none".
    if (message.managers.length > 0) this.#learn(message.managers, turn);
    this.#restartStreams();
    this.#session.redirected(turn.now, message.leader, turn);
  }

  #welcomed(message: Received<"welcome">, turn: TaskTurn): void {
    this.#session.welcomed(turn.now, message.heartbeatMs);
    if (message.managers.length > 0) this.#learn(message.managers, turn);
    turn.emit({ kind: "count", name: "skein_agent_sessions_total" });
    this.#verdicts.welcomed(turn, this.#session);
    this.#announceLeave(turn);
    if (this.#isOutdated) this.#described(turn);
  }

  #learn(managers: readonly string[], turn: TaskTurn): void {
    if (!this.#session.learn(managers)) return;
    const known = this.#session.managers();
    turn.emit({ kind: "save", entry: { kind: "managers", managers: known } });
  }

  #assigned(message: Received<"assignments">, turn: TaskTurn): void {
    if (!this.#streams.assignments.follows(message)) return this.#gap("assignments", turn);
    for (const assignment of message.put) this.#put(assignment, turn);
    this.#files.forget(this.#tasks.values());
    const removed = message.complete ? absentFrom(this.tasks(), message.put) : message.remove;
    for (const taskId of removed) this.#discard(taskId, turn);
    const link = this.#session.link();
    turn.emit({ kind: "send", link, message: { kind: "taken", version: message.version } });
  }

  #put(assignment: Assignment, turn: TaskTurn): void {
    const known = this.#tasks.get(assignment.taskId);
    if (known === undefined && this.#departure.hasBegun()) return; // A4
    if (known === undefined && this.#tasks.size >= TASKS_MAX) {
      const error = `the node holds ${TASKS_MAX} tasks already`;
      const status = { state: "rejected", at: turn.wall, message: "assigned", error } as const;
      return this.#outbox.add(assignment.taskId, status);
    }
    const task = known ?? new AgentTask(assignment.taskId, turn.wall);
    this.#tasks.set(assignment.taskId, task);
    task.assign(assignment);
    this.#advance(task, turn);
  }

  /** The leader no longer knows the task here: stop it, then delete every trace (A2). */
  #discard(taskId: TaskId, turn: TaskTurn): void {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return;
    task.discard();
    this.#advance(task, turn);
  }

  #routed(message: Received<"routes">, turn: TaskTurn): void {
    if (!this.#streams.routes.follows(message)) return this.#gap("routes", turn);
    if (message.index !== undefined) turn.emit({ kind: "learnt", message });
    if (message.complete) this.#routes = new Map();
    for (const route of message.put) this.#routes.set(route.serviceId, route);
    for (const serviceId of message.remove) this.#routes.delete(serviceId);
    this.#tellRoutes(turn);
  }

  /** The cluster's table, and the host-mode ports of this node's own tasks. */
  #tellRoutes(turn: TaskTurn): void {
    const { nodeId, describe } = this.#options;
    const own = hostRoutes(this.tasks(), { nodeId, dataAddress: describe().dataAddress });
    const routes = [...this.#routes.values(), ...own].toSorted((a, b) =>
      compareIds(a.serviceId, b.serviceId),
    );
    turn.emit({ kind: "data-plane", message: { kind: "routes", routes } });
  }

  #gap(what: string, turn: TaskTurn): void {
    turn.emit({ kind: "count", name: "skein_agent_gaps_total" });
    this.#restartStreams();
    this.#session.abandon(turn.now, `${what} do not follow the version before`, turn);
  }

  #engine(event: EngineEvent, turn: TaskTurn): void {
    const task = this.#tasks.get(event.taskId);
    if (task === undefined) return;
    task.engine(event, turn);
    this.#advance(task, turn);
  }

  #dataPlane(message: FromDataPlane, turn: TaskTurn): void {
    if (!("taskId" in message)) return; // Ports and metrics are the shell's.
    const task = this.#tasks.get(message.taskId);
    if (task === undefined) return;
    heard(task, message);
    this.#advance(task, turn);
  }

  #leave(manner: { readonly keepTasks: boolean; readonly backWithinMs: number }, turn: TaskTurn) {
    if (!this.#departure.begin(manner)) return;
    if (this.#session.isLive()) this.#announceLeave(turn);
    if (manner.keepTasks) return;
    for (const task of this.tasks()) {
      task.leave();
      this.#advance(task, turn);
    }
  }

  #announceLeave(turn: TaskTurn): void {
    const message = this.#departure.announcement();
    if (message !== undefined) turn.emit({ kind: "send", link: this.#session.link(), message });
  }

  /** By the cluster: nothing of it runs here any more, and nobody there would hear of it. */
  #removed(turn: TaskTurn): void {
    turn.emit({ kind: "note", level: "warn", message: "this node was removed from its cluster" });
    this.#session.end(turn);
    this.#routes = new Map();
    this.#tellRoutes(turn);
    this.#leave({ keepTasks: false, backWithinMs: 0 }, turn);
  }

  /** The one place that lets a task act; keeps the database, the outbox and the timers in step. */
  #advance(task: AgentTask, turn: TaskTurn): void {
    // A1: the record is saved before the effects that `advance` emits for the engine.
    const held: AgentEffect[] = [];
    task.advance({ ...turn, emit: (effect) => held.push(effect) });
    const changes = task.takeChanges();
    const assignment = task.assignment();
    if (changes.record && assignment !== undefined) {
      const record = { assignment, status: task.status() };
      turn.emit({ kind: "save", entry: { kind: "task", record } });
    }
    if (changes.status) this.#outbox.add(task.taskId, task.status());
    if (changes.status && hasHostPorts(task)) this.#tellRoutes(turn);
    for (const effect of held) turn.emit(effect);
    if (task.wakeAt() === undefined) this.#timed.delete(task);
    else this.#timed.add(task);
    if (task.isTerminal() && task.isDiscarded()) this.#forget(task, turn);
  }

  #forget(task: AgentTask, turn: TaskTurn): void {
    this.#tasks.delete(task.taskId);
    turn.emit({ kind: "save", entry: { kind: "forget", taskId: task.taskId } });
    turn.emit({ kind: "remove", taskId: task.taskId });
  }

  #report(turn: TaskTurn): void {
    if (!this.#session.isLive()) return;
    const batch = this.#outbox.next(turn.now);
    if (batch === undefined) return;
    const link = this.#session.link();
    turn.emit({ kind: "send", link, message: { kind: "status", ...batch } });
  }

  #finishLeaving({ now, emit }: TaskTurn): void {
    if (!this.#departure.hasBegun()) return;
    const isIdle = this.tasks().every((task) => task.isTerminal());
    const isTold = this.#outbox.isEmpty() || !this.#session.isLive();
    if (!this.#departure.isOver(now, { isIdle, isTold })) return;
    this.#left = true;
    this.#session.end({ emit });
    emit({ kind: "left" });
  }
}
