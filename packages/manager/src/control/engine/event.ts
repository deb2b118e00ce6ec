/** One change of the store -> events as Docker's clients know them. */
import { containerEvents } from "@skein/common/api/container-events";
import type { EngineEvent } from "@skein/common/api/engine-event";
import type { Config } from "@skein/common/model/config";
import type { Network } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import { replicasOf } from "@skein/common/model/service-mode";
import type { Task } from "@skein/common/model/task";
import type { Change } from "../../store/view.ts";
import { containerOf } from "../containers.ts";
import { nodeName } from "./node.ts";
import type { EventNames } from "./task-event.ts";
import { taskEvent } from "./task-event.ts";

/** What one change of the store means to Docker's clients, in order, and to ours. */
export function eventsOf(change: Change, now: number, names: EventNames): readonly EngineEvent[] {
  if (change.table === "task") {
    const [before, after] = rows<Task>(change).map((task) => task && containerOf(task));
    const decision = taskEvent(change, now, names);
    const containers = containerEvents(before, after, now);
    return decision === undefined ? containers : [decision, ...containers];
  }
  const event = eventOf(change, now);
  return event === undefined ? [] : [event];
}

/**
 * Of everything but tasks. `now`: the time of a removal, which leaves no row that says when.
 */
export function eventOf(change: Change, now: number): EngineEvent | undefined {
  switch (change.table) {
    case "node":
      return rowEvent("node", change, now, describeNode);
    case "service":
      return serviceEvent(change, now);
    case "config":
      return rowEvent("config", change, now, describeConfig);
    case "secret":
      return rowEvent("secret", change, now, describeConfig);
    case "network":
      return networkEvent(change, now);
    case "task":
    case "cluster":
    case "slot":
    case "stack":
      return undefined;
  }
}

type Describe<Row> = (after: Row | undefined, before: Row | undefined) => Record<string, string>;

function rowEvent<Row extends Node | Config | Secret>(
  type: "node" | "config" | "secret",
  change: Change,
  now: number,
  describe: Describe<Row>,
): EngineEvent {
  const [before, after] = rows<Row>(change);
  const at = after?.updatedAt ?? now;
  return { type, action: change.action, id: change.id, attributes: describe(after, before), at };
}

/** A service is gone for its user when it is marked removed, not when its last task is. */
function serviceEvent(change: Change, now: number): EngineEvent | undefined {
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
function networkEvent(change: Change, now: number): EngineEvent | undefined {
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
    ...difference("traffic", before?.traffic?.taskIndex, after.traffic?.taskIndex),
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

type Named = { readonly spec: { readonly name?: string } } | undefined;

function describeConfig(after: Named, before: Named) {
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
