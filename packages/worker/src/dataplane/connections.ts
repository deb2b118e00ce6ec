/**
 * Client connections of the published ports, from accept to close: which backend each is offered
 * to, when the next is tried, when it is given up. Sockets and bytes belong to the shell.
 *
 * A connection is `connecting` (one backend at a time), `waiting` (all failed, or none there) or
 * `active`.
 *
 * Invariants:
 *   C1. Nothing of the client is read before a backend answered, so every try can still be
 *       repeated.
 *   C2. A round offers the connection to each backend once; rounds follow each other until HOLD_MS
 *       after accept, and only then the client hears of it. A change of the table starts a round at
 *       once.
 *   C3. An answer that comes for an earlier attempt is ignored: the shell was told to abort it.
 *   C4. Connections of one port, and those of them that wait, are bounded; the one too many is
 *       rejected.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import type { Backend } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { earliest, instant, later } from "@skein/common/time";
import {
  CONNECT_TIMEOUT_MS,
  HOLD_MS,
  HOLD_RETRY_MS,
  PORT_CONNECTIONS_MAX,
  PORT_WAITING_MAX,
} from "../limits.ts";
import type { Balancer } from "./balancer.ts";
import type { ServiceMeters } from "./service-meters.ts";

/** Where a backend is reached from this node. */
export type ConnectTarget =
  | { readonly kind: "local"; readonly address: string; readonly port: number }
  | {
      readonly kind: "remote";
      readonly dataAddress: string;
      readonly nodeId: NodeId;
      readonly taskId: TaskId;
      readonly port: number;
    };

export type ConnectionEffect =
  | {
      readonly kind: "connect";
      readonly id: number;
      /** Counts the tries of one connection; every later word about a try names it. */
      readonly attempt: number;
      readonly target: ConnectTarget;
    }
  | { readonly kind: "abort"; readonly id: number; readonly attempt: number }
  /** Join the client with the backend that answered. */
  | { readonly kind: "pipe"; readonly id: number; readonly attempt: number }
  | { readonly kind: "reject"; readonly id: number; readonly reason: string };

/** Resolves a backend, or says why it needs no try: a local task that is gone or draining. */
export type Resolve = (
  backend: Backend,
  targetPort: number,
) => ConnectTarget | { readonly kind: "none" };

interface Pending {
  readonly id: number;
  readonly port: number;
  readonly giveUpAt: Instant;
  readonly tried: Set<TaskId>;
  attempt: number;
  task: TaskId | undefined;
}

interface PortUse {
  /** Connecting or waiting. */
  pending: number;
  waiting: number;
  active: number;
}

/** Deadlines are rounded up to this, so that a busy port does not re-arm a timer per connection. */
const GRID_MS = 25;

export class Connections {
  readonly #balancer: Balancer;
  readonly #meters: ServiceMeters;
  readonly #resolve: Resolve;
  readonly #pending = new Map<number, Pending>();
  /**
   * Both are ordered by time: each entry is added with the same delay and moved to the end with it.
   */
  readonly #connecting = new Map<number, Instant>();
  readonly #waiting = new Map<number, Instant>();
  readonly #active = new Map<number, number>();
  readonly #use = new Map<number, PortUse>();

  constructor(balancer: Balancer, meters: ServiceMeters, resolve: Resolve) {
    this.#balancer = balancer;
    this.#meters = meters;
    this.#resolve = resolve;
  }

  accepted(now: Instant, id: number, port: number): readonly ConnectionEffect[] {
    const service = this.#balancer.serviceName(port);
    if (service === undefined) return [rejected(id, `port ${port} is not published`)];
    const use = this.#useOf(port);
    if (use.active + use.pending >= PORT_CONNECTIONS_MAX) {
      this.#meters.add(service, "rejected"); // C4
      return [rejected(id, `port ${port} has too many connections`)];
    }
    use.pending += 1;
    this.#meters.add(service, "connections");
    const giveUpAt = later(now, HOLD_MS);
    this.#pending.set(id, { id, port, giveUpAt, tried: new Set(), attempt: 0, task: undefined });
    return this.#round(now, id);
  }

  connected(id: number, attempt: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.attempt !== attempt || !this.#connecting.has(id))
      return [];
    if (pending.task !== undefined) this.#balancer.answered(pending.task);
    this.#settle(pending);
    this.#useOf(pending.port).active += 1;
    this.#active.set(id, pending.port);
    return [{ kind: "pipe", id, attempt }];
  }

  connectFailed(now: Instant, id: number, attempt: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.attempt !== attempt) return []; // C3
    if (!this.#connecting.has(id)) return [];
    return this.#next(now, pending);
  }

  /** The task of the try under way, if `attempt` is it. */
  trying(id: number, attempt: number): TaskId | undefined {
    const pending = this.#pending.get(id);
    return pending?.attempt === attempt && this.#connecting.has(id) ? pending.task : undefined;
  }

  /** The client's socket is gone, in whatever state. */
  closed(id: number): readonly ConnectionEffect[] {
    const port = this.#active.get(id);
    if (port !== undefined) {
      this.#active.delete(id);
      this.#useOf(port).active -= 1;
      this.#forgetUnused(port);
      return [];
    }
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    const trying = this.#connecting.has(id);
    this.#settle(pending);
    return trying ? [{ kind: "abort", id, attempt: pending.attempt }] : [];
  }

