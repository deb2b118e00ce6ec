/**
 * Which task answers the next connection or request of a published port: by the service's policy
 * over the tasks in rotation of all nodes, those that failed lately after the others
 * (docs/design/data-plane.md).
 *
 * Invariants:
 *   B1. `pick` gives each backend at most once per round: none that is in `tried`.
 *   B2. Health orders, it never empties a port: those who are well, then the ejected, then those of
 *       silent nodes. When all failed all are tried.
 *   B3. The turn survives a change of the table: it goes on after the task it stood at.
 *   B4. When more than half of the reachable backends are ejected it is rather we who are ill, or
 *       all are overloaded: ejections are passed over (panic), so that no few get everything.
 *   B5. Nodes begin their turns at different backends.
 */
import type { NodeId, ServiceId, TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { cookieValue } from "../ingress/http-rewrite.ts";
import { PUBLISHED_PORTS_MAX } from "../limits.ts";
import { EndpointHealth, type Health } from "./endpoint-health.ts";
import { hashText, POLICY, stickyKey } from "./policies.ts";
import { matchRule, type RequestTarget } from "./request-rules.ts";

/** A backend with the port to reach it at. */
export interface Pick {
  readonly backend: Backend;
  readonly targetPort: number;
}

/** Names one service on one port; stays good when the table changes. */
export type RouteKey = string;

/** What is known of who asks. */
export interface Asker {
  /** The client's address. */
  readonly source?: string;
  /** Its Cookie fields, one of which may name the task it was with. */
  readonly cookies?: string;
}

export interface PortRoute {
  readonly key: RouteKey;
  readonly port: number;
  readonly serviceId: ServiceId;
  readonly serviceName: string;
  readonly targetPort: number;
  readonly options: IngressOptions;
  /** Sorted by task id. */
  readonly backends: readonly Backend[];
  /** When a task joined that is still in its slow start. */
  readonly joined: Map<TaskId, Instant>;
  /** Where the next turn starts. */
  next: number;
}

const NOBODY: Asker = {};
const ANYBODY = (): boolean => true;

export class Balancer {
  #routes = new Map<RouteKey, PortRoute>();
  /** By port, the more specific rules first. */
  #ports = new Map<number, readonly PortRoute[]>();
  readonly #health = new EndpointHealth();
  readonly #load = new Map<TaskId, number>();
  readonly #offset: number;
  #seed: number;

  /**
   * B5. `self` names this node: each begins its turns elsewhere, or all would begin at one task.
   */
  constructor(self = "") {
    this.#offset = [...self].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0);
    this.#seed = hashText(self) | 1;
  }

  /** Takes a whole serving table. Answers with the published ports, in order. */
  replace(routes: readonly ServiceRoute[], now: Instant): readonly number[] {
    const former = this.#routes;
    this.#ports = portRoutes(routes);
    this.#routes = new Map();
    for (const route of [...this.#ports.values()].flat()) {
      const before = former.get(route.key);
      route.next = resumeAt(before, route) ?? this.#offset % route.backends.length;
      noteJoins(before, route, now);
      this.#routes.set(route.key, route);
    }
    this.#health.retain([...this.#routes.values()].flatMap((route) => route.backends));
    return [...this.#ports.keys()];
  }

  /** The service that serves this, if any; without a target a port's only service. */
  find(port: number, target?: RequestTarget): PortRoute | undefined {
    const routes = this.#ports.get(port);
    if (routes === undefined) return undefined;
    const [only] = routes;
    if (routes.length === 1 && only !== undefined && !hasRule(only)) return only;
    return target === undefined ? undefined : matchRule(routes, target);
  }

  route(key: RouteKey): PortRoute | undefined {
    return this.#routes.get(key);
  }

  routes(): Iterable<PortRoute> {
    return this.#routes.values();
  }

  publishes(port: number): boolean {
    return this.#ports.has(port);
  }

  /** The next backend that is not in `tried`; undefined when the round is over. */
  pick(
    key: RouteKey,
    now: Instant,
    tried: ReadonlySet<TaskId>,
    asker: Asker = NOBODY,
  ): Pick | undefined {
    const route = this.#routes.get(key);
    if (route === undefined) return undefined;
    const index = this.#choose(route, { now, tried, asker });
    const backend = index === undefined ? undefined : route.backends[index];
    if (index === undefined || backend === undefined) return undefined;
    route.next = (index + 1) % route.backends.length;
    return { backend, targetPort: route.targetPort };
  }

  failed(task: TaskId, now: Instant): void {
    this.#health.failed(task, now);
  }

  answered(task: TaskId): void {
    this.#health.answered(task);
  }

  nodeSilent(node: NodeId): void {
    this.#health.nodeSilent(node);
  }

  nodeAnswers(node: NodeId): void {
    this.#health.nodeAnswers(node);
  }

  /** A connection or request begins at the task, or ends there. */
  began(task: TaskId): void {
    this.#load.set(task, (this.#load.get(task) ?? 0) + 1);
  }

  ended(task: TaskId): void {
    const load = (this.#load.get(task) ?? 0) - 1;
    if (load > 0) this.#load.set(task, load);
    else this.#load.delete(task);
  }

  loads(): ReadonlyMap<string, number> {
    return new Map(this.#load);
  }

  load(task: TaskId): number {
    return this.#load.get(task) ?? 0;
  }

  counts(now: Instant): { readonly ejected: number; readonly silentNodes: number } {
    return this.#health.counts(now);
  }

  #choose(
    route: PortRoute,
    { now, tried, asker }: { now: Instant; tried: ReadonlySet<TaskId>; asker: Asker },
  ): number | undefined {
    const calm = tried.size === 0 && route.joined.size === 0 && this.#health.isCalm();
    if (calm) return this.#byPolicy(route, ANYBODY, asker);
    const untried = (backend: Backend): boolean => !tried.has(backend.taskId); // B1
    const first = this.#isPanic(route, now) ? ["well", "ejected"] : ["well"];
    const healthOf = (backend: Backend): Health => this.#health.of(backend, now);
    const best = (backend: Backend): boolean =>
      untried(backend) && first.includes(healthOf(backend));
    const warm = (backend: Backend): boolean => best(backend) && this.#isWarm(route, backend, now);
    const tiers = [
      ...(route.joined.size > 0 ? [warm] : []),
      best,
      (backend: Backend) => untried(backend) && healthOf(backend) === "ejected",
      untried, // B2
    ];
    for (const mayTake of tiers) {
      const index = this.#byPolicy(route, mayTake, asker);
      if (index !== undefined) return index;
    }
    return undefined;
  }

  #byPolicy(
    route: PortRoute,
    mayTake: (backend: Backend) => boolean,
    { source = "", cookies }: Asker,
  ): number | undefined {
    const { backends, next } = route;
    const { stickyCookie } = route.options;
    if (stickyCookie !== undefined && cookies !== undefined) {
      const sticky = cookieValue(cookies, stickyCookie);
      const index = backends.findIndex((backend) => stickyKey(backend.taskId) === sticky);
      const known = backends[index];
      if (known !== undefined && mayTake(known)) return index;
    }
    const load = (task: TaskId): number => this.load(task);
    const random = (bound: number): number => this.#random(bound);
    return POLICY[route.options.policy]({ backends, next, mayTake, load, random, source });
  }

  /** B4. */
  #isPanic(route: PortRoute, now: Instant): boolean {
    if (this.#health.isCalm()) return false;
    let [ejected, reachable] = [0, 0];
    for (const backend of route.backends) {
      const health = this.#health.of(backend, now);
      if (health !== "silent") reachable += 1;
      if (health === "ejected") ejected += 1;
    }
    return ejected * 2 > reachable;
  }

  /** A task in its slow start is taken as often as its time since it joined is of the whole. */
  #isWarm(route: PortRoute, { taskId }: Backend, now: Instant): boolean {
    const since = route.joined.get(taskId);
    if (since === undefined) return true;
    const age = now - since;
    const { slowStartMs } = route.options;
    if (age < slowStartMs) return this.#random(slowStartMs) < Math.max(age, slowStartMs / 10);
    route.joined.delete(taskId);
    return true;
  }

  /** xorshift32: which task is taken must be the same in every replay. */
  #random(bound: number): number {
    this.#seed ^= this.#seed << 13;
    this.#seed ^= this.#seed >>> 17;
    this.#seed ^= this.#seed << 5;
    return bound < 1 ? 0 : (this.#seed >>> 0) % bound;
  }
}

export function hasRule({ options }: { readonly options: IngressOptions }): boolean {
  return options.host !== undefined || options.path !== undefined;
}

/**
 * The store lets no two services claim a port without rules of their own; the first (by id) has it
 * here.
 */
function portRoutes(routes: readonly ServiceRoute[]): Map<number, readonly PortRoute[]> {
  const found = new Map<number, PortRoute[]>();
  for (const route of [...routes].toSorted((a, b) => compareIds(a.serviceId, b.serviceId))) {
    const backends = [...route.backends].toSorted((a, b) => compareIds(a.taskId, b.taskId));
    const { serviceId, name: serviceName, ingress: options = DEFAULT_INGRESS } = route;
    for (const { publishedPort: port, targetPort } of route.ports) {
      const key = `${port}/${serviceId}`;
      const before = found.get(port) ?? [];
      const service = { serviceId, serviceName, options };
      const made = { key, port, ...service, targetPort, backends, joined: new Map(), next: 0 };
      if (before.length === 0) found.set(port, [made]);
      else if (hasRule(made) && before.every(hasRule)) before.push(made);
    }
  }
  const sorted = [...found].toSorted(([a], [b]) => a - b);
  return new Map(sorted.slice(0, PUBLISHED_PORTS_MAX));
}

/** Only who joins others that serve already has a slow start: someone must carry the load. */
function noteJoins(former: PortRoute | undefined, route: PortRoute, now: Instant): void {
  if (route.options.slowStartMs === 0 || former === undefined) return;
  if (former.backends.length === 0) return;
  const known = new Set(former.backends.map((backend) => backend.taskId));
  for (const { taskId } of route.backends) {
    const since = former.joined.get(taskId);
    if (since !== undefined) route.joined.set(taskId, since);
    else if (!known.has(taskId)) route.joined.set(taskId, now);
  }
}

/**
 * B3: the first backend at or after the one whose turn it was. Undefined: there is no turn to go on
 * with.
 */
function resumeAt(former: PortRoute | undefined, route: PortRoute): number | undefined {
  const due = former?.backends[former.next]?.taskId;
  if (route.backends.length === 0) return 0;
  if (due === undefined) return undefined;
  const index = route.backends.findIndex((backend) => compareIds(backend.taskId, due) >= 0);
  return Math.max(index, 0);
}
