/** A change of a task -> what happened to its container, in Docker's words and order. */
import type { ContainerFacts, ContainerState } from "./container.ts";
import { containerId, containerLabels, containerName, containerState } from "./container.ts";
import type { EngineEvent } from "./engine-event.ts";

/** `now`: the time of a removal, which leaves nothing that says when. */
export function containerEvents(
  before: ContainerFacts | undefined,
  after: ContainerFacts | undefined,
  now: number,
): readonly EngineEvent[] {
  const from = before === undefined ? undefined : containerState(before.status);
  const to = after === undefined ? undefined : containerState(after.status);
  const facts = after ?? before;
  if (facts === undefined || from === to) return [];
  if (to === undefined) return [eventOf(facts, "destroy", now)];
  // Reports come in batches: a task may have been made, started and ended between two of them.
  const passed = RANKS.slice(
    from === undefined ? 0 : RANKS.indexOf(from) + 1,
    RANKS.indexOf(to) + 1,
  );
  const ran = to !== "exited" || facts.status.exitCode !== undefined;
  const seen = ran ? passed : passed.filter((state) => state !== "running");
  return seen.map((state) => eventOf(facts, ACTIONS[state], facts.status.at));
}

const RANKS: readonly ContainerState[] = ["created", "running", "exited"];
const ACTIONS = { created: "create", running: "start", exited: "die" } as const;

function eventOf(facts: ContainerFacts, action: string, at: number): EngineEvent {
  const { image } = facts.spec.process;
  const code = action === "die" ? { exitCode: String(facts.status.exitCode ?? 0) } : {};
  const attributes = { ...containerLabels(facts), ...code, image, name: containerName(facts) };
  return { type: "container", action, id: containerId(facts.taskId), attributes, at };
}
