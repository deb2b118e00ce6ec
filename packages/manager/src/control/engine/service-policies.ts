/**
 * Restart and update policies: Docker's nanoseconds and ratios <-> our milliseconds and
 * thousandths.
 */
import type { TaskSpec, UpdateConfig } from "@skein/common/model/service";
import type { EngineRestartPolicy, EngineUpdateConfig } from "./service-shape.ts";
import { toMilliseconds } from "./time.ts";

export type RestartPolicy = NonNullable<TaskSpec["restart"]>;

export function readRestartPolicy(policy: EngineRestartPolicy): RestartPolicy {
  const { Delay, MaxAttempts, Window } = policy;
  return {
    condition: pick(RESTART_CONDITIONS, policy.Condition) ?? "any",
    ...(Delay === undefined ? {} : { delayMs: toMilliseconds(Delay) }),
    ...(MaxAttempts === undefined ? {} : { maxAttempts: MaxAttempts }),
    ...(Window === undefined ? {} : { windowMs: toMilliseconds(Window) }),
  };
}

export function readUpdateConfig(config: EngineUpdateConfig): UpdateConfig {
  return {
    parallelism: config.Parallelism ?? 0,
    delayMs: toMilliseconds(config.Delay ?? 0),
    failureAction: pick(FAILURE_ACTIONS, config.FailureAction) ?? "pause",
    // Zero means "not said" on the wire; Swarm then watches for 5 s.
    monitorMs: config.Monitor === undefined ? MONITOR_DEFAULT_MS : toMilliseconds(config.Monitor),
    maxFailureRatioMilli: Math.round((config.MaxFailureRatio ?? 0) * 1000),
    order: pick(UPDATE_ORDERS, config.Order) ?? "stop-first",
  };
}

export const RESTART_CONDITIONS = ["none", "on-failure", "any"] as const;
export const FAILURE_ACTIONS = ["pause", "continue", "rollback"] as const;
export const UPDATE_ORDERS = ["stop-first", "start-first", "blue-green"] as const;
export type UpdateOrder = (typeof UPDATE_ORDERS)[number];
/** A service that is updated blue-green is rolled back so: there is nothing to choose. */
export const ROLLBACK_ORDERS = ["stop-first", "start-first"] as const;
/** Swarm's default. */
const MONITOR_DEFAULT_MS = 5000;

export function pick<T extends string>(
  known: readonly T[],
  value: string | undefined,
): T | undefined {
  return known.find((candidate) => candidate === value);
}
