/**
 * What clients of the published ports want served, from its beginning to its end: a TCP connection,
 * or one HTTP request of it. Which backend each is offered to, when the next is tried, when it is
 * given up. Sockets and bytes belong to the shell.
 *
 * One is `connecting` (one backend, or several that race), `waiting` (all failed, or none there)
 * or `active`.
 *
 * Invariants:
 *   C1. Nothing a client sent is spent before a backend answered, so every try can be repeated.
 *   C2. A round offers to each backend once; a backend that took nothing for RACE_AFTER_MS is
 *       joined by the next. Rounds follow each other until HOLD_MS after the port's last task
 *       failed, and only then the client hears of it. A change of the table starts a round at once.
 *   C3. An answer that comes for a try which was aborted is ignored.
 *   C4. Those of one port, and those of them that wait, are bounded; the one too many is rejected.
 *   C5. What was active is offered again (`lost`) only within a budget: a service that fails every
 *       request must not get twice as many.
 */
import type { TaskId } from "@skein/common/ids";
import type { Backend } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { earliest, instant, later } from "@skein/common/time";
import {
  CONNECT_TIMEOUT_MS,
  HOLD_MS,
  HOLD_RETRY_MS,
  PORT_CONNECTIONS_MAX,
  PORT_WAITING_MAX,
  RACE_AFTER_MS,
  RACES_MAX,
} from "../limits.ts";
import type { Asker, Balancer, PortRoute, RouteKey } from "./balancer.ts";
import type { ConnectionEffect, ConnectTarget, Rejection } from "./connection-effect.ts";
import { DueTimes } from "./due-times.ts";
import type { RequestTarget } from "./request-rules.ts";
import { RetryBudget } from "./retry-budget.ts";
import { RouteUses } from "./route-uses.ts";
import type { Meter, ServiceMeters } from "./service-meters.ts";

/** Resolves a backend, or says why it needs no try: a local task that is gone or draining. */
export type Resolve = (
  backend: Backend,
  targetPort: number,
) => ConnectTarget | { readonly kind: "none" };

/** A client asks. `id` is new for every connection, request and stream. */
export interface Asked extends Asker {
  readonly id: number;
  readonly publishedPort: number;
  /** What an HTTP request is for; absent: a connection. */
  readonly request?: RequestTarget;
}

interface Pending {
  readonly id: number;
  readonly route: RouteKey;
  readonly asker: Asker;
  readonly tried: Set<TaskId>;
  /** The last try; `task` while it is under way. */
  attempt: number;
  task: TaskId | undefined;
  /** Tries before the last that are under way still. */
  slow: Map<number, TaskId> | undefined;
  waits: boolean;
}

interface Active {
  readonly route: RouteKey;
  readonly asker: Asker;
  readonly task: TaskId;
  readonly attempt: number;
}

/** Deadlines are rounded up to this, so that a busy port does not re-arm a timer per connection. */
const GRID_MS = 25;

export class Connections {
  readonly #balancer: Balancer;
  readonly #meters: ServiceMeters;
  readonly #resolve: Resolve;
  readonly #budget = new RetryBudget();
  readonly #pending = new Map<number, Pending>();
  readonly #active = new Map<number, Active>();
  readonly #uses: RouteUses;
  /** By id: when the next backend joins the race. */
  readonly #races = new DueTimes<number>(RACE_AFTER_MS);
  /** By "id.attempt": when a try that was overtaken by the next ends. */
  readonly #overdue = new DueTimes<string>(CONNECT_TIMEOUT_MS - RACE_AFTER_MS);
  readonly #waiting = new DueTimes<number>(HOLD_RETRY_MS);
  #racing = 0;

  constructor(balancer: Balancer, meters: ServiceMeters, resolve: Resolve) {
    this.#balancer = balancer;
    this.#meters = meters;
    this.#resolve = resolve;
    this.#uses = new RouteUses((key) => balancer.route(key) !== undefined);
  }

  asked(now: Instant, asked: Asked): readonly ConnectionEffect[] {
    const { id, publishedPort: port } = asked;
    const route = this.#balancer.find(port, asked.request);
    if (route === undefined)
      return [rejected(id, "unknown", `port ${port} serves nothing of that name`)];
    const use = this.#uses.of(route.key);
    if (use.active + use.pending >= PORT_CONNECTIONS_MAX) {
      this.#meters.add(route.serviceName, "rejected"); // C4
      return [rejected(id, "full", `port ${port} has too many connections`)];
    }
    use.pending += 1;
    const meter: Meter = asked.request === undefined ? "connections" : "requests";
    this.#meters.add(route.serviceName, meter);
    this.#budget.earn(route.key);
    return this.#offer(now, { id, route: route.key, asker: asked, tried: new Set() });
  }

