/** A service: what the user wants. The spec is stored as sent, never changed by the system. */
import * as v from "valibot";
import type { ServiceId } from "../ids.ts";
import type { Decoded } from "../wire/schema.ts";
import { count, flag, id, shortText, stringMap, strings, text } from "../wire/schema.ts";
import { logDriverSchema } from "./log-options.ts";
import { networkAddressSchema, networkWishSchema } from "./network.ts";
import { taskFileSchema } from "./secret.ts";

/**
 * Durations are integer milliseconds inside; Docker's nanoseconds are converted at the API edge.
 */
export const restartPolicySchema = v.object({
  condition: v.picklist(["none", "on-failure", "any"]),
  /** Absent: the first retry at once, then exponential backoff. Present: exactly this long. */
  delayMs: v.exactOptional(count),
  /** 0 or absent: no limit. */
  maxAttempts: v.exactOptional(count),
  windowMs: v.exactOptional(count),
});

export const updateConfigSchema = v.object({
  /** 0: all at once. */
  parallelism: count,
  delayMs: count,
  failureAction: v.picklist(["pause", "continue", "rollback"]),
  monitorMs: count,
  /** Thousandths, since replicated state holds integers only. */
  maxFailureRatioMilli: count,
  /** `blue-green`: a complete second set beside the first; the traffic changes over at once. */
  order: v.picklist(["stop-first", "start-first", "blue-green"]),
});
export type UpdateConfig = Decoded<typeof updateConfigSchema>;

/** What says whether a task works: a command beside it, on its node. */
export const healthCheckSchema = v.object({
  /** Program and arguments. */
  test: strings,
  intervalMs: count,
  timeoutMs: count,
  /** Failures in a row that end the task. */
  retries: count,
  /** Failures within this time of the start do not count. */
  startPeriodMs: count,
  startIntervalMs: v.exactOptional(count),
});
export type HealthCheck = Decoded<typeof healthCheckSchema>;

/** What a task runs. Only the reference `host` (a plain process) is there yet. */
export const processSpecSchema = v.object({
  image: shortText,
  /** Docker's `Command`: replaces the entry point; `args` follow it. */
  command: strings,
  args: strings,
  /** "KEY=value"; values may hold templates. */
  env: strings,
  directory: v.exactOptional(text),
  user: v.exactOptional(shortText),
  labels: stringMap,
  hostname: v.exactOptional(shortText),
  stopSignal: v.exactOptional(shortText),
  stopGraceMs: v.exactOptional(count),
  /** Secrets and configs it finds as files. */
  files: v.exactOptional(v.array(taskFileSchema)),
  /** In the units of getrlimit(2). */
  ulimits: v.exactOptional(v.array(v.object({ name: shortText, soft: count, hard: count }))),
  /** -1000 to 1000. */
  oomScoreAdj: v.exactOptional(v.pipe(v.number(), v.safeInteger())),
  health: v.exactOptional(healthCheckSchema),
});
export type ProcessSpec = Decoded<typeof processSpecSchema>;

export const taskSpecSchema = v.object({
  process: processSpecSchema,
  restart: v.exactOptional(restartPolicySchema),
  /** "node.role==worker", "node.labels.zone!=a": all must hold. */
  constraints: strings,
  /** Labels of the `spread=` preferences, outermost first. */
  spread: strings,
  /** Absent: spread. `binpack`: the fullest node that still fits. */
  strategy: v.exactOptional(v.picklist(["binpack"])),
  maxReplicasPerNode: v.exactOptional(count),
  reservedNanoCpus: v.exactOptional(count),
  reservedMemoryBytes: v.exactOptional(count),
  limitNanoCpus: v.exactOptional(count),
  limitMemoryBytes: v.exactOptional(count),
  limitPids: v.exactOptional(count),
  /** Generic resources by kind: so many units of it. */
  generic: v.exactOptional(v.record(v.string(), count)),
  forceUpdate: count,
  /** Absent: the output is kept, as much as the node's limit allows. */
  log: v.exactOptional(logDriverSchema),
  /** Overlay networks, each once. Absent: the one network every task is on. */
  networks: v.exactOptional(v.array(networkWishSchema)),
});
export type TaskSpec = Decoded<typeof taskSpecSchema>;

export const portSpecSchema = v.object({
  name: v.exactOptional(shortText),
  protocol: v.picklist(["tcp", "udp", "sctp"]),
  targetPort: count,
  /** 0: assigned from 30000-32767. */
  publishedPort: count,
  mode: v.picklist(["ingress", "host"]),
});
export type PortSpec = Decoded<typeof portSpecSchema>;

