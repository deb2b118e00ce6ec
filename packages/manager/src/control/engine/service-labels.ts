/**
 * What Docker has no flag for and a service can be told by its labels, so that the unmodified
 * client can say it. Schedules are in service-mode.ts.
 */
import type { ServiceSpec, TaskSpec } from "@skein/common/model/service";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";

const DEADLINE_LABEL = "skein.update.deadline";
const STRATEGY_LABEL = "skein.placement.strategy";
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

type Labels = Readonly<Record<string, string>>;

export function checkLabels(labels: Labels, what: string): Checked<never> | undefined {
  const strategy = labels[STRATEGY_LABEL] ?? "spread";
  if (strategy !== "spread" && strategy !== "binpack") {
    return badRequest(
      `${what}: label ${STRATEGY_LABEL} must be spread or binpack, not ${strategy}`,
    );
  }
  const deadline = labels[DEADLINE_LABEL];
  if (deadline === undefined || parseDuration(deadline) !== undefined) return undefined;
  return badRequest(`${what}: label ${DEADLINE_LABEL} must be a time as in 30s, not ${deadline}`);
}

export function readStrategy(labels: Labels): Pick<TaskSpec, "strategy"> {
  return labels[STRATEGY_LABEL] === "binpack" ? { strategy: "binpack" } : {};
}

export function readDeadline(labels: Labels): Pick<ServiceSpec, "updateDeadlineMs"> {
  const updateDeadlineMs = parseDuration(labels[DEADLINE_LABEL] ?? "");
  return updateDeadlineMs === undefined ? {} : { updateDeadlineMs };
}

/** "30s", "2m", "500ms"; undefined: none of these. */
function parseDuration(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}