  connected(now: Instant, id: number, attempt: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    const task = pending === undefined ? undefined : this.trying(id, attempt);
    if (pending === undefined || task === undefined) return []; // C3
    this.#balancer.answered(task);
    for (const [slow, its] of pending.slow ?? []) {
      // Who let a client wait is taken after the others for a while.
      if (slow < attempt) this.#balancer.failed(its, now);
    }
    const losers = this.#losers(pending, attempt);
    this.#settle(pending);
    const { route, asker } = pending;
    const use = this.#uses.of(route);
    use.active += 1;
    use.downSince = undefined;
    this.#active.set(id, { route, asker, task, attempt });
    this.#balancer.began(task);
    return losers.length === 0
      ? [{ kind: "pipe", id, attempt }]
      : [...losers, { kind: "pipe", id, attempt }];
  }

  connectFailed(now: Instant, id: number, attempt: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    const task = this.trying(id, attempt);
    return pending === undefined || task === undefined ? [] : this.#failed(now, pending, attempt);
  }

  /** The task of a try that is under way. */
  trying(id: number, attempt: number): TaskId | undefined {
    const pending = this.#pending.get(id);
    if (pending?.attempt === attempt && pending.task !== undefined) return pending.task;
    return pending?.slow?.get(attempt);
  }

  /** The task of an active one. */
  serving(id: number): TaskId | undefined {
    return this.#active.get(id)?.task;
  }

