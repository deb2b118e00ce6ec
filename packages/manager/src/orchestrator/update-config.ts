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
  const config = (isRollback(service) ? rollback : update) ?? DEFAULTS;
  if (config.order === "stop-first" || !holdsHostPorts(service)) return config;
  return { ...config, order: "stop-first" };
}

/**
 * A port of the node itself is held until its task has ended: a new task that must start first
 * might wait for it for ever (moby#36934), so that such services stop first whatever they ask.
 */
function holdsHostPorts({ ports }: Service): boolean {
  return ports.some(({ mode }) => mode === "host");
}
