/**
 * The part of the address space that time moves: addresses that have rested go to tasks that wait
 * for them, and removed networks go when nobody is left in them. Everything else about addresses
 * is decided where it is written, in `apply` (store/network-addresses.ts).
 */
import type { NetworkId, TaskId } from "@skein/common/ids";
import type { Network } from "@skein/common/model/network";
import type { Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import { inBatches } from "../orchestrator/batch.ts";
import { sooner } from "../orchestrator/deadline.ts";
import { restingUntil } from "../store/apply/forget-network.ts";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { freeAddresses, restedAt } from "../store/network-addresses.ts";
import { isWanted } from "../store/task-writes.ts";

export function allocator(context: DecideContext): Decided {
  const waiting = serveWaiting(context);
  const removed = forgetRemoved(context);
  const commands = [...waiting.commands, ...removed.commands];
  const again = sooner(waiting.again, removed.again);
  return again === undefined ? { commands } : { commands, again };
}

/** As many tasks as there are addresses for, lowest id first. */
function serveWaiting({ view, now }: DecideContext): Decided {
  const free = new Map<NetworkId, number>();
  const left = (network: Network) =>
    free.get(network.id) ?? freeAddresses(network, view.networkHeld(network.id), now);
  const taskIds: TaskId[] = [];
  let again: StoreTime | undefined;
  for (const task of view.pendingTasks()) {
    const networks = waitsIn(task).map((id) => view.networks.get(id));
    if (networks.length === 0) continue;
    const known = networks.filter((network) => network !== undefined);
    if (known.length < networks.length) continue;
    const full = known.filter((network) => left(network) === 0);
    for (const network of full) again = sooner(again, restsUntil(network));
    if (full.length > 0) continue;
    for (const network of known) free.set(network.id, left(network) - 1);
    taskIds.push(task.id);
  }
  const commands = inBatches(taskIds, (batch) => ({ kind: "allocate-tasks", taskIds: batch }));
  return again === undefined ? { commands } : { commands, again };
}

function waitsIn(task: Task): readonly NetworkId[] {
  if (task.status.state !== "new" || !isWanted(task)) return [];
  return (task.spec.networks ?? []).map(({ networkId }) => networkId);
}

function restsUntil(network: Network): StoreTime | undefined {
  const rested = restedAt(network);
  return rested === undefined ? undefined : storeTime(rested);
}

function forgetRemoved({ view, now }: DecideContext): Decided {
  const commands: Command[] = [];
  let again: StoreTime | undefined;
  for (const { id: networkId, removedAt, resting } of view.networks.list()) {
    if (removedAt === undefined || view.networkHeld(networkId) > 0) continue;
    const until = storeTime(restingUntil(resting, removedAt));
    if (until <= now) commands.push({ kind: "forget-network", networkId });
    else again = sooner(again, until);
  }
  return again === undefined ? { commands } : { commands, again };
}
