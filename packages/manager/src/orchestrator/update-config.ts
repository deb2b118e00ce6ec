/** The update settings in force: those of the rollback while one is under way. */
import type { Service, UpdateConfig } from "@skein/common/model/service";
import { UPDATE_MONITOR_MS_DEFAULT } from "../limits.ts";

/** Swarm's defaults. */
const DEFAULTS: UpdateConfig = {
  parallelism: 1,
  delayMs: 0,
  failureAction: "pause",
  monitorMs: UPDATE_MONITOR_MS_DEFAULT,
  maxFailureRatioMilli: 0,
  order: "stop-first",
};

export function isRollback({ updateStatus }: Service): boolean {
  return updateStatus?.state.startsWith("rollback") === true;
}

export function updateConfigOf(service: Service): UpdateConfig {
  const { update, rollback } = service.spec;
  return (isRollback(service) ? rollback : update) ?? DEFAULTS;
}
