/** Docker's service modes <-> ours; and the labels that give a job its schedule. */
import type { JobSchedule, ServiceMode } from "@skein/common/model/service";
import { replicasOf } from "@skein/common/model/service-mode";
import { SERVICE_REPLICAS_MAX } from "../../limits.ts";
import { parseCron } from "../../orchestrator/cron-schedule.ts";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import { pick } from "./service-policies.ts";
import type { EngineServiceSpec } from "./service-shape.ts";

/** Docker has no word for a schedule, and labels reach us through its unmodified command. */
export const SCHEDULE_LABEL = "skein.schedule";
const MISSED_LABEL = `${SCHEDULE_LABEL}.missed`;
const OVERLAP_LABEL = `${SCHEDULE_LABEL}.overlap`;
const MISSED = ["latest", "skip"] as const;
const OVERLAP = ["skip", "replace"] as const;

type Mode = NonNullable<EngineServiceSpec["Mode"]>;

/** What dockerd fills in: clients dereference these counts. */
export function normalizeMode(sent: Mode): Mode {
  const { Replicated, ReplicatedJob, ...others } = sent;
  if (ReplicatedJob !== undefined) {
    const { MaxConcurrent = 1, TotalCompletions = MaxConcurrent } = ReplicatedJob;
    return { ...sent, ReplicatedJob: { MaxConcurrent, TotalCompletions } };
  }
  if (Replicated === undefined && Object.keys(others).length > 0) return others;
  return { ...others, Replicated: { Replicas: Replicated?.Replicas ?? 1 } };
}

/** `engine` was checked and normalized. */
export function readMode({ Mode: mode = {}, Labels: labels = {} }: EngineServiceSpec): ServiceMode {
  const schedule = readSchedule(labels);
  const scheduled = schedule === undefined ? {} : { schedule };
  if (mode.Global !== undefined) return { kind: "global" };
  if (mode.GlobalJob !== undefined) return { kind: "global-job", ...scheduled };
  if (mode.ReplicatedJob !== undefined) {
    const { TotalCompletions = 1, MaxConcurrent = 1 } = mode.ReplicatedJob;
    const counts = { completions: TotalCompletions, concurrent: MaxConcurrent };
    return { kind: "replicated-job", ...counts, ...scheduled };
  }
  return { kind: "replicated", replicas: mode.Replicated?.Replicas ?? 1 };
}

/** The refusal, or undefined. `what`: "Cannot create service web". */
export function checkMode(spec: EngineServiceSpec, what: string): Checked<never> | undefined {
  const modes = Object.values(spec.Mode ?? {}).filter((value) => value !== undefined);
  if (modes.length > 1) return badRequest("must specify only one service mode");
  const replicas = replicasOf(readMode(spec)) ?? 0;
  if (replicas > SERVICE_REPLICAS_MAX) {
    return badRequest(`${what}: ${replicas} replicas are more than ${SERVICE_REPLICAS_MAX}`);
  }
  const job = spec.Mode?.ReplicatedJob ?? spec.Mode?.GlobalJob;
  if (job !== undefined && (spec.UpdateConfig ?? spec.RollbackConfig) !== undefined) {
    return badRequest(`${what}: update and rollback settings do not apply to a job: it runs anew`);
  }
  return checkSchedule(spec, what);
}

function checkSchedule(spec: EngineServiceSpec, what: string): Checked<never> | undefined {
  const labels = spec.Labels ?? {};
  const keys = Object.keys(labels).filter((key) => key.startsWith(SCHEDULE_LABEL));
  const [first] = keys;
  if (first === undefined) return undefined;
  const job = spec.Mode?.ReplicatedJob ?? spec.Mode?.GlobalJob;
  if (job === undefined) {
    return badRequest(
      `${what}: a schedule (label ${SCHEDULE_LABEL}) needs --mode replicated-job or global-job`,
    );
  }
  const known = [SCHEDULE_LABEL, MISSED_LABEL, OVERLAP_LABEL];
  const unknown = keys.find((key) => !known.includes(key));
  if (unknown !== undefined) return badRequest(`${what}: label ${unknown} is not known`);
  const times = parseCron(labels[SCHEDULE_LABEL] ?? "");
  if (!times.ok) return badRequest(`${what}: invalid schedule: ${times.error}`);
  for (const [key, words] of [[MISSED_LABEL, MISSED] as const, [OVERLAP_LABEL, OVERLAP] as const]) {
    const value = labels[key];
    if (value === undefined || (words as readonly string[]).includes(value)) continue;
    return badRequest(`${what}: label ${key} must be ${words.join(" or ")}, not ${value}`);
  }
  return undefined;
}

function readSchedule(labels: Readonly<Record<string, string>>): JobSchedule | undefined {
  const cron = labels[SCHEDULE_LABEL];
  if (cron === undefined) return undefined;
  const missed = pick(MISSED, labels[MISSED_LABEL]) ?? "latest";
  return { cron, missed, overlap: pick(OVERLAP, labels[OVERLAP_LABEL]) ?? "skip" };
}
