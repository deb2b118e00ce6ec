/** Our task -> the Engine API's Task. */
import type { Cluster } from "@skein/common/model/cluster";
import type { HealthCheck, TaskSpec } from "@skein/common/model/service";
import type { Task, TaskStatus } from "@skein/common/model/task";
import { ingressNetworkId } from "./network.ts";
import { formatWall, toNanoseconds } from "./time.ts";

export function taskToEngine(task: Task, cluster: Cluster | undefined): object {
  const nodeId = task.nodeId ?? task.pinnedTo;
  return {
    ID: task.id,
    Version: { Index: task.version },
    CreatedAt: formatWall(task.createdAt),
    UpdatedAt: formatWall(task.updatedAt),
    Labels: {},
    Spec: taskSpecToEngine(task.spec),
    ServiceID: task.serviceId,
    ...(task.pinnedTo !== undefined || task.slot === 0 ? {} : { Slot: task.slot }),
    ...(nodeId === undefined ? {} : { NodeID: nodeId }),
    Status: statusToEngine(task.status),
    DesiredState: desiredShown(task),
    ...(task.address === undefined || cluster === undefined
      ? {}
      : { NetworksAttachments: [attachment(task.address, cluster)] }),
    ...(task.iteration === undefined
      ? {}
      : { JobIteration: task.iteration === 0 ? {} : { Index: task.iteration } }),
  };
}

/** A job's task is wanted until it is complete. */
export function desiredShown({ desired, iteration }: Task): string {
  const isWanted = desired === "running" || desired === "ready";
  return iteration !== undefined && isWanted ? "complete" : desired;
}

/** A task's spec has no `Runtime`, and its image is shown as people call it. */
export function taskSpecToEngine(spec: TaskSpec): object {
  const { process } = spec;
  return {
    ContainerSpec: {
      Image: process.image,
      ...(Object.keys(process.labels).length === 0 ? {} : { Labels: process.labels }),
      ...(process.command.length === 0 ? {} : { Command: process.command }),
      ...(process.args.length === 0 ? {} : { Args: process.args }),
      ...(process.hostname === undefined ? {} : { Hostname: process.hostname }),
      ...(process.env.length === 0 ? {} : { Env: process.env }),
      ...(process.directory === undefined ? {} : { Dir: process.directory }),
      ...(process.user === undefined ? {} : { User: process.user }),
      ...(process.stopSignal === undefined ? {} : { StopSignal: process.stopSignal }),
      ...(process.stopGraceMs === undefined
        ? {}
        : { StopGracePeriod: toNanoseconds(process.stopGraceMs) }),
      ...(process.health === undefined ? {} : { Healthcheck: healthcheck(process.health) }),
      Isolation: "default",
    },
    Resources: {
      Limits: amounts(spec.limitNanoCpus, spec.limitMemoryBytes),
      Reservations: amounts(spec.reservedNanoCpus, spec.reservedMemoryBytes),
    },
    ...(spec.restart === undefined ? {} : { RestartPolicy: restart(spec.restart) }),
    Placement: placement(spec),
    ForceUpdate: spec.forceUpdate,
  };
}

function healthcheck(check: HealthCheck): object {
  return {
    Test: ["CMD", ...check.test],
    Interval: toNanoseconds(check.intervalMs),
    Timeout: toNanoseconds(check.timeoutMs),
    ...(check.startPeriodMs === 0 ? {} : { StartPeriod: toNanoseconds(check.startPeriodMs) }),
    ...(check.startIntervalMs === undefined
      ? {}
      : { StartInterval: toNanoseconds(check.startIntervalMs) }),
    Retries: check.retries,
  };
}

function amounts(nanoCpus: number | undefined, memoryBytes: number | undefined): object {
  return {
    ...(nanoCpus === undefined ? {} : { NanoCPUs: nanoCpus }),
    ...(memoryBytes === undefined ? {} : { MemoryBytes: memoryBytes }),
  };
}

function restart(policy: NonNullable<TaskSpec["restart"]>): object {
  return {
    Condition: policy.condition,
    ...(policy.delayMs === undefined ? {} : { Delay: toNanoseconds(policy.delayMs) }),
    MaxAttempts: policy.maxAttempts ?? 0,
    ...(policy.windowMs === undefined ? {} : { Window: toNanoseconds(policy.windowMs) }),
  };
}

function placement(spec: TaskSpec): object {
  return {
    ...(spec.constraints.length === 0 ? {} : { Constraints: spec.constraints }),
    ...(spec.spread.length === 0
      ? {}
      : { Preferences: spec.spread.map((label) => ({ Spread: { SpreadDescriptor: label } })) }),
    ...(spec.maxReplicasPerNode === undefined ? {} : { MaxReplicas: spec.maxReplicasPerNode }),
  };
}

/** A warning stands in for the error, so that `service ps` shows it: it has no other column. */
function statusToEngine(status: TaskStatus): object {
  const shown = status.error ?? status.warning;
  const known = status.pid !== undefined || status.exitCode !== undefined;
  return {
    Timestamp: formatWall(status.at),
    State: status.state,
    Message: status.message,
    ...(shown === undefined ? {} : { Err: shown }),
    ...(known ? { ContainerStatus: containerStatus(status) } : {}),
    PortStatus: {},
  };
}

function containerStatus(status: TaskStatus): object {
  return { ContainerID: "", PID: status.pid ?? 0, ExitCode: status.exitCode ?? 0 };
}

/** Traefik and Prometheus read the address with its prefix length. */
function attachment(address: string, cluster: Cluster): object {
  return {
    Network: {
      ID: ingressNetworkId(cluster),
      Version: { Index: cluster.version },
      CreatedAt: formatWall(cluster.createdAt),
      UpdatedAt: formatWall(cluster.createdAt),
      Spec: { Name: "ingress", Labels: {}, Ingress: true, Scope: "swarm" },
      DriverState: { Name: "overlay" },
      IPAMOptions: { Driver: { Name: "default" }, Configs: [{ Subnet: cluster.taskPool }] },
    },
    Addresses: [`${address}/${cluster.taskPool.split("/")[1] ?? "16"}`],
  };
}
