/**
 * The update supervisor (Swarm's `orchestrator/update`): brings the slots of a service to its
 * current version, `parallelism` at a time. It keeps nothing in memory.
 *
 *   stop-first    old task asked to end; new one prepares at desired `ready`, runs when the old
 *                 has ended
 *   start-first   new task runs; the old one is asked to end when the new is in rotation
 *                 (retire.ts)
 *   blue-green    every slot gets a new task at once; when all are in rotation the traffic goes
 *                 over to them (store/traffic.ts); the old ones stand by for a while (retire.ts)
 *
 * Invariants:
 *   O9.  At most `parallelism` slots are between versions or in the delay behind it; a slot that
 *        failed under `continue` holds up no other. Blue-green takes nothing away: it has no such
 *        bound.
 *   O10. When more slots failed than the ratio allows, no further slot is touched before the
 *        failure action was taken. A rollback is never rolled back.
 *   O11. `completed` is written only when every slot is in rotation for the monitor period, or
 *        failed within the ratio.
 *   O16. The traffic goes over only to a set whose slots are all settled, or failed within the
 *        ratio, and never to one of which nothing is in rotation.
 */

import type { TaskId } from "@skein/common/ids";
import type { Service, UpdateStatus } from "@skein/common/model/service";
import { isJob } from "@skein/common/model/service-mode";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import { UPDATE_STANDBY_MS_DEFAULT } from "../limits.ts";
import type { Command, CommandOf } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { isUnswitched } from "../store/traffic.ts";
import type { AtRest } from "./at-rest.ts";
import { eachService } from "./at-rest.ts";
import { sooner } from "./deadline.ts";
import { replaceSlots } from "./replace-slots.ts";
import type { SlotState } from "./slot-state.ts";
import { isServing, slotStates } from "./slot-state.ts";
import { isRollback, updateConfigOf } from "./update-config.ts";
import type { SlotPhase } from "./update-phase.ts";
import { phaseOf } from "./update-phase.ts";

interface Seen {
  readonly state: SlotState;
  readonly phase: SlotPhase;
}

const atRest: AtRest = new WeakMap();

export function update(context: DecideContext): Decided {
  return eachService(atRest, context, (service) =>
    service.removed === true ? { commands: [] } : superviseService(context, service),
  );
}

function superviseService(context: DecideContext, service: Service): Decided {
  // A job's change begins another run: nothing is replaced (job.ts).
  if (isJob(service.spec.mode)) return { commands: [] };
  const state = service.updateStatus?.state;
  if (state === "paused" || state === "rollback_paused") return { commands: [] };
  const isUnderWay = state === "updating" || state === "rollback_started";
  const isOver = !hasOldTask(context, service) && !isUnswitched(service);
  if (!isUnderWay && isOver) return { commands: [] };
  const seen = slotStates(context.view, service).map((slot) => ({
    state: slot,
    phase: phaseOf(context, service, slot),
  }));
  if (!isUnderWay) return begin(context, service, seen);
  const failed = seen.flatMap(({ phase }) => (phase.kind === "failed" ? [phase.taskId] : []));
  const action = failureAction(service, { failed, slotCount: seen.length });
  if (action !== undefined) return { commands: [action] };
  return seen.some(({ phase }) => isUnfinished(phase))
    ? goOn(context, service, seen)
    : finish(context, service, seen);
}

function hasOldTask({ view }: DecideContext, service: Service): boolean {
  return view
    .slotsOfService(service.id)
    .some(({ taskId }) => (taskId && view.tasks.get(taskId)?.taskIndex) !== service.taskIndex);
}

function isUnfinished({ kind }: SlotPhase): boolean {
  return kind === "stale" || kind === "moving" || kind === "waiting";
}

/**
 * A slot that is `moving` gets its new version from the restart supervisor: that alone is no
 * update.
 */
function begin(context: DecideContext, service: Service, seen: readonly Seen[]): Decided {
  if (seen.length === 0) return finish(context, service, seen);
  const isStale = seen.some(({ phase }) => phase.kind === "stale");
  if (!isStale && !isUnswitched(service)) return { commands: [] };
  const status: UpdateStatus = { state: "updating", startedAt: 0, message: "update in progress" };
  const decided = goOn(context, service, seen);
  return { ...decided, commands: [setStatus(service, status), ...decided.commands] };
}

