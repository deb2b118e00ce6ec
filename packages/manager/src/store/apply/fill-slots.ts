/** Slots get a new task each. */
import type { NodeId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import type { StoreView } from "../tables.ts";
import { isWanted, moveDesired, PENDING_MESSAGE } from "../task-writes.ts";

type Item = CommandOf<"fill-slots">["items"][number];

/** Gives slots a new task each, with an address. */
export function applyFillSlots(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"fill-slots">,
): Outcome {
  const draft = new Draft(view, facts);
  const service = view.services.get(command.serviceId);
  for (const item of command.items) {
    const name = slotKey(command.serviceId, item.slot);
    const reason = whyNot(draft, service, item);
    if (service === undefined || reason !== undefined) draft.skip(name, reason ?? GONE);
    else fillSlot(draft, service, item);
  }
  return draft.accept(command.serviceId);
}

const GONE = "service is gone";

/** What the decision was made on and no longer holds. */
function whyNot(draft: Draft, service: Service | undefined, item: Item): string | undefined {
  if (service === undefined || service.removed === true) return GONE;
  const slot = draft.slots.get(slotKey(service.id, item.slot));
  if ((slot?.generation ?? 0) !== item.generation) return "slot has moved on";
  if (item.taskIndex !== service.taskIndex) return "service has changed";
  if (item.desired !== "ready" && item.desired !== "running") return "not a state to start in";
  if (draft.tasks.get(item.taskId) !== undefined) return "task exists";
  return undefined;
}

function fillSlot(draft: Draft, service: Service, item: Item): void {
  const { slot, taskId, failures, startAt, reason } = item;
  const old = draft.slots.get(slotKey(service.id, slot));
  const previous = old?.taskId === undefined ? undefined : draft.tasks.get(old.taskId);
  const { servesUntil = old?.servesUntil } = item;
  if (previous !== undefined && !mayServeOn(service, previous) && item.servesUntil === undefined) {
    moveDesired(draft, previous, "shutdown");
  }
  const next: Slot = {
    serviceId: service.id,
    slot,
    version: draft.facts.index,
    generation: item.generation + 1,
    taskId,
    failures,
    ...pinned(old ?? item),
    ...(servesUntil === undefined ? {} : { servesUntil }),
    ...(startAt === undefined ? {} : { startAt }),
    ...(reason === undefined ? {} : { reason }),
  };
  draft.slots.put(next);
  draft.tasks.put({ ...newTask(draft, service, item), ...pinned(next), ...runOf(service) });
}

/** A slot keeps its node for as long as it is there. */
function pinned({ pinnedTo }: { readonly pinnedTo?: NodeId }): { readonly pinnedTo?: NodeId } {
  return pinnedTo === undefined ? {} : { pinnedTo };
}

function runOf({ job }: Service): { readonly iteration?: number } {
  return job === undefined ? {} : { iteration: job.iteration };
}

/**
 * A task of another version may stay wanted beside its successor, if the update wants it so;
 * whoever decides on the order of an update asks it to end. Two wanted tasks of one version never
 * share a slot.
 */
function mayServeOn(service: Service, previous: Task): boolean {
  return isWanted(previous) && previous.taskIndex !== service.taskIndex;
}

function newTask(draft: Draft, service: Service, item: Item): Task {
  const given = draft.takeAddresses(service.spec.task.networks ?? []);
  const at = draft.facts.wall;
  return {
    id: item.taskId,
    ...draft.born(),
    stateSince: draft.facts.time,
    serviceId: service.id,
    serviceName: service.spec.name,
    slot: item.slot,
    generation: item.generation + 1,
    taskIndex: service.taskIndex,
    spec: service.spec.task,
    ports: service.ports,
    desired: item.desired,
    ...(given.ok ? given.value : {}),
    status: given.ok
      ? { state: "pending", at, message: PENDING_MESSAGE }
      : // Shown by `service ps` until an address is free.
        { state: "new", at, message: "created", error: given.error },
  };
}
