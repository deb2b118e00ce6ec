/**
 * One task on this node (swarmkit agent/exec/controller.go, design/task_model.md): accepted ->
 * preparing -> ready -> (desired running) starting -> running -> complete, failed, shutdown or
 * rejected.
 *
 * Level-triggered: inputs change facts (desired state, what the engine told, the drain timer), then
 * `advance` does whatever the facts ask for, and nothing when called again.
 *
 * Invariants, checked by invariants.ts:
 *   T1. The state only moves along edges of TRANSITIONS that the agent owns.
 *   T2. The engine is asked to prepare, start and stop at most once each.
 *   T3. The desired state only moves forward.
 *   T4. A task that has target ports and was in rotation is stopped only after the drain delay.
 *   T5. A terminal status never changes.
 */
import { assert } from "@skein/common/assert";
import type { TaskId } from "@skein/common/ids";
import type { TaskStatus } from "@skein/common/model/task";
import { taskName } from "@skein/common/model/task";
import type { DesiredState, TaskState } from "@skein/common/model/task-state";
import { DESIRED_STATES, isTerminal, transitionOwner } from "@skein/common/model/task-state";
import type { Instant, WallTime } from "@skein/common/time";
import { earliest, later } from "@skein/common/time";
import type { Assignment } from "@skein/common/wire/dispatch-messages";
import type { EngineEvent, FoundTask } from "../engine/engine.ts";
import { DRAIN_DELAY_MS } from "../limits.ts";
import { loopbackAddress } from "./address.ts";
import { Health } from "./health.ts";
import type { Turn } from "./protocol.ts";
import type { TaskDefaults } from "./run-spec.ts";
import { buildRunSpec, targetPorts } from "./run-spec.ts";

/** What a task needs from the step it is advanced in. */
export interface TaskTurn extends Turn {
  readonly now: Instant;
  readonly wall: WallTime;
  readonly defaults: TaskDefaults;
  /** Values of secrets and configs that came, by id. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

type Details = Partial<Omit<TaskStatus, "state" | "at">>;

export class AgentTask {
  readonly taskId: TaskId;
  /** Undefined: found running without a record; a leader must say what it is. */
  #assignment: Assignment | undefined;
  #desired: DesiredState = "ready";
  #status: TaskStatus;
  /** Set when the status changed since `takeChanges`. */
  #statusChanged = true;
  #recordChanged = false;
  #drainUntil: Instant | undefined;
  #stopAsked = false;
  /** The wish to stop came from this node (planned end), not from the leader. */
  #leaving = false;
  /** The leader no longer has it: once ended, every trace goes. */
  #discarded = false;
  #announced = false;
  #health: Health | undefined;

  constructor(taskId: TaskId, wall: WallTime) {
    this.taskId = taskId;
    this.#status = { state: "assigned", at: wall, message: "assigned" };
  }

  /** A task of a former agent, from its record and from what the engine found. */
  static restored(
    taskId: TaskId,
    record: { readonly assignment: Assignment; readonly status: TaskStatus } | undefined,
    wall: WallTime,
  ): AgentTask {
    const task = new AgentTask(taskId, wall);
    if (record === undefined) return task;
    task.#assignment = record.assignment;
    task.#desired = record.assignment.desired;
    if (!isTerminal(record.status.state)) return task;
    task.#status = record.status;
    task.#announced = true; // By the former agent: nobody may go on counting on it.
    return task;
  }

  status(): TaskStatus {
    return this.#status;
  }

  assignment(): Assignment | undefined {
    return this.#assignment;
  }

  desired(): DesiredState {
    return this.#desired;
  }

