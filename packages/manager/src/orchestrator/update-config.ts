/** The update settings in force: those of the rollback while one is under way. */
import type { Service, UpdateConfig } from "@skein/common/model/service";
import { UPDATE_MONITOR_MS_DEFAULT } from "../limits.ts";
import { isBlueGreen } from "../store/traffic.ts";

/** Swarm's defaults. */
export const UPDATE_DEFAULTS: UpdateConfig = {
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

/** A service that is updated blue-green is rolled back so, too: that is what it is asked for. */
export function updateConfigOf(service: Service): UpdateConfig {
  const { update, rollback } = service.spec;
  const config = (isRollback(service) ? rollback : update) ?? UPDATE_DEFAULTS;
  if (isBlueGreen(service.spec)) return { ...config, order: "blue-green" };
  const order = holdsHostPorts(service) ? "stop-first" : config.order;
  return order === config.order ? config : { ...config, order };
}

/**
 * A port of the node itself is held until its task has ended: a new task that must start first
 * might wait for it for ever (moby#36934), so that such services stop first whatever they ask.
 */
function holdsHostPorts({ ports }: Service): boolean {
  return ports.some(({ mode }) => mode === "host");
}
