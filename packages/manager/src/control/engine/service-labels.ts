/**
 * What Docker has no flag for and a service can be told by its labels, so that the unmodified
 * client can say it. Schedules are in service-mode.ts.
 */
import type { ServiceSpec, TaskSpec } from "@skein/common/model/service";
import { UPDATE_STANDBY_MS_MAX } from "../../limits.ts";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import type { UpdateOrder } from "./service-policies.ts";
import { pick, UPDATE_ORDERS } from "./service-policies.ts";

const DEADLINE_LABEL = "skein.update.deadline";
const ORDER_LABEL = "skein.update.order";
const STANDBY_LABEL = "skein.update.standby";
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
  const order = labels[ORDER_LABEL];
  if (order !== undefined && pick(UPDATE_ORDERS, order) === undefined) {
    const orders = UPDATE_ORDERS.join(", ");
    return badRequest(`${what}: label ${ORDER_LABEL} must be one of ${orders}, not ${order}`);
  }
  for (const name of [DEADLINE_LABEL, STANDBY_LABEL]) {
    const text = labels[name];
    if (text === undefined || parseDuration(text) !== undefined) continue;
    return badRequest(`${what}: label ${name} must be a time as in 30s, not ${text}`);
  }
  const standbyMs = parseDuration(labels[STANDBY_LABEL] ?? "") ?? 0;
  if (standbyMs <= UPDATE_STANDBY_MS_MAX) return undefined;
  return badRequest(`${what}: label ${STANDBY_LABEL} must not be longer than 24h`);
}

/** The order of updates: the label's, for clients that have no flag for one of ours. */
export function orderOf(labels: Labels): UpdateOrder | undefined {
  return pick(UPDATE_ORDERS, labels[ORDER_LABEL]);
}

export function readStandby(labels: Labels): Pick<ServiceSpec, "standbyMs"> {
  const standbyMs = parseDuration(labels[STANDBY_LABEL] ?? "");
  return standbyMs === undefined ? {} : { standbyMs };
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