  /** The client is gone, or has all it asked for. */
  closed(id: number): readonly ConnectionEffect[] {
    if (this.#endActive(id) !== undefined) return [];
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    const losers = this.#losers(pending, undefined);
    this.#settle(pending);
    return losers;
  }

  /** The backend broke before the client had a byte of it, and the request may be repeated. */
  lost(now: Instant, id: number): readonly ConnectionEffect[] {
    const active = this.#endActive(id);
    if (active === undefined) return [];
    const { route, asker, task, attempt } = active;
    this.#balancer.failed(task, now);
    if (!this.#budget.spend(route)) return [rejected(id, "down", "too many requests fail")]; // C5
    this.#count(route, "retries");
    this.#uses.of(route).pending += 1;
    return this.#offer(now, { id, route, asker, tried: new Set([task]) }, attempt);
  }

  /** The table changed: what waited has a new chance, or none any more. */
  tableChanged(now: Instant): readonly ConnectionEffect[] {
    this.#uses.endOutages((key) => (this.#balancer.route(key)?.backends.length ?? 0) > 0);
    this.#budget.retain((key) => this.#balancer.route(key) !== undefined);
    const effects: ConnectionEffect[] = [];
    // A copy: a connection that must wait on joins the end again.
    for (const id of this.#waiting.all()) effects.push(...this.#newRound(now, id));
    this.#uses.forgetAllUnused();
    return effects;
  }

  wake(now: Instant): readonly ConnectionEffect[] {
    const effects: ConnectionEffect[] = [];
    for (const key of this.#overdue.take(now)) effects.push(...this.#timedOut(now, key));
    for (const id of this.#races.take(now)) effects.push(...this.#overtake(now, id));
    for (const id of this.#waiting.take(now)) effects.push(...this.#newRound(now, id));
    return effects;
  }

  wakeAt(): Instant | undefined {
    const tries = earliest(this.#races.first(), this.#overdue.first());
    const at = earliest(tries, this.#waiting.first());
    return at === undefined ? undefined : instant(Math.ceil(at / GRID_MS) * GRID_MS);
  }

  counts(): { readonly waiting: number; readonly connecting: number; readonly active: number } {
    const waiting = this.#waiting.size();
    return { waiting, connecting: this.#pending.size - waiting, active: this.#active.size };
  }

  #offer(
    now: Instant,
    asked: Pick<Pending, "id" | "route" | "asker" | "tried">,
    attempt = 0,
  ): readonly ConnectionEffect[] {
    const pending: Pending = { ...asked, attempt, task: undefined, slow: undefined, waits: false };
    this.#pending.set(asked.id, pending);
    return this.#next(now, pending);
  }

  /** Offers to the next backend of the round; when there is none and none is tried, waits. */
  #next(now: Instant, pending: Pending): readonly ConnectionEffect[] {
    const route = this.#balancer.route(pending.route);
    const found = route === undefined ? undefined : this.#pick(now, pending);
    if (route === undefined || found === undefined) {
      return isTrying(pending) ? [] : this.#wait(now, pending);
    }
    const { id } = pending;
    pending.attempt += 1;
    pending.task = found.taskId;
    this.#races.put(id, now);
    return [
      { kind: "connect", id, attempt: pending.attempt, service: route.serviceName, ...found },
    ];
  }

  #pick(
    now: Instant,
    pending: Pending,
  ): { readonly taskId: TaskId; readonly target: ConnectTarget } | undefined {
    for (;;) {
      const pick = this.#balancer.pick(pending.route, now, pending.tried, pending.asker);
      if (pick === undefined) return undefined;
      const { taskId } = pick.backend;
      pending.tried.add(taskId);
      const target = this.#resolve(pick.backend, pick.targetPort);
      if (target.kind !== "none") return { taskId, target };
    }
  }

  /** The last try took too long: it goes on, but no longer alone. */
  #overtake(now: Instant, id: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending?.task === undefined) return [];
    this.#overdue.put(`${id}.${pending.attempt}`, now);
    if (pending.slow === undefined) {
      if (this.#racing >= RACES_MAX) return [];
      pending.slow = new Map();
      this.#racing += 1;
    }
    pending.slow.set(pending.attempt, pending.task);
    pending.task = undefined;
    return this.#next(now, pending);
  }

  #timedOut(now: Instant, key: string): readonly ConnectionEffect[] {
    const [id = 0, attempt = 0] = key.split(".").map(Number);
    const pending = this.#pending.get(id);
    if (pending === undefined || this.trying(id, attempt) === undefined) return [];
    const abort: ConnectionEffect = { kind: "abort", id, attempt };
    return [abort, ...this.#failed(now, pending, attempt)];
  }

  /** One try failed: the next backend, unless others are under way and the round is over. */
  #failed(now: Instant, pending: Pending, attempt: number): readonly ConnectionEffect[] {
    const task = this.trying(pending.id, attempt);
    if (task !== undefined) this.#balancer.failed(task, now);
    this.#count(pending.route, "retries");
    this.#overdue.delete(`${pending.id}.${attempt}`);
    if (!this.#drop(pending, attempt)) return [];
    this.#races.delete(pending.id);
    return this.#next(now, pending);
  }

  /** True when it was the last try; a slow one was followed by another already. */
  #drop(pending: Pending, attempt: number): boolean {
    pending.slow?.delete(attempt);
    if (pending.attempt === attempt) pending.task = undefined;
    return pending.attempt === attempt || !isTrying(pending);
  }

  /** Tries that another won, or that nobody waits for. */
  #losers(pending: Pending, winner: number | undefined): readonly ConnectionEffect[] {
    const { id } = pending;
    const aborts: ConnectionEffect[] = [];
    for (const [attempt] of pending.slow ?? []) {
      this.#overdue.delete(`${id}.${attempt}`);
      if (attempt !== winner) aborts.push({ kind: "abort", id, attempt });
    }
    if (pending.task !== undefined && pending.attempt !== winner) {
      aborts.push({ kind: "abort", id, attempt: pending.attempt });
    }
    return aborts;
  }

  #wait(now: Instant, pending: Pending): readonly ConnectionEffect[] {
    const use = this.#uses.of(pending.route);
    use.downSince ??= now;
    const over = now >= later(use.downSince, HOLD_MS) || use.waiting >= PORT_WAITING_MAX;
    if (over) return this.#giveUp(pending);
    pending.tried.clear();
    pending.waits = true;
    use.waiting += 1;
    this.#waiting.put(pending.id, now);
    return [];
  }

  #newRound(now: Instant, id: number): readonly ConnectionEffect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    this.#leaveWaiting(pending);
    if (this.#balancer.route(pending.route) === undefined) return this.#giveUp(pending);
    return this.#next(now, pending);
  }

  #giveUp(pending: Pending): readonly ConnectionEffect[] {
    this.#count(pending.route, "failures");
    this.#settle(pending);
    const service = this.#balancer.route(pending.route)?.serviceName ?? "the service";
    return [rejected(pending.id, "down", `no task of ${service} answers`)];
  }

  #settle(pending: Pending): void {
    this.#pending.delete(pending.id);
    this.#races.delete(pending.id);
    this.#leaveWaiting(pending);
    if (pending.slow !== undefined) {
      this.#racing -= 1;
      for (const attempt of pending.slow.keys()) this.#overdue.delete(`${pending.id}.${attempt}`);
    }
    this.#overdue.delete(`${pending.id}.${pending.attempt}`);
    this.#uses.of(pending.route).pending -= 1;
    this.#uses.forgetUnused(pending.route);
  }

  #leaveWaiting(pending: Pending): void {
    if (!pending.waits) return;
    pending.waits = false;
    this.#waiting.delete(pending.id);
    this.#uses.of(pending.route).waiting -= 1;
  }

  #endActive(id: number): Active | undefined {
    const active = this.#active.get(id);
    if (active === undefined) return undefined;
    this.#active.delete(id);
    this.#balancer.ended(active.task);
    this.#uses.of(active.route).active -= 1;
    this.#uses.forgetUnused(active.route);
    return active;
  }

  #count(key: RouteKey, what: Meter): void {
    const route: PortRoute | undefined = this.#balancer.route(key);
    if (route !== undefined) this.#meters.add(route.serviceName, what);
  }
}

function isTrying(pending: Pending): boolean {
  return pending.task !== undefined || (pending.slow?.size ?? 0) > 0;
}

function rejected(id: number, code: Rejection, reason: string): ConnectionEffect {
  return { kind: "reject", id, code, reason };
}