  /** The table changed: what waited has a new chance, or none any more. */
  tableChanged(now: Instant): readonly ConnectionEffect[] {
    const effects: ConnectionEffect[] = [];
    // A copy: a connection that must wait on joins the end of the map again.
    const ids = [...this.#waiting.keys()];
    for (const id of ids) effects.push(...this.#newRound(now, id));
    return effects;
  }

  wake(now: Instant): readonly ConnectionEffect[] {
    const effects: ConnectionEffect[] = [];
    for (const id of due(this.#connecting, now)) effects.push(...this.#timedOut(now, id));
    for (const id of due(this.#waiting, now)) effects.push(...this.#newRound(now, id));
    return effects;
  }

  wakeAt(): Instant | undefined {
    const at = earliest(firstOf(this.#connecting), firstOf(this.#waiting));
    return at === undefined ? undefined : instant(Math.ceil(at / GRID_MS) * GRID_MS);
  }

  counts(): { readonly waiting: number; readonly connecting: number; readonly active: number } {
    return {
      waiting: this.#waiting.size,
      connecting: this.#connecting.size,
      active: this.#active.size,
    };
  }

  /** Offers the connection to the next backend of the round, or lets it wait for another round. */
  #round(now: Instant, id: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    for (;;) {
      const pick = this.#balancer.pick(pending.port, now, pending.tried);
      if (pick === undefined) return this.#wait(now, pending);
      pending.tried.add(pick.backend.taskId);
      const target = this.#resolve(pick.backend, pick.targetPort);
      if (target.kind === "none") continue;
      pending.attempt += 1;
      pending.task = pick.backend.taskId;
      this.#connecting.delete(id);
      this.#connecting.set(id, later(now, CONNECT_TIMEOUT_MS));
      return [{ kind: "connect", id, attempt: pending.attempt, target }];
    }
  }

  #wait(now: Instant, pending: Pending): readonly ConnectionEffect[] {
    this.#connecting.delete(pending.id);
    const use = this.#useOf(pending.port);
    if (now >= pending.giveUpAt || use.waiting >= PORT_WAITING_MAX) return this.#giveUp(pending);
    pending.tried.clear();
    pending.task = undefined;
    use.waiting += 1;
    this.#waiting.set(pending.id, later(now, HOLD_RETRY_MS));
    return [];
  }

  #leaveWaiting(pending: Pending): void {
    if (this.#waiting.delete(pending.id)) this.#useOf(pending.port).waiting -= 1;
  }

  #newRound(now: Instant, id: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    this.#leaveWaiting(pending);
    if (!this.#balancer.publishes(pending.port)) return this.#giveUp(pending);
    return this.#round(now, id);
  }

  #timedOut(now: Instant, id: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    this.#connecting.delete(id);
    if (pending === undefined) return [];
    const abort: ConnectionEffect = { kind: "abort", id, attempt: pending.attempt };
    return [abort, ...this.#next(now, pending)];
  }

  #next(now: Instant, pending: Pending): readonly ConnectionEffect[] {
    if (pending.task !== undefined) this.#balancer.failed(pending.task, now);
    this.#count(pending, "retries");
    this.#connecting.delete(pending.id);
    if (now >= pending.giveUpAt) return this.#giveUp(pending); // C2
    return this.#round(now, pending.id);
  }

  #giveUp(pending: Pending): readonly ConnectionEffect[] {
    this.#count(pending, "failures");
    this.#settle(pending);
    return [rejected(pending.id, `no task in rotation answered on port ${pending.port}`)];
  }

  #settle(pending: Pending): void {
    this.#pending.delete(pending.id);
    this.#connecting.delete(pending.id);
    this.#leaveWaiting(pending);
    this.#useOf(pending.port).pending -= 1;
    this.#forgetUnused(pending.port);
  }

  #count(pending: Pending, what: "retries" | "failures"): void {
    const service = this.#balancer.serviceName(pending.port);
    if (service !== undefined) this.#meters.add(service, what);
  }

  #useOf(port: number): PortUse {
    let use = this.#use.get(port);
    if (use === undefined) {
      use = { pending: 0, waiting: 0, active: 0 };
      this.#use.set(port, use);
    }
    return use;
  }

  #forgetUnused(port: number): void {
    const use = this.#use.get(port);
    if (use !== undefined && use.active === 0 && use.pending === 0) this.#use.delete(port);
  }
}

function rejected(id: number, reason: string): ConnectionEffect {
  return { kind: "reject", id, reason };
}

function firstOf(times: ReadonlyMap<number, Instant>): Instant | undefined {
  for (const at of times.values()) return at;
  return undefined;
}

/**
 * The ids whose time has come; the map is ordered by time, so the look ends at the first that is
 * not.
 */
function due(times: ReadonlyMap<number, Instant>, now: Instant): readonly number[] {
  const ids: number[] = [];
  for (const [id, at] of times) {
    if (now < at) break;
    ids.push(id);
  }
  return ids;
}
