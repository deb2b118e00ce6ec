/**
 * Runs jobs by their schedule. The only decider that looks at wall time, since that is what a
 * schedule is about; what was dealt with is stored (`job.scheduledFor`), so that a change of
 * leader or a clock that is set back runs nothing twice.
 *
 * Invariants:
 *   K1. A scheduled time makes at most one run: the store takes only later ones.
 *   K2. Of several times that were missed (no leader, a clock set forward) at most the newest
 *       runs; one that is older than `CRON_LATE_MS_MAX` runs only under `missed: latest`.
 */
import type { Service } from "@skein/common/model/service";
import { scheduleOf } from "@skein/common/model/service-mode";
import type { StoreTime } from "@skein/common/time";
import { storeLater } from "@skein/common/time";
import { CRON_LATE_MS_MAX, CRON_LOOK_MS } from "../limits.ts";
import type { Command } from "../store/command.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import type { CronSchedule } from "./cron-schedule.ts";
import { lastUntil, nextAfter, parseCron } from "./cron-schedule.ts";
import { sooner } from "./deadline.ts";
import { isUnderWay } from "./job.ts";
import { livingServices, slotStates } from "./slot-state.ts";

export function cron(context: DecideContext): Decided {
  const commands: Command[] = [];
  let again: StoreTime | undefined;
  for (const service of livingServices(context.view)) {
    const schedule = scheduleOf(service.spec.mode);
    const times = schedule === undefined ? undefined : parseCron(schedule.cron);
    if (times?.ok !== true) continue;
    const command = dueRun(context, service, times.value);
    if (command !== undefined) commands.push(command);
    const next = nextAfter(times.value, context.wall);
    // Looked at again before that: the wall clock may be set meanwhile.
    const waitMs = Math.min(CRON_LOOK_MS, (next ?? Number.POSITIVE_INFINITY) - context.wall);
    again = sooner(again, storeLater(context.now, waitMs));
  }
  return again === undefined ? { commands } : { commands, again };
}

function dueRun(
  context: DecideContext,
  service: Service,
  times: CronSchedule,
): Command | undefined {
  const scheduledFor = lastUntil(times, context.wall);
  if (scheduledFor === undefined || scheduledFor <= (service.job?.scheduledFor ?? 0)) {
    return undefined;
  }
  const { id: serviceId } = service;
  const skipped = whySkipped(context, service, scheduledFor);
  const due = { kind: "run-job", serviceId, scheduledFor } as const;
  return skipped === undefined ? due : { ...due, skipped };
}

function whySkipped(
  { view, wall }: DecideContext,
  service: Service,
  scheduledFor: number,
): string | undefined {
  const schedule = scheduleOf(service.spec.mode);
  if (schedule?.missed === "skip" && wall - scheduledFor > CRON_LATE_MS_MAX) return "missed";
  if (schedule?.overlap !== "skip" || service.job?.startedAt === undefined) return undefined;
  const busy = slotStates(view, service).some((state) => isUnderWay(view, state));
  return busy ? "the run before is not over" : undefined;
}
