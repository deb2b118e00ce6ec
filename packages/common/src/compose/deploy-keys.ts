/**
 * Every key below `deploy` of a service, and what becomes of it: the one source of what is read, of
 * what is refused, and of docs/COMPOSE.md.
 *
 * A table.
 */
import type { KeySupport } from "./service-keys.ts";

const yes = (note = ""): KeySupport => ({ support: "yes", note });
const limited = (note: string): KeySupport => ({ support: "limited", note });
const no = (note: string): KeySupport => ({ support: "no", note });

const WHERE_GROUPS = "where the node may make control groups";
const UPDATE = {
  parallelism: yes("0 is all at once; 1 unless told otherwise"),
  delay: yes(),
  failure_action: yes("pause, continue, rollback"),
  monitor: yes(),
  max_failure_ratio: yes(),
  order: yes("stop-first, start-first"),
} as const;

/** By its path below `deploy`; keys without a row of their own hold those that have one. */
export const DEPLOY_KEYS: Readonly<Record<string, KeySupport>> = {
  mode: yes("replicated, global, replicated-job, global-job"),
  replicas: yes("of a job: tasks that must complete, all at once"),
  labels: yes("of the service; `skein.schedule` says when a job runs"),
  endpoint_mode: yes("vip, dnsrr"),
  "resources.limits.cpus": limited(WHERE_GROUPS),
  "resources.limits.memory": limited(WHERE_GROUPS),
  "resources.limits.pids": limited(WHERE_GROUPS),
  "resources.reservations.cpus": yes(),
  "resources.reservations.memory": yes(),
  "resources.reservations.generic_resources": yes("discrete_resource_spec"),
  "resources.reservations.devices": no("devices are not reserved: use generic_resources"),
  "restart_policy.condition": yes("none, on-failure, any"),
  "restart_policy.delay": yes("without one, growing pauses; the first time at once"),
  "restart_policy.max_attempts": yes(),
  "restart_policy.window": yes(),
  "placement.constraints": yes(),
  "placement.preferences": yes("spread"),
  "placement.max_replicas_per_node": yes(),
  ...below("update_config", UPDATE),
  ...below("rollback_config", UPDATE),
};

function below(path: string, keys: Readonly<Record<string, KeySupport>>) {
  return Object.fromEntries(Object.entries(keys).map(([key, row]) => [`${path}.${key}`, row]));
}

/** The keys that may stand at a path; "" is `deploy` itself. */
export function deployKeys(path: string): readonly string[] {
  const prefix = path === "" ? "" : `${path}.`;
  const under = Object.keys(DEPLOY_KEYS).filter((key) => key.startsWith(prefix));
  return [...new Set(under.map((key) => key.slice(prefix.length).split(".")[0] ?? ""))];
}