/** Replaces as many stale slots as `parallelism` leaves room for (O9). */
function goOn(context: DecideContext, service: Service, seen: readonly Seen[]): Decided {
  const { parallelism, delayMs, order } = updateConfigOf(service);
  let busy = 0;
  let again: StoreTime | undefined;
  for (const { state, phase } of seen) {
    if (phase.kind === "waiting") again = sooner(again, phase.until);
    // A slot's first task is not an update of it: scaling up at the same time takes no room.
    if (state.slot.generation <= 1 && phase.kind !== "stale") continue;
    if (phase.kind === "waiting" || phase.kind === "moving") busy += 1;
    if (phase.kind !== "settled" || delayMs === 0) continue;
    const rested = storeTime(phase.since + delayMs);
    if (rested <= context.now) continue;
    busy += 1;
    again = sooner(again, rested);
  }
  const stale = seen.filter(({ phase }) => phase.kind === "stale").map(({ state }) => state);
  const isUnbounded = parallelism === 0 || order === "blue-green";
  const room = isUnbounded ? stale.length : Math.max(0, parallelism - busy);
  const commands = replaceSlots(context, service, stale.slice(0, room));
  return again === undefined ? { commands } : { commands, again };
}

/**
 * Every slot is settled or failed: done once each settled one lasted for the monitor period
 * (O11), which begins with the traffic where that changes over.
 */
function finish({ now }: DecideContext, service: Service, seen: readonly Seen[]): Decided {
  if (isUnswitched(service) && seen.length > 0) return { commands: [changeOver(service, seen)] };
  const { monitorMs } = updateConfigOf(service);
  const from = service.traffic?.since ?? 0;
  const times = seen.map(({ phase }) =>
    phase.kind === "settled" ? Math.max(phase.since, from) + monitorMs : 0,
  );
  const done = storeTime(times.reduce((latest, time) => Math.max(latest, time), 0));
  if (done > now) return { commands: [], again: done };
  const status: UpdateStatus = isRollback(service)
    ? { ...begun(service), state: "rollback_completed", message: "rollback completed" }
    : { ...begun(service), state: "completed", message: "update completed" };
  const completed = setStatus(service, { ...status, completedAt: 0 });
  // Without slots there is no set to stand by: the traffic follows the version at once.
  return { commands: [isUnswitched(service) ? { ...completed, standbyMs: 0 } : completed] };
}

/** O16. */
function changeOver(service: Service, seen: readonly Seen[]): Command {
  const under = isRollback(service) ? "rollback" : "update";
  const isServed = seen.some(({ state: { task } }) => task !== undefined && isServing(task));
  if (!isServed) {
    const state = isRollback(service) ? "rollback_paused" : "paused";
    const message = `${under} paused: no task of the new set is in rotation`;
    return setStatus(service, { ...begun(service), state, message });
  }
  const state = isRollback(service) ? "rollback_started" : "updating";
  const message = `${under} in progress: the new set has the traffic`;
  const command = setStatus(service, { ...begun(service), state, message });
  return { ...command, standbyMs: service.spec.standbyMs ?? UPDATE_STANDBY_MS_DEFAULT };
}

interface Failures {
  readonly failed: readonly TaskId[];
  readonly slotCount: number;
}

/** Undefined: within the ratio, or the user wants it to go on (O10). */
function failureAction(service: Service, { failed, slotCount }: Failures): Command | undefined {
  const { failureAction: action, maxFailureRatioMilli } = updateConfigOf(service);
  const [taskId] = failed;
  if (taskId === undefined || action === "continue") return undefined;
  if (failed.length * 1000 <= maxFailureRatioMilli * slotCount) return undefined;
  const because = `due to failure or early termination of task ${taskId}`;
  if (isRollback(service)) {
    const message = `rollback paused ${because}`;
    return setStatus(service, { ...begun(service), state: "rollback_paused", message });
  }
  if (action === "rollback" && service.previousSpec !== undefined) {
    const message = `update rolled back ${because}`;
    return setStatus(service, { ...begun(service), state: "rollback_started", message }, true);
  }
  const message = `update paused ${because}`;
  return setStatus(service, { ...begun(service), state: "paused", message });
}

function begun(service: Service): { readonly startedAt: number } {
  return { startedAt: service.updateStatus?.startedAt ?? 0 };
}

function setStatus(
  service: Service,
  status: UpdateStatus,
  rollback = false,
): CommandOf<"set-update-status"> {
  const { id: serviceId, specIndex } = service;
  return { kind: "set-update-status", serviceId, specIndex, status, rollback };
}
