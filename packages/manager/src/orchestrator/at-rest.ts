/**
 * What changed, not what exists: a controller that found nothing to do for a service is not run for
 * it again until something it reads has changed. The store hands out the same row and the same
 * lists until they change, so that looking costs four comparisons a service, however many tasks it
 * has. This remembers answers of a pure function to immutable arguments and nothing else: a
 * controller that starts anew, under another leader, decides the same.
 *
 * Invariant Z1: what `decideOne` reads is in `Seen`, or its answer says when to look again.
 */
import type { Cluster } from "@skein/common/model/cluster";
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { sooner } from "./deadline.ts";

interface Seen {
  readonly slots: readonly Slot[];
  readonly tasks: readonly Task[];
  readonly nodes: readonly Node[];
  readonly cluster: Cluster | undefined;
  readonly again: StoreTime | undefined;
}

/** By the service's row, so that rows which are no more take nothing. One for each controller. */
export type AtRest = WeakMap<Service, Seen>;

/** Every service in turn; those at rest are passed over. */
export function eachService(
  atRest: AtRest,
  context: DecideContext,
  decideOne: (service: Service) => Decided,
): Decided {
  const { view, now } = context;
  const nodes = view.nodes.list();
  const commands: Command[] = [];
  let again: StoreTime | undefined;
  for (const service of view.services.list()) {
    const slots = view.slotsOfService(service.id);
    const tasks = view.tasksOfService(service.id);
    const seen = atRest.get(service);
    if (
      seen !== undefined &&
      seen.slots === slots &&
      seen.tasks === tasks &&
      seen.nodes === nodes &&
      seen.cluster === view.cluster &&
      (seen.again === undefined || now < seen.again)
    ) {
      again = sooner(again, seen.again);
      continue;
    }
    const decided = decideOne(service);
    commands.push(...decided.commands);
    again = sooner(again, decided.again);
    if (decided.commands.length > 0) continue;
    atRest.set(service, { slots, tasks, nodes, cluster: view.cluster, again: decided.again });
  }
  return again === undefined ? { commands } : { commands, again };
}
