/**
 * The serving table: which ports are published and which tasks answer them. It is the same for
 * every node and has one version for all, so that an increment is made once and sent to
 * everybody.
 *
 * Invariants:
 *   D4. A task is a backend while it is wanted, observed running and in rotation, on a node that
 *       is ready: one that is asked to end leaves the table in the same flush in which its agent
 *       hears of it, before. One that is wanted and not in rotation is expected: its own node's
 *       word, by gossip, makes it serve.
 *   D5. A worker that applied every message has exactly `routesOf(view)` as of the last flush.
 *   D6. Of a service with two sets of tasks (blue-green) one is served; which one changes in one
 *       message.
 */
import type { ServiceId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import { DEFAULT_INGRESS, ingressOptions } from "@skein/common/model/ingress-options";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { ToWorker } from "@skein/common/wire/dispatch-messages";
import type { ClusterView } from "../store/view.ts";
import { namesOf } from "./names.ts";

/** Sorted by service id. */
export function routesOf(view: ClusterView): readonly ServiceRoute[] {
  return view.services.list().flatMap((service) => {
    const route = routeOf(view, service);
    return route === undefined ? [] : [route];
  });
}

export class RouteTable {
  readonly #routes = new Map<ServiceId, ServiceRoute>();
  readonly #dirty = new Set<ServiceId>();
  #version = 1;

  /** Every change up to it was heard of: what is told under it is no older. */
  #index: number;
  #flushedIndex: number;

  constructor(view: ClusterView) {
    this.#index = view.index;
    this.#flushedIndex = view.index;
    for (const route of routesOf(view)) this.#routes.set(route.serviceId, route);
  }

  /** The table as of the last flush. */
  complete(): ToWorker {
    const put = [...this.#routes.values()].sort((a, b) => compareIds(a.serviceId, b.serviceId));
    const version = this.#version;
    const base = { kind: "routes", complete: true, base: version - 1, version } as const;
    return { ...base, put, remove: [], index: this.#flushedIndex };
  }

  reached(index: number): void {
    this.#index = Math.max(this.#index, index);
  }

  mark(serviceId: ServiceId): void {
    this.#dirty.add(serviceId);
  }

  isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  version(): number {
    return this.#version;
  }

  /** The increment for everybody, or undefined when nothing differs. */
  flush(view: ClusterView): ToWorker | undefined {
    const put: ServiceRoute[] = [];
    const remove: ServiceId[] = [];
    for (const serviceId of [...this.#dirty].sort(compareIds)) {
      const service = view.services.get(serviceId);
      const route = service === undefined ? undefined : routeOf(view, service);
      const told = this.#routes.get(serviceId);
      if (route === undefined) {
        if (this.#routes.delete(serviceId)) remove.push(serviceId);
      } else if (told === undefined || !isSameRoute(told, route)) {
        this.#routes.set(serviceId, route);
        put.push(route);
      }
    }
    this.#dirty.clear();
    this.#flushedIndex = this.#index;
    if (put.length === 0 && remove.length === 0) return undefined;
    this.#version += 1;
    const version = this.#version;
    const base = { kind: "routes", complete: false, base: version - 1, version } as const;
    return { ...base, put, remove, index: this.#index };
  }
}

/** Undefined: the service publishes nothing through the mesh, and has no name anywhere. */
function routeOf(view: ClusterView, service: Service): ServiceRoute | undefined {
  if (service.removed === true) return undefined;
  const ports = service.ports
    .filter(({ mode, protocol, publishedPort }) => {
      return mode === "ingress" && protocol === "tcp" && publishedPort !== 0;
    })
    .map(({ publishedPort, targetPort }) => ({ publishedPort, targetPort }));
  const names = namesOf(view, service);
  if (ports.length === 0 && names === undefined) return undefined;
  const { serving, entitled } = setsOf(view, service);
  const as = (tasks: readonly Task[], standing: Standing): readonly Backend[] =>
    tasks.flatMap((task) => (standingOf(task) === standing ? backendOf(view, task) : []));
  const expected = as(entitled, "expected");
  const named = names === undefined ? {} : { names };
  const { name } = service.spec;
  const base = { serviceId: service.id, name, ports, ...ingressOf(service), ...named };
  const backends = as(serving, "backend");
  return expected.length === 0 ? { ...base, backends } : { ...base, backends, expected };
}

/** What a task is to the table (D4). */
export type Standing = "backend" | "expected" | "none";

export function standingOf({ desired, nodeId, address, status }: Task): Standing {
  if (desired !== "running" || nodeId === undefined || address === undefined) return "none";
  if (isTerminal(status.state)) return "none";
  return status.state === "running" && status.inRotation === true ? "backend" : "expected";
}

/** Only what the user asked for: most services have no such label. */
function ingressOf(service: Service): Pick<ServiceRoute, "ingress"> {
  const options = ingressOptions(service.spec.labels);
  if (!options.ok || isSame(options.value, DEFAULT_INGRESS)) return {};
  return { ingress: options.value };
}

/**
 * Of two sets of tasks the one that is entitled to the traffic (D6); while nothing of it is in
 * rotation, whatever is serves: an answer of the other version is better than none.
 */
function setsOf(
  view: ClusterView,
  service: Service,
): { readonly serving: readonly Task[]; readonly entitled: readonly Task[] } {
  const tasks = view.tasksOfService(service.id);
  const { traffic } = service;
  if (traffic === undefined) return { serving: tasks, entitled: tasks };
  const entitled = tasks.filter(({ taskIndex }) => taskIndex === traffic.taskIndex);
  const serves = (task: Task): boolean =>
    standingOf(task) === "backend" && backendOf(view, task).length > 0;
  return { serving: entitled.some(serves) ? entitled : tasks, entitled };
}

function backendOf(view: ClusterView, task: Task): readonly Backend[] {
  const { id: taskId, nodeId, address, status } = task;
  if (nodeId === undefined || address === undefined) return [];
  const node = view.nodes.get(nodeId);
  if (node?.status.state !== "ready") return [];
  const { dataAddress } = node.description;
  const { slot, networks } = task;
  const { listens } = status;
  const overlay = networks === undefined ? {} : { slot, networks };
  const heard = listens === undefined ? {} : { listens };
  return [{ taskId, nodeId, dataAddress, address, ...overlay, ...heard }];
}

function isSameRoute(a: ServiceRoute, b: ServiceRoute): boolean {
  return isSame(a, b);
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
