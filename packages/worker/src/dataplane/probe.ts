/**
 * Are the target ports of this node's tasks answered, and by whom? Every target port is probed by a
 * TCP connection: fast until it accepted once, every second from then on. A first acceptance is
 * believed only after a look at who listens there: a foreign program on 0.0.0.0:<port> accepts at
 * every task's address.
 *
 * A task is `starting` -> `checking` (all ports accepted, owner not known yet) -> `in` <-> `out`.
 *
 * Invariants:
 *   P1. `in-rotation` and `out-of-rotation` alternate for one task, beginning with the former.
 *   P2. A task leaves rotation for failures in a row of one port: two refusals, or five of any
 *       kind.
 *   P5. A program that is stopped or hangs still accepts, in the kernel. It is out when connections
 *       wait at its port and none was taken at PROBE_STALLS_MAX looks in a row.
 *   P3. At most one probe per target port and one look per task is under way.
 *   P4. The same warning is not told twice in a row.
 */
import type { TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { earliest, later } from "@skein/common/time";
import {
  ELSEWHERE_AFTER_MS,
  NOWHERE_AFTER_MS,
  OWNER_RETRY_MS,
  PROBE_CALM_MS,
  PROBE_CONFIRM_MS,
  PROBE_FAST_FOR_MS,
  PROBE_FAST_MS,
  PROBE_REFUSALS_MAX,
  PROBE_SILENCES_MAX,
  PROBE_STALL_MS,
  PROBE_STALLS_MAX,
  PROBE_STEADY_MS,
  TARGET_PORTS_MAX,
} from "../limits.ts";
import type { Found } from "./listeners.ts";
import { covers, elsewhereText, endpointText, foreignText, nowhereText } from "./listeners.ts";
import type { FromDataPlane, LocalTask } from "./protocol.ts";

/** `refused` proves that nobody listens; `silent` (a timeout) proves nothing. */
export type ProbeOutcome = "accepted" | "refused" | "silent";

export interface ProbeResult {
  readonly taskId: TaskId;
  readonly port: number;
  readonly outcome: ProbeOutcome;
  /**
   * Connections that the kernel accepted and the program has not taken, a moment after; absent
   * where it was not asked for or cannot be told.
   */
  readonly waiting?: number;
}

export type ProbeEffect =
  | {
      readonly kind: "probe";
      readonly taskId: TaskId;
      readonly address: string;
      readonly port: number;
      /** The process whose network the port is in: see how many wait there after the connection. */
      readonly watch: number | undefined;
      /** Only look: a connection would join those that wait. */
      readonly connect: boolean;
    }
  /** Look for the listening sockets of the task's processes. */
  | {
      readonly kind: "inspect";
      readonly taskId: TaskId;
      readonly pid: number;
      readonly address: string;
      readonly ports: readonly number[];
    }
  | { readonly kind: "post"; readonly message: FromDataPlane };

interface Target {
  readonly port: number;
  accepted: boolean;
  failures: number;
  refusals: number;
  /** Looks in a row at which connections waited, none fewer than before. */
  stalls: number;
  waiting: number;
  inFlight: boolean;
  dueAt: Instant;
}

interface Probed {
  task: LocalTask;
  readonly since: Instant;
  readonly targets: readonly Target[];
  state: "starting" | "checking" | "in" | "out";
  /** What the look under way is for: a late task, or the owner of a port that accepted. */
  looking: "no" | "late" | "owner";
  inspectAt: Instant | undefined;
  warned: string | undefined;
}

export class Prober {
  readonly #tasks = new Map<TaskId, Probed>();
  #wakeAt: Instant | undefined;

  /** A task runs, or what is known of it changed. */
  put(now: Instant, task: LocalTask): readonly ProbeEffect[] {
    const known = this.#tasks.get(task.taskId);
    if (known !== undefined) {
      known.task = task;
      return this.#finish([]);
    }
    const ports = [...new Set(task.targetPorts)].slice(0, TARGET_PORTS_MAX);
    const probed: Probed = {
      task,
      since: now,
      targets: ports.map((port) => newTarget(port, now)),
      state: "starting",
      looking: "no",
      inspectAt: later(now, ELSEWHERE_AFTER_MS),
      warned: undefined,
    };
    this.#tasks.set(task.taskId, probed);
    return ports.length > 0 ? this.wake(now) : this.#finish(enter(probed));
  }

  remove(task: TaskId): readonly ProbeEffect[] {
    this.#tasks.delete(task);
    return this.#finish([]);
  }

  get(task: TaskId): LocalTask | undefined {
    return this.#tasks.get(task)?.task;
  }

  counts(): { readonly tasks: number; readonly inRotation: number } {
    let inRotation = 0;
    for (const probed of this.#tasks.values()) if (probed.state === "in") inRotation += 1;
    return { tasks: this.#tasks.size, inRotation };
  }

  /** A connection to the task failed: probe now instead of at the next turn. */
  suspect(now: Instant, task: TaskId): readonly ProbeEffect[] {
    const probed = this.#tasks.get(task);
    if (probed?.state !== "in") return [];
    for (const target of probed.targets) {
      const soon = later(now, PROBE_CONFIRM_MS);
      // Once per confirmation, however many connections fail: a failing port must not be flooded.
      if (target.failures === 0 && target.dueAt > soon) target.dueAt = now;
    }
    return this.wake(now);
  }

  probed(now: Instant, result: ProbeResult): readonly ProbeEffect[] {
    const probed = this.#tasks.get(result.taskId);
    const target = probed?.targets.find((candidate) => candidate.port === result.port);
    if (probed === undefined || target === undefined || !target.inFlight) return [];
    note(target, result);
    target.dueAt = later(now, pauseMs(now, probed, target));
    const well = result.outcome === "accepted" && target.stalls === 0;
    return this.#finish(well ? answered(probed) : failed(probed, target));
  }

  inspected(now: Instant, taskId: TaskId, found: Found): readonly ProbeEffect[] {
    const probed = this.#tasks.get(taskId);
    if (probed === undefined || probed.looking === "no") return [];
    const purpose = probed.looking;
    probed.looking = "no";
    if (probed.state !== "checking") return this.#finish(seen(now, probed, found));
    // A look from before the acceptance proves nothing about its owner.
    const effects = purpose === "owner" ? owned(now, probed, found) : look(probed);
    return this.#finish(effects);
  }

  wake(now: Instant): readonly ProbeEffect[] {
    const effects: ProbeEffect[] = [];
    for (const taskId of [...this.#tasks.keys()].toSorted(compareIds)) {
      const probed = this.#tasks.get(taskId);
      if (probed === undefined || probed.task.draining) continue;
      effects.push(...dueProbes(now, probed), ...dueLook(now, probed));
    }
    return this.#finish(effects);
  }

  wakeAt(): Instant | undefined {
    return this.#wakeAt;
  }

  /** Kept, not searched, because it is asked for after every connection of the data plane. */
  #finish(effects: readonly ProbeEffect[]): readonly ProbeEffect[] {
    this.#wakeAt = undefined;
    for (const probed of this.#tasks.values()) {
      // A draining task is about to end: its refusals would be no news.
      if (!probed.task.draining) this.#wakeAt = earliest(this.#wakeAt, nextAt(probed));
    }
    return effects;
  }
}

function newTarget(port: number, now: Instant): Target {
  const counts = { failures: 0, refusals: 0, stalls: 0, waiting: 0 };
  return { port, accepted: false, ...counts, inFlight: false, dueAt: now };
}

function nextAt(probed: Probed): Instant | undefined {
  let at = probed.looking === "no" && wantsLook(probed) ? probed.inspectAt : undefined;
  for (const target of probed.targets) if (!target.inFlight) at = earliest(at, target.dueAt);
  return at;
}

function dueProbes(now: Instant, probed: Probed): readonly ProbeEffect[] {
  const effects: ProbeEffect[] = [];
  for (const target of probed.targets) {
    if (target.inFlight || now < target.dueAt) continue; // P3
    target.inFlight = true;
    const { taskId, hostAddress: address, pid } = probed.task;
    const served = probed.state === "in" || probed.state === "out";
    const watch = served ? pid : undefined;
    const connect = !isStalled(target);
    effects.push({ kind: "probe", taskId, address, port: target.port, watch, connect });
  }
  return effects;
}

function dueLook(now: Instant, probed: Probed): readonly ProbeEffect[] {
  if (!wantsLook(probed)) return [];
  return probed.inspectAt !== undefined && now >= probed.inspectAt ? look(probed) : [];
}

/** A task that was in rotation before is not looked at again: it listened where it should. */
function wantsLook(probed: Probed): boolean {
  return probed.state === "starting" && probed.targets.length > 0;
}

function look(probed: Probed): readonly ProbeEffect[] {
  if (probed.looking !== "no") return []; // P3
  probed.looking = probed.state === "checking" ? "owner" : "late";
  const { taskId, pid, hostAddress: address } = probed.task;
  const ports = probed.targets.map((target) => target.port);
  return [{ kind: "inspect", taskId, pid, address, ports }];
}

function note(target: Target, { outcome, waiting = 0 }: ProbeResult): void {
  target.inFlight = false;
  // P5: who takes nothing has more waiting each time, since every probe adds one.
  const stuck = waiting > target.waiting || (isStalled(target) && waiting > 0);
  target.stalls = stuck ? target.stalls + 1 : 0;
  target.waiting = waiting;
  const accepts = outcome === "accepted" && target.stalls === 0;
  target.accepted = accepts || (target.accepted && outcome !== "refused");
  target.failures = outcome === "accepted" ? 0 : target.failures + 1;
  target.refusals = outcome === "refused" ? target.refusals + 1 : 0;
}

function pauseMs(now: Instant, probed: Probed, target: Target): number {
  if (isStalled(target)) return PROBE_STEADY_MS;
  if (target.stalls > 0) return PROBE_STALL_MS;
  if (probed.state === "in" && target.failures === 0) return PROBE_STEADY_MS;
  if (probed.state === "in" || probed.state === "out") return PROBE_CONFIRM_MS;
  if (probed.state === "starting" && target.accepted) return OWNER_RETRY_MS;
  return now - probed.since < PROBE_FAST_FOR_MS ? PROBE_FAST_MS : PROBE_CALM_MS;
}

function answered(probed: Probed): readonly ProbeEffect[] {
  if (!probed.targets.every((target) => target.accepted)) return [];
  if (probed.state === "out") return enter(probed);
  if (probed.state !== "starting") return [];
  probed.state = "checking";
  return look(probed);
}

/** P2. */
function failed(probed: Probed, target: Target): readonly ProbeEffect[] {
  if (probed.state !== "in") return [];
  const gone = target.refusals >= PROBE_REFUSALS_MAX;
  if (!gone && target.failures < PROBE_SILENCES_MAX && !isStalled(target)) return [];
  probed.state = "out";
  target.accepted = false;
  const where = endpointText(probed.task.hostAddress, target.port);
  const stalled = `${target.waiting} connections wait at ${where} and none is taken`;
  const answer = gone ? `${where} refuses connections` : `${where} does not answer`;
  const reason = isStalled(target) ? stalled : answer;
  return [
    { kind: "post", message: { kind: "out-of-rotation", taskId: probed.task.taskId, reason } },
  ];
}

function isStalled(target: Target): boolean {
  return target.stalls >= PROBE_STALLS_MAX;
}

/** The answer to the look that follows the first acceptance. */
function owned(now: Instant, probed: Probed, found: Found): readonly ProbeEffect[] {
  const { hostAddress, name } = probed.task;
  const foreign = probed.targets.find(
    (target) => found !== undefined && !found.some((one) => covers(one, hostAddress, target.port)),
  );
  if (foreign === undefined) return enter(probed);
  probed.state = "starting";
  probed.inspectAt = later(now, NOWHERE_AFTER_MS);
  for (const target of probed.targets) target.dueAt = later(now, OWNER_RETRY_MS);
  return warn(probed, foreignText(name, hostAddress, foreign.port));
}

/** The answer to a look at a task that is late: it listens elsewhere, or nowhere. */
function seen(now: Instant, probed: Probed, found: Found): readonly ProbeEffect[] {
  const { hostAddress: address, name } = probed.task;
  const nowhereAt = later(probed.since, NOWHERE_AFTER_MS);
  probed.inspectAt = now < nowhereAt ? nowhereAt : later(now, NOWHERE_AFTER_MS);
  const missing = probed.targets.find((target) => !target.accepted);
  if (probed.state !== "starting" || missing === undefined || found === undefined) return [];
  if (found.some((socket) => covers(socket, address, missing.port))) return [];
  if (found.length > 0) {
    return warn(probed, elsewhereText(name, { address, port: missing.port }, found));
  }
  return now < nowhereAt ? [] : warn(probed, nowhereText(name, address, missing.port));
}

function enter(probed: Probed): readonly ProbeEffect[] {
  probed.state = "in";
  probed.warned = undefined;
  return [{ kind: "post", message: { kind: "in-rotation", taskId: probed.task.taskId } }];
}

/** P4. */
function warn(probed: Probed, message: string): readonly ProbeEffect[] {
  if (probed.warned === message) return [];
  probed.warned = message;
  return [{ kind: "post", message: { kind: "warning", taskId: probed.task.taskId, message } }];
}