/** When a job runs by itself, in UTC, and what becomes of a time that was missed. */
export const jobScheduleSchema = v.object({
  /** Five fields, or a name such as `@hourly`. */
  cron: shortText,
  /** `latest`: the newest missed time runs once, late; `skip`: none does. */
  missed: v.picklist(["latest", "skip"]),
  /** A run that is due while the last is not over: left out, or in the place of the last. */
  overlap: v.picklist(["skip", "replace"]),
});
export type JobSchedule = Decoded<typeof jobScheduleSchema>;

/** Swarm's modes; a job may have a schedule. The kind of a service never changes. */
export const serviceModeSchema = v.variant("kind", [
  v.object({ kind: v.literal("replicated"), replicas: count }),
  /** One task on every node that fits. */
  v.object({ kind: v.literal("global") }),
  v.object({
    kind: v.literal("replicated-job"),
    completions: count,
    /** 0: all at once. */
    concurrent: count,
    schedule: v.exactOptional(jobScheduleSchema),
  }),
  v.object({ kind: v.literal("global-job"), schedule: v.exactOptional(jobScheduleSchema) }),
]);
export type ServiceMode = Decoded<typeof serviceModeSchema>;

export const serviceSpecSchema = v.object({
  name: shortText,
  labels: stringMap,
  task: taskSpecSchema,
  mode: serviceModeSchema,
  update: v.exactOptional(updateConfigSchema),
  rollback: v.exactOptional(updateConfigSchema),
  /** How long an updated task may run without getting into rotation; absent: 10 s. */
  updateDeadlineMs: v.exactOptional(count),
  /** How long the former set of a blue-green update stands by; absent: 10 min. */
  standbyMs: v.exactOptional(count),
  endpointMode: v.picklist(["vip", "dnsrr"]),
  ports: v.array(portSpecSchema),
  /**
   * The Engine API's JSON of the spec, as the client sent it: what `inspect` gives back, so that a
   * client which compares finds what it wrote.
   */
  engine: text,
});
export type ServiceSpec = Decoded<typeof serviceSpecSchema>;

export const updateStatusSchema = v.object({
  state: v.picklist([
    "updating",
    "paused",
    "completed",
    "rollback_started",
    "rollback_paused",
    "rollback_completed",
  ]),
  startedAt: count,
  completedAt: v.exactOptional(count),
  message: shortText,
});
export type UpdateStatus = Decoded<typeof updateStatusSchema>;

/** Which of two complete sets of tasks gets the traffic: see the design page on orchestration. */
export const trafficSchema = v.object({
  /** `Task.taskIndex` of the set that gets it. */
  taskIndex: count,
  /** Store time since when; absent: the set had it before there was another. */
  since: v.exactOptional(count),
  /** The set that had it before: kept until `standbyUntil`, for an instant way back. */
  standby: v.exactOptional(count),
  /** Store time. */
  standbyUntil: v.exactOptional(count),
});
export type Traffic = Decoded<typeof trafficSchema>;

/** How often a job has run; absent for services that are no jobs. */
export const jobStatusSchema = v.object({
  /** Names the run: tasks of an earlier one are removed. */
  iteration: count,
  /** Wall time, for display. Absent: a scheduled job that has not run yet. */
  startedAt: v.exactOptional(count),
  /** The newest scheduled time that was dealt with: none is dealt with twice. Wall time. */
  scheduledFor: v.exactOptional(count),
  /** Why nothing ran at that time. */
  skipped: v.exactOptional(shortText),
});
export type JobStatus = Decoded<typeof jobStatusSchema>;

export const serviceSchema = v.object({
  id: id<ServiceId>(),
  /** Index of the last write. */
  version: count,
  /** Index of the last write of the spec: a client's update must have read at least this. */
  specIndex: count,
  /**
   * Index of the last change of what tasks are made of (task spec, ports): names the tasks'
   * version.
   */
  taskIndex: count,
  createdAt: count,
  updatedAt: count,
  spec: serviceSpecSchema,
  previousSpec: v.exactOptional(serviceSpecSchema),
  /** Former specs, newest first. `until`: wall time of the last write while it was in force. */
  history: v.exactOptional(
    v.array(v.object({ specIndex: count, until: count, spec: serviceSpecSchema })),
  ),
  /** `spec.ports` with published ports assigned. */
  ports: v.array(portSpecSchema),
  /** One for each network, unless its names resolve to the tasks themselves (`dnsrr`). */
  vips: v.exactOptional(v.array(networkAddressSchema)),
  updateStatus: v.exactOptional(updateStatusSchema),
  /** Absent: every task in rotation gets traffic. */
  traffic: v.exactOptional(trafficSchema),
  job: v.exactOptional(jobStatusSchema),
  /**
   * Removed by the user; the row stays until its last task is gone, so that nothing is reused
   * early.
   */
  removed: v.exactOptional(flag),
});
export type Service = Decoded<typeof serviceSchema>;
