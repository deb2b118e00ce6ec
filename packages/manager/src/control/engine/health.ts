/** Docker's `Healthcheck` -> what the agent runs. */
import type { HealthCheck } from "@skein/common/model/service";
import type { Checked } from "../api-error.ts";
import { invalidArgument } from "../api-error.ts";
import type { EngineHealthcheck } from "./service-shape.ts";
import { toMilliseconds } from "./time.ts";

/** Docker's defaults. */
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 30_000;
const RETRIES = 3;
const NANOSECONDS_PER_MS = 1_000_000;

/** Undefined: none is asked for (`--no-healthcheck`, or a test that is empty). */
export function readHealth(check: EngineHealthcheck | undefined): HealthCheck | undefined {
  const [kind, ...words] = check?.Test ?? [];
  if (check === undefined || kind === undefined || kind === "NONE") return undefined;
  const ms = (value: number | undefined, other: number): number =>
    value === undefined || value === 0 ? other : toMilliseconds(value);
  return {
    // A test without a kind is what the image's own would be: a command.
    test: kind === "CMD-SHELL" ? ["/bin/sh", "-c", ...words] : kind === "CMD" ? words : [kind],
    intervalMs: ms(check.Interval, INTERVAL_MS),
    timeoutMs: ms(check.Timeout, TIMEOUT_MS),
    startPeriodMs: ms(check.StartPeriod, 0),
    retries: check.Retries === undefined || check.Retries === 0 ? RETRIES : check.Retries,
    ...(check.StartInterval === undefined || check.StartInterval === 0
      ? {}
      : { startIntervalMs: toMilliseconds(check.StartInterval) }),
  };
}

/** In dockerd's words. */
export function checkHealth(check: EngineHealthcheck | undefined): Checked<never> | undefined {
  const [kind, command] = check?.Test ?? [];
  const times = [
    ["Interval", check?.Interval],
    ["Timeout", check?.Timeout],
    ["StartPeriod", check?.StartPeriod],
    ["StartInterval", check?.StartInterval],
  ] as const;
  for (const [name, value = 0] of times) {
    if (value === 0 || value >= NANOSECONDS_PER_MS) continue;
    return invalidArgument(`ContainerSpec: ${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((check?.Retries ?? 0) < 0) {
    return invalidArgument("ContainerSpec: Retries in Healthcheck cannot be negative");
  }
  if (kind === undefined || kind === "NONE" || (command !== undefined && command !== "")) {
    return undefined;
  }
  if (kind !== "CMD" && kind !== "CMD-SHELL") {
    return invalidArgument(`ContainerSpec: Unknown type "${kind}" in Healthcheck (CMD, CMD-SHELL)`);
  }
  return invalidArgument("ContainerSpec: the Healthcheck has no command");
}
