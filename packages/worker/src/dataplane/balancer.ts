/**
 * Which task answers the next connection of a published port: round robin over the tasks in
 * rotation of all nodes, those that failed lately last (docs/design/data-plane.md).
 *
 * Invariants:
 *   B1. `pick` gives each backend at most once per round: none that is in `tried`.
 *   B2. A backend that failed is given only when no other is left: ejection orders, it never
 *       empties a port. When all are ejected all are tried.
 *   B3. The turn survives a change of the table: it goes on after the task it stood at.
 *   B4. Only tasks of the table have an ejection, so that its size is bounded by the table's.
 *   B5. Nodes begin their turns at different backends.
 */
import type { ServiceId, TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { later } from "@skein/common/time";
import { EJECT_MAX_MS, EJECT_MIN_MS, PUBLISHED_PORTS_MAX } from "../limits.ts";

/** A backend with the port to reach it at. */
export interface Pick {
  readonly backend: Backend;
  readonly targetPort: number;
}

interface PortRoute {
  readonly serviceId: ServiceId;
  readonly serviceName: string;
  readonly targetPort: number;
  /** Sorted by task id. */
  readonly backends: readonly Backend[];
  /** Where the next turn starts. */
  next: number;
}

interface Ejection {
  readonly until: Instant;
  readonly failures: number;
}

export class Balancer {
  #ports = new Map<number, PortRoute>();
  /** Every task of the table. */
  readonly #tasks = new Set<TaskId>();
  readonly #ejections = new Map<TaskId, Ejection>();
  readonly #offset: number;

  /**
   * B5. `self` names this node: each begins its turns elsewhere, or all would begin at one task.
   */
  constructor(self = "") {
    this.#offset = [...self].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0);
  }

  /** Takes a whole serving table. Answers with the published ports, in order. */
  replace(routes: readonly ServiceRoute[]): readonly number[] {
    const former = this.#ports;
    this.#ports = portRoutes(routes);
    for (const [port, route] of this.#ports) {
      route.next = resumeAt(former.get(port), route) ?? this.#offset % route.backends.length;
    }
    this.#forgetStrangers();
    return [...this.#ports.keys()];
  }

  /** The next backend that is not in `tried`; undefined when the round is over. */
  pick(port: number, now: Instant, tried: ReadonlySet<TaskId>): Pick | undefined {
    const route = this.#ports.get(port);
    if (route === undefined) return undefined;
    const index = this.#choose(route, now, tried);
    const backend = index === undefined ? undefined : route.backends[index];
    if (index === undefined || backend === undefined) return undefined;
    route.next = (index + 1) % route.backends.length;
    return { backend, targetPort: route.targetPort };
  }

  /** The backend did not take a connection: others first for a while. */
  failed(task: TaskId, now: Instant): void {
    if (!this.#tasks.has(task)) return; // B4
    const former = this.#ejections.get(task);
    // Several connections that fail together are one failure: the backoff must not jump to its end.
    if (former !== undefined && now < former.until) return;
    const failures = (former?.failures ?? 0) + 1;
    const backoffMs = Math.min(EJECT_MIN_MS * 2 ** (failures - 1), EJECT_MAX_MS);
    this.#ejections.set(task, { until: later(now, backoffMs), failures });
  }

  answered(task: TaskId): void {
    this.#ejections.delete(task);
  }

  serviceName(port: number): string | undefined {
    return this.#ports.get(port)?.serviceName;
  }

  publishes(port: number): boolean {
    return this.#ports.has(port);
  }

  /** Tasks taken last at the moment, for metrics. */
  ejected(now: Instant): number {
    let count = 0;
    for (const ejection of this.#ejections.values()) if (now < ejection.until) count += 1;
    return count;
  }

  #choose(route: PortRoute, now: Instant, tried: ReadonlySet<TaskId>): number | undefined {
    const count = route.backends.length;
    let lastResort: number | undefined;
    for (let step = 0; step < count; step += 1) {
      const index = (route.next + step) % count;
      const task = route.backends[index]?.taskId;
      if (task === undefined || tried.has(task)) continue; // B1
      const ejection = this.#ejections.get(task);
      if (ejection === undefined || now >= ejection.until) return index;
      lastResort ??= index;
    }
    return lastResort; // B2
  }

  #forgetStrangers(): void {
    this.#tasks.clear();
    for (const route of this.#ports.values()) {
      for (const backend of route.backends) this.#tasks.add(backend.taskId);
    }
    for (const task of this.#ejections.keys()) {
      if (!this.#tasks.has(task)) this.#ejections.delete(task);
    }
  }
}

/** The first service (by id) has a port that two of them claim; the store lets no two do so. */
function portRoutes(routes: readonly ServiceRoute[]): Map<number, PortRoute> {
  const found = new Map<number, PortRoute>();
  for (const route of [...routes].toSorted((a, b) => compareIds(a.serviceId, b.serviceId))) {
    const backends = [...route.backends].toSorted((a, b) => compareIds(a.taskId, b.taskId));
    for (const { publishedPort, targetPort } of route.ports) {
      if (found.has(publishedPort)) continue;
      const { serviceId, name: serviceName } = route;
      found.set(publishedPort, { serviceId, serviceName, targetPort, backends, next: 0 });
    }
  }
  const sorted = [...found].toSorted(([a], [b]) => a - b);
  return new Map(sorted.slice(0, PUBLISHED_PORTS_MAX));
}

/** B3: the first backend at or after the one whose turn it was. */
/** Undefined: there is no turn to go on with. */
function resumeAt(former: PortRoute | undefined, route: PortRoute): number | undefined {
  const due = former?.backends[former.next]?.taskId;
  if (route.backends.length === 0) return 0;
  if (due === undefined || former?.serviceId !== route.serviceId) return undefined;
  const index = route.backends.findIndex((backend) => compareIds(backend.taskId, due) >= 0);
  return Math.max(index, 0);
}
