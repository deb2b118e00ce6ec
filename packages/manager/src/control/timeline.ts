/** What happened, in the order in which it happened, with the reasons: one line a change. */
import type { EngineEvent } from "@skein/common/api/engine-event";
import { nodeId } from "@skein/common/ids";
import type { Slot } from "@skein/common/model/task";
import type { Change, ClusterView } from "../store/view.ts";
import { eventsOf } from "./engine/event.ts";
import { formatWall } from "./engine/time.ts";

export interface TimelineEntry {
  readonly at: string;
  /** "task web.1", "node worker-2". */
  readonly object: string;
  readonly id: string;
  readonly text: string;
}

export interface TimelineQuery {
  /** A service, node, task or config, by name or the beginning of its id; absent: all. */
  readonly object: string | undefined;
  /** The newest so many. */
  readonly limit: number;
}

/** Oldest first. */
export function timeline(
  view: ClusterView,
  changes: readonly Change[],
  { object, limit }: TimelineQuery,
): readonly TimelineEntry[] {
  const reasons = new Map<string, string>();
  const entries: TimelineEntry[] = [];
  for (const change of changes) {
    if (change.table === "slot") {
      // A change's rows are of its table's type (store/view.ts). Slots come before their tasks.
      const { taskId, reason } = (change.after as Slot | undefined) ?? {};
      if (taskId !== undefined && reason !== undefined) reasons.set(taskId, reason);
    }
    const names = {
      reasonOf: (taskId: string) => reasons.get(taskId),
      nodeName: (id: string) => view.nodes.get(nodeId(id))?.description.hostname,
    };
    for (const event of eventsOf(change, change.at ?? 0, names)) {
      // A container's events repeat what its task's say.
      if (event.type !== "container" && isAbout(event, object)) entries.push(entryOf(event));
    }
  }
  return entries.slice(-limit);
}

function isAbout(event: EngineEvent, object: string | undefined): boolean {
  if (object === undefined) return true;
  const { name = "", service = "", node = "" } = event.attributes;
  return [name, service, node].includes(object) || event.id.startsWith(object);
}

function entryOf({ type, action, id, attributes, at }: EngineEvent): TimelineEntry {
  const { name = "", reason, node, ...rest } = attributes;
  const moved = [...new Set(Object.keys(rest).map((key) => key.replace(/\.(old|new)$/, "")))];
  const parts = moved.flatMap((key) => {
    const [before, after] = [rest[`${key}.old`], rest[`${key}.new`]];
    if (after === undefined) return [];
    return [before === undefined ? `${key} ${after}` : `${key} ${before} -> ${after}`];
  });
  const on = node === undefined ? [] : [`on ${node}`];
  const what = [action, ...parts, ...on].join(", ");
  const text = reason === undefined ? what : `${what}: ${reason}`;
  return { at: formatWall(at), object: `${type} ${name}`, id, text };
}
