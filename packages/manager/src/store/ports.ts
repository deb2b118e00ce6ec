/**
 * Published ports of a service (Swarm's port allocator, without its second copy of the state: who
 * holds which port is an index over the services that are not removed).
 *
 * Invariants:
 *   P1. Ports the user named are reserved before any is assigned, so that order inside a spec is
 *       moot.
 *   P2. Assignment is the lowest free port of the range: a function of the state alone.
 *   P3. An assigned port is kept by the update of a service that still leaves the choice to us,
 *       since clients connect to it.
 *   P4. A port is one service's, unless all that share it say which requests they answer, each
 *       other ones.
 */
import { ingressOptions } from "@skein/common/model/ingress-options";
import type { PortSpec, Service, ServiceSpec } from "@skein/common/model/service";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import { ASSIGNED_PORT_FIRST, ASSIGNED_PORT_LAST } from "../limits.ts";
import type { Refusal } from "./command.ts";
import { portsExhausted, portTaken, portTwice, ruleTaken } from "./refusal.ts";
import type { StoreView } from "./tables.ts";

export function portKey(port: Pick<PortSpec, "protocol" | "publishedPort">): string {
  return `${port.protocol}/${port.publishedPort}`;
}

/**
 * `wanted` with every ingress port that was left to us assigned. `old`: the service being updated.
 */
export function assignPorts(
  view: StoreView,
  { ports: wanted, labels }: Pick<ServiceSpec, "ports" | "labels">,
  old?: Service,
): Result<readonly PortSpec[], Refusal> {
  const rule = requestRule(labels);
  const reserved = new Set<string>();
  for (const port of wanted) {
    if (port.publishedPort === 0) continue;
    if (reserved.has(portKey(port))) return portTwice();
    const conflict = findConflict(view, { port, rule }, old);
    if (conflict !== undefined) return conflict;
    reserved.add(portKey(port));
  }
  const assigned: PortSpec[] = [];
  for (const port of wanted) {
    const given = port.publishedPort === 0 && port.mode === "ingress";
    const next = given ? assignOne(view, { port, reserved, old }) : ok(port);
    if (!next.ok) return next;
    if (next.value.publishedPort !== 0) reserved.add(portKey(next.value));
    assigned.push(next.value);
  }
  return ok(assigned);
}

/**
 * Which requests a service answers on a port it shares ("shop.example/cart"); undefined: all there
 * are, so it shares with nobody (P4).
 */
export function requestRule(labels: ServiceSpec["labels"]): string | undefined {
  const options = ingressOptions(labels);
  if (!options.ok) return undefined;
  const { host, path } = options.value;
  return host === undefined && path === undefined ? undefined : `${host ?? "*"}${path ?? "/"}`;
}

interface Asked {
  readonly port: PortSpec;
  readonly rule: string | undefined;
}

/** Host-mode ports of two services meet only on a node, which is the scheduler's business. */
function findConflict(view: StoreView, { port, rule }: Asked, old: Service | undefined) {
  for (const holder of view.portHolders(port)) {
    if (holder.id === old?.id) continue;
    const held = holder.ports.find((other) => portKey(other) === portKey(port));
    if (held === undefined || (held.mode === "host" && port.mode === "host")) continue;
    const theirs = requestRule(holder.spec.labels);
    const shares = held.mode === "ingress" && port.mode === "ingress" && port.protocol === "tcp";
    if (!shares || rule === undefined || theirs === undefined) {
      return portTaken(port.publishedPort, holder, held.mode);
    }
    if (rule === theirs) return ruleTaken(port.publishedPort, holder, rule);
  }
  return undefined;
}

interface Assignment {
  readonly port: PortSpec;
  readonly reserved: ReadonlySet<string>;
  readonly old: Service | undefined;
}

function assignOne(
  view: StoreView,
  { port, reserved, old }: Assignment,
): Result<PortSpec, Refusal> {
  const isFree = (candidate: PortSpec) =>
    !reserved.has(portKey(candidate)) &&
    view.portHolders(candidate).every((holder) => holder.id === old?.id);
  const kept = old?.ports.find((other) => other.mode === "ingress" && sameTarget(other, port));
  if (kept !== undefined && inRange(kept) && isFree(kept)) {
    return ok({ ...port, publishedPort: kept.publishedPort });
  }
  for (let number = ASSIGNED_PORT_FIRST; number <= ASSIGNED_PORT_LAST; number += 1) {
    const candidate = { ...port, publishedPort: number };
    if (isFree(candidate)) return ok(candidate);
  }
  return portsExhausted(`${ASSIGNED_PORT_FIRST}-${ASSIGNED_PORT_LAST}`, port.protocol);
}

function sameTarget(a: PortSpec, b: PortSpec): boolean {
  return a.protocol === b.protocol && a.targetPort === b.targetPort;
}

function inRange(port: PortSpec): boolean {
  return port.publishedPort >= ASSIGNED_PORT_FIRST && port.publishedPort <= ASSIGNED_PORT_LAST;
}