  isTerminal(): boolean {
    return isTerminal(this.#status.state);
  }

  wakeAt(): Instant | undefined {
    return earliest(this.#drainUntil, this.#health?.wakeAt());
  }

  /** Facts for invariants.ts and describe.ts. */
  facts(): {
    readonly stopAsked: boolean;
    readonly draining: boolean;
    readonly announced: boolean;
  } {
    return {
      stopAsked: this.#stopAsked,
      draining: this.#drainUntil !== undefined,
      announced: this.#announced,
    };
  }

  /** True once after each change of the status, or of what the record holds. */
  takeChanges(): { readonly status: boolean; readonly record: boolean } {
    const changes = { status: this.#statusChanged, record: this.#recordChanged };
    this.#statusChanged = false;
    this.#recordChanged = false;
    return changes;
  }

  /**
   * The leader's assignment. A task is immutable: of a known one only the desired state is taken.
   */
  assign(assignment: Assignment): void {
    this.#discarded = false;
    if (this.#assignment === undefined) {
      this.#assignment = assignment;
      this.#recordChanged = true;
    }
    this.want(assignment.desired);
  }

  /** Moves the desired state forward, never back (T3). */
  want(desired: DesiredState): void {
    if (DESIRED_STATES.indexOf(desired) <= DESIRED_STATES.indexOf(this.#desired)) return;
    this.#desired = desired;
    if (this.#assignment === undefined) return;
    this.#assignment = { ...this.#assignment, desired };
    this.#recordChanged = true;
  }

  /** The leader has no such task any more: stop it; the agent then forgets it. */
  discard(): void {
    this.#discarded = true;
    this.want("remove");
  }

  isDiscarded(): boolean {
    return this.#discarded;
  }

  /** The node ends: stop, whatever the leader wants. */
  leave(): void {
    this.#leaving = true;
  }

  /** What the engine found of this task after the agent restarted. */
  found(found: FoundTask, turn: TaskTurn): void {
    if (this.isTerminal()) return;
    if (found.state === "running") {
      this.#move("running", turn, {
        message: "adopted",
        ...(found.pid === undefined ? {} : { pid: found.pid }),
      });
      this.#beginChecks(turn, true);
      return;
    }
    this.#announced = true; // As in `restored`.
    this.#ended(found.exitCode ?? 137, this.#wantsStop(), turn);
  }

  engine(event: EngineEvent, turn: TaskTurn): void {
    if (this.isTerminal()) return;
    switch (event.kind) {
      case "prepared":
        return this.#prepared(turn);
      case "rejected":
        return this.#refused(event.error, turn);
      case "started":
        return this.#started(event.pid, turn);
      case "exited":
        return this.#ended(event.exitCode, event.stopped || this.#stopAsked, turn);
      case "checked":
        return this.#checked(event, turn);
      case "warning":
        return this.#amend({ warning: event.message });
    }
  }

  /** The data plane's word on the target ports. */
  rotation(change: {
    readonly inRotation?: boolean;
    readonly warning?: string;
    readonly listens?: readonly number[];
  }): void {
    if (this.#status.state !== "running" || this.#drainUntil !== undefined || this.#stopAsked)
      return;
    const { warning: _, ...rest } = this.#status;
    const cleared = change.inRotation === true ? rest : this.#status;
    this.#status = { ...cleared, ...change };
    this.#statusChanged = true;
  }

  /** Does what the facts ask for. Idempotent. */
  advance(turn: TaskTurn): void {
    if (this.isTerminal()) return this.#withdraw(turn);
    if (this.#status.state === "assigned" && this.#assignment !== undefined) {
      this.#move("accepted", turn, { message: "accepted" });
      this.#recordChanged = true;
    }
    if (this.#wantsStop()) return this.#stop(turn);
    if (this.#status.state === "accepted") this.#prepare(turn);
    if (this.#status.state === "ready" && this.#desired === "running") {
      this.#move("starting", turn, { message: "starting" });
      turn.emit({ kind: "start", taskId: this.taskId });
    }
    if (this.#health?.takeDue(turn.now) === true) this.#check(turn);
    if (this.#status.state === "running") this.#announce(turn);
  }

  /** Ids of the secrets and configs without which it cannot be prepared. */
  awaitedFiles(): readonly string[] {
    const { state } = this.#status;
    if (state !== "assigned" && state !== "accepted") return [];
    return (this.#assignment?.spec.process.files ?? []).map(({ id }) => id);
  }

  #wantsStop(): boolean {
    if (this.#leaving || this.#health?.state === "unhealthy") return true;
    return this.#desired === "shutdown" || this.#desired === "remove";
  }

  #prepare(turn: TaskTurn): void {
    const assignment = this.#assignment;
    assert(assignment !== undefined, `${this.taskId} is accepted without an assignment`);
    // The values come with the session: an agent that was restarted waits for them.
    if (this.awaitedFiles().some((id) => !turn.files.has(id))) return;
    this.#move("preparing", turn, { message: "preparing" });
    const spec = buildRunSpec(assignment, turn.defaults, turn.files);
    if (spec.ok) turn.emit({ kind: "prepare", spec: spec.value });
    else this.#refused(spec.error, turn);
  }

  #prepared(turn: TaskTurn): void {
    if (this.#status.state === "preparing") this.#move("ready", turn, { message: "prepared" });
  }

  #started(pid: number, turn: TaskTurn): void {
    if (this.#status.state !== "starting") return;
    this.#beginChecks(turn, false);
    if (this.#health === undefined) return this.#move("running", turn, { message: "started", pid });
    this.#amend({ message: "waiting for its health check", pid });
  }

  #beginChecks(turn: TaskTurn, adopted: boolean): void {
    const check = this.#assignment?.spec.process.health;
    if (check !== undefined) this.#health = new Health(check, turn.now, adopted);
  }

  #check(turn: TaskTurn): void {
    const assignment = this.#assignment;
    const check = assignment?.spec.process.health;
    if (assignment === undefined || check === undefined) return;
    const built = buildRunSpec(assignment, turn.defaults);
    if (!built.ok) return; // It was built once already: the task runs.
    const { taskId, env, directory, user } = built.value;
    const place = { ...(directory && { directory }), ...(user && { user }) };
    const { test: argv, timeoutMs } = check;
    turn.emit({ kind: "check", spec: { taskId, argv, env, ...place, timeoutMs } });
  }

  /** Swarm's rule: only a healthy task is running. */
  #checked(event: Extract<EngineEvent, { readonly kind: "checked" }>, turn: TaskTurn): void {
    this.#health?.checked(turn.now, event);
    if (this.#health?.state !== "healthy" || this.#status.state !== "starting") return;
    const { pid } = this.#status;
    this.#move("running", turn, { message: "healthy", ...(pid === undefined ? {} : { pid }) });
  }

  /**
   * Swarm: what fails before the start was never a task's fault (rejected), later it is (failed).
   */
  #refused(error: string, turn: TaskTurn): void {
    const message = this.#status.message;
    this.#move(this.#status.state === "starting" ? "failed" : "rejected", turn, { message, error });
  }

  #ended(exitCode: number, stopped: boolean, turn: TaskTurn): void {
    if (this.#health?.state === "unhealthy") {
      const error = this.#health.reason;
      return this.#move("failed", turn, { message: "unhealthy", error, exitCode });
    }
    if (stopped) return this.#move("shutdown", turn, { message: "shutdown", exitCode });
    if (exitCode === 0) return this.#move("complete", turn, { message: "finished", exitCode });
    const error = `task: non-zero exit (${exitCode})`;
    this.#move("failed", turn, { message: this.#status.message, error, exitCode });
  }

  #stop(turn: TaskTurn): void {
    const state = this.#status.state;
    if (state !== "starting" && state !== "running") {
      this.#move("shutdown", turn, { message: "shutdown" });
      return this.#withdraw(turn);
    }
    if (this.#stopAsked) return;
    this.#health?.stop();
    if (this.#drainUntil === undefined && this.#serves()) {
      // T4: out of rotation first; the stop signal follows when every node knows.
      this.#drainUntil = later(turn.now, DRAIN_DELAY_MS);
      this.#amend({ inRotation: false, message: "draining" });
      this.#announce(turn);
    }
    if (this.#drainUntil !== undefined && turn.now < this.#drainUntil) return;
    this.#drainUntil = undefined;
    this.#stopAsked = true;
    this.#amend({ inRotation: false, message: "stopping" });
    turn.emit({ kind: "stop", taskId: this.taskId });
  }

  #serves(): boolean {
    const ports = this.#assignment === undefined ? [] : targetPorts(this.#assignment);
    const isReached = ports.length > 0 || this.#assignment?.networks !== undefined;
    return this.#status.inRotation === true && isReached;
  }

  /** Tells the data plane about a running task: once, and again when it drains. */
  #announce(turn: TaskTurn): void {
    const draining = this.#drainUntil !== undefined;
    if ((this.#announced && !draining) || this.#assignment === undefined) return;
    this.#announced = true;
    const ports = targetPorts(this.#assignment);
    // Without ports there is nothing to wait for, and nothing to drain.
    const address = this.#assignment.address;
    const networks = this.#assignment.networks?.map(({ networkId }) => networkId);
    const unserved = ports.length === 0 || address === undefined;
    if (unserved && !draining) this.rotation({ inRotation: true });
    const hostAddress = address === undefined ? undefined : loopbackAddress(address);
    if (hostAddress?.ok !== true || this.#status.pid === undefined) return;
    turn.emit({
      kind: "data-plane",
      message: {
        kind: "task",
        task: {
          taskId: this.taskId,
          name: taskName(this.#assignment),
          hostAddress: hostAddress.value,
          targetPorts: ports,
          pid: this.#status.pid,
          draining,
          ...(networks === undefined ? {} : { networks }),
        },
      },
    });
  }

  #withdraw(turn: TaskTurn): void {
    if (!this.#announced) return;
    this.#announced = false;
    turn.emit({ kind: "data-plane", message: { kind: "task-gone", taskId: this.taskId } });
  }

  #move(state: TaskState, turn: TaskTurn, details: Details & { readonly message: string }): void {
    const from = this.#status.state;
    assert(transitionOwner(from, state) === "agent", `task ${this.taskId}: ${from} -> ${state}`);
    const warning = this.#status.warning;
    const kept = warning === undefined || state === "running" ? {} : { warning };
    this.#status = { ...kept, ...details, state, at: turn.wall };
    this.#statusChanged = true;
    if (!isTerminal(state)) return;
    this.#drainUntil = undefined;
    this.#health?.stop();
    this.#recordChanged = true;
  }

  #amend(details: Details): void {
    this.#status = { ...this.#status, ...details };
    this.#statusChanged = true;
  }
}
