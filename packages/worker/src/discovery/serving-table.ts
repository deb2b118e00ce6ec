/**
 * What this node serves: the routes the leader told, or, without one, the newest that gossip knows;
 * without the tasks that their own nodes say are draining or do not answer, and without those of
 * nodes that nobody can reach; with expected ones that their own nodes say are in rotation. So
 * tables go on converging while every manager is down, and a worker that starts then serves too.
 *
 * Invariants:
 *   V1. A task is served only if the store's routes name it: what is older than the newest routes
 *       known here never comes back.
 *   V2. The leader's word is taken from a live session, whatever its index; else the newer counts.
 *   V3. Without a word of its own node a backend is served and an expected task is not.
 */
import type { Gossip } from "@skein/common/gossip/gossip";
import { decodeJson } from "@skein/common/gossip/member-facts";
import type { Fact } from "@skein/common/gossip/protocol";
import { ROUTES_OWNER } from "@skein/common/gossip/protocol";
import type { NodeId, TaskId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import { serviceRouteSchema } from "@skein/common/model/routes";
import type { Endpoint } from "./endpoints.ts";
import { endpointOf, taskKey } from "./endpoints.ts";

export function routeFact(route: ServiceRoute): Fact {
  return { key: route.serviceId, value: JSON.stringify(route) };
}

export class ServingTable {
  #told: { readonly routes: readonly ServiceRoute[]; readonly index: number } | undefined;
  /** The text of what was posted last. */
  #posted: string | undefined;
  /** Decoded values, by their text: most do not change from one look to the next. */
  #decoded = new Map<string, ServiceRoute | undefined>();

  /** The leader's whole table, and the index it was told under. */
  told(routes: readonly ServiceRoute[], index: number): void {
    this.#told = { routes, index };
  }

  /** The table to serve now; undefined: the one that is served. */
  next(gossip: Gossip, isConnected: boolean): readonly ServiceRoute[] | undefined {
    const routes = this.#newest(gossip, isConnected).map((route) => servedOf(gossip, route));
    const text = JSON.stringify(routes);
    if (text === this.#posted || (this.#posted === undefined && routes.length === 0)) {
      return undefined;
    }
    this.#posted = text;
    return routes;
  }

  /** The tasks of a node that the newest table names; undefined: there is none yet. */
  named(gossip: Gossip, isConnected: boolean, node: NodeId): ReadonlySet<TaskId> | undefined {
    const [, , index] = gossip.inspect().spaces.version(ROUTES_OWNER);
    if (this.#told === undefined && index === 0) return undefined;
    const named = new Set<TaskId>();
    for (const { backends, expected = [] } of this.#newest(gossip, isConnected)) {
      for (const { nodeId, taskId } of backends) if (nodeId === node) named.add(taskId);
      for (const { nodeId, taskId } of expected) if (nodeId === node) named.add(taskId);
    }
    return named;
  }

  #newest(gossip: Gossip, isConnected: boolean): readonly ServiceRoute[] {
    const [, , index] = gossip.inspect().spaces.version(ROUTES_OWNER);
    if (this.#told !== undefined && (isConnected || this.#told.index >= index)) {
      return this.#told.routes;
    }
    const decoded = new Map<string, ServiceRoute | undefined>();
    for (const [, value] of gossip.values(ROUTES_OWNER)) {
      const known = this.#decoded.get(value);
      decoded.set(value, known ?? decodeJson(serviceRouteSchema, value));
    }
    this.#decoded = decoded;
    return [...decoded.values()]
      .filter((route) => route !== undefined)
      .toSorted((a, b) => compareIds(a.serviceId, b.serviceId));
  }
}

function servedOf(gossip: Gossip, { expected = [], ...route }: ServiceRoute): ServiceRoute {
  const serving = route.backends.flatMap((one) => serve(gossip, one, true));
  const entering = expected.flatMap((one) => serve(gossip, one, false));
  if (entering.length === 0) return { ...route, backends: serving };
  const backends = [...serving, ...entering].toSorted((a, b) => compareIds(a.taskId, b.taskId));
  return { ...route, backends };
}

/** As its own node says; `unheard`: whether to serve it without such a word (V3). */
function serve(gossip: Gossip, backend: Backend, unheard: boolean): readonly Backend[] {
  const { nodeId, taskId } = backend;
  const { members, spaces } = gossip.inspect();
  if (members.get(nodeId)?.state === "dead") return [];
  const value = spaces.value(nodeId, taskKey(taskId));
  const endpoint = value === undefined ? undefined : endpointOf(value);
  if (endpoint === undefined) return unheard ? [backend] : [];
  return endpoint.inRotation && !endpoint.draining ? [withPorts(backend, endpoint)] : [];
}

function withPorts(backend: Backend, { listens }: Endpoint): Backend {
  return listens === undefined ? backend : { ...backend, listens: [...listens] };
}
