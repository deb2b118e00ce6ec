/** One change of the store -> one event as Docker's clients know them, or none. */
import type { Config } from "@skein/common/model/config";
import type { Network } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import { replicasOf } from "@skein/common/model/service-mode";
import type { Change } from "../../store/view.ts";
import type { Filters } from "../filters.ts";
import { anyOf } from "../filters.ts";
import { nodeName } from "./node.ts";

export interface SwarmEvent {
  readonly type: "node" | "service" | "config" | "network";
  readonly action: "create" | "update" | "remove";
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Wall milliseconds. */
  readonly at: number;
}

export const EVENT_FILTERS = [
  "type",
  "event",
  "scope",
  "service",
  "node",
  "config",
  "secret",
  "network",
  "container",
  "image",
  "volume",
  "plugin",
  "daemon",
  "label",
] as const;

/** `now`: the time of a removal, which leaves no row that says when. */
export function eventOf(change: Change, now: number): SwarmEvent | undefined {
  switch (change.table) {
    case "node":
      return rowEvent("node", change, now, describeNode);
    case "service":
      return serviceEvent(change, now);
    case "config":
      return rowEvent("config", change, now, describeConfig);
    case "network":
      return networkEvent(change, now);
    case "cluster":
    case "slot":
    case "task":
      return undefined;
  }
}

/** One line of the stream. `timeNano` is beyond 2^53: its digits are put together as text. */
export function eventLine(event: SwarmEvent): string {
  const head = JSON.stringify({
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: "swarm",
    time: Math.floor(event.at / 1000),
  });
  return `${head.slice(0, -1)},"timeNano":${event.at}000000}\n`;
}

export function matchesEvent(event: SwarmEvent, filters: Filters): boolean {
  const about = (type: string) => (value: string) =>
    event.type === type && (event.id.startsWith(value) || event.attributes["name"] === value);
  return (
    anyOf(filters, "type", (type) => type === event.type) &&
    anyOf(filters, "event", (action) => action === event.action) &&
    anyOf(filters, "scope", (scope) => scope === "swarm") &&
    ["service", "node", "config", "network"].every((key) => anyOf(filters, key, about(key))) &&
    ["secret", "container", "image", "volume", "plugin", "daemon", "label"].every((key) =>
      anyOf(filters, key, () => false),
    )
  );
}

type Describe<Row> = (after: Row | undefined, before: Row | undefined) => Record<string, string>;

function rowEvent<Row extends Node | Config>(
  type: "node" | "config",
  change: Change,
  now: number,
  describe: Describe<Row>,
): SwarmEvent {
  const [before, after] = rows<Row>(change);
  const at = after?.updatedAt ?? now;
  return { type, action: change.action, id: change.id, attributes: describe(after, before), at };
}

/** A service is gone for its user when it is marked removed, not when its last task is. */
function serviceEvent(change: Change, now: number): SwarmEvent | undefined {
  const [before, after] = rows<Service>(change);
  if (before?.removed === true) return undefined;
  const isRemoved = after === undefined || after.removed === true;
  return {
    type: "service",
    action: isRemoved ? "remove" : change.action,
    id: change.id,
    attributes: isRemoved ? { name: before?.spec.name ?? "" } : describeService(after, before),
    at: after?.updatedAt ?? now,
  };
}

/** Only what its user did: a network changes with every address, and stays a while when removed. */
function networkEvent(change: Change, now: number): SwarmEvent | undefined {
  const [before, after] = rows<Network>(change);
  const isRemoved = before?.removedAt === undefined && after?.removedAt !== undefined;
  if (change.action !== "create" && !isRemoved) return undefined;
  const action = isRemoved ? "remove" : "create";
  const name = after?.spec.name ?? "";
  const at = after?.updatedAt ?? now;
  return { type: "network", action, id: change.id, attributes: { name, type: "overlay" }, at };
}

function describeService(after: Service, before: Service | undefined): Record<string, string> {
  return {
    name: after.spec.name,
    ...difference("replicas", replicas(before), replicas(after)),
    ...difference("updatestate", before?.updateStatus?.state, after.updateStatus?.state),
  };
}

function replicas(service: Service | undefined): number | undefined {
  return service === undefined ? undefined : replicasOf(service.spec.mode);
}

function describeNode(after: Node | undefined, before: Node | undefined): Record<string, string> {
  const named = after ?? before;
  return {
    name: named === undefined ? "" : nodeName(named),
    ...(before === undefined || after === undefined
      ? {}
      : {
          ...difference("availability", before.spec.availability, after.spec.availability),
          ...difference("role", before.spec.role, after.spec.role),
          ...difference("state", before.status.state, after.status.state),
        }),
  };
}

function describeConfig(after: Config | undefined, before: Config | undefined) {
  return { name: (after ?? before)?.spec.name ?? "" };
}

type Scalar = string | number | undefined;

function difference(name: string, before: Scalar, after: Scalar): Record<string, string> {
  if (before === after || (name === "replicas" && before === undefined)) return {};
  return {
    ...(after === undefined ? {} : { [`${name}.new`]: String(after) }),
    ...(before === undefined ? {} : { [`${name}.old`]: String(before) }),
  };
}

function rows<Row>(change: Change): readonly [before: Row | undefined, after: Row | undefined] {
  // A change's rows are of its table's type (store/view.ts), which the union does not carry.
  return [change.before as Row | undefined, change.after as Row | undefined];
}
