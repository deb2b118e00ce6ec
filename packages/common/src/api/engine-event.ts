/** Events as Docker's clients know them: one line of the stream each, and who wants to see it. */
import type { Filters } from "./filters.ts";
import { allLabels, anyOf } from "./filters.ts";

export interface EngineEvent {
  readonly type: "node" | "service" | "task" | "config" | "secret" | "network" | "container";
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Wall milliseconds. */
  readonly at: number;
}

/** Kinds of objects that an event may be asked for by; those of which there is none match none. */
const KINDS = [
  "service",
  "task",
  "node",
  "config",
  "secret",
  "network",
  "container",
  "volume",
  "plugin",
  "daemon",
] as const;

export const EVENT_FILTERS = ["type", "event", "scope", "image", "label", ...KINDS] as const;

/** One line of the stream. `timeNano` is beyond 2^53: its digits are put together as text. */
export function eventLine(event: EngineEvent): string {
  const isContainer = event.type === "container";
  const { image = "" } = event.attributes;
  const head = JSON.stringify({
    // Older clients read these, and of containers alone.
    ...(isContainer ? { status: event.action, id: event.id, from: image } : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: scopeOf(event),
    time: Math.floor(event.at / 1000),
  });
  return `${head.slice(0, -1)},"timeNano":${event.at}000000}\n`;
}

export function matchesEvent(event: EngineEvent, filters: Filters): boolean {
  const isNamed = (value: string): boolean =>
    event.id.startsWith(value) || event.attributes["name"] === value;
  // "health_status: healthy" is asked for as "health_status", too.
  const [action = ""] = event.action.split(":");
  return (
    anyOf(filters, "type", (type) => type === event.type) &&
    anyOf(filters, "event", (wanted) => wanted === event.action || wanted === action) &&
    anyOf(filters, "scope", (scope) => scope === scopeOf(event)) &&
    anyOf(filters, "image", (image) => event.attributes["image"]?.split(":")[0] === image) &&
    allLabels(filters, "label", event.attributes) &&
    KINDS.every((kind) => anyOf(filters, kind, (value) => event.type === kind && isNamed(value)))
  );
}

/** A container is one node's, everything else the cluster's. */
function scopeOf(event: EngineEvent): string {
  return event.type === "container" ? "local" : "swarm";
}
