/** Our task -> the Engine API's Task. */
import { containerId } from "@skein/common/api/container";
import type { TaskId } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Network } from "@skein/common/model/network";
import type { HealthCheck, TaskSpec } from "@skein/common/model/service";
import type { Task, TaskStatus } from "@skein/common/model/task";
import type { ClusterView } from "../../store/view.ts";
import { ingressNetworkId, withPrefix } from "./network.ts";
import { portToEngine } from "./service.ts";
import { formatWall, toNanoseconds } from "./time.ts";

export function taskToEngine(task: Task, view: TaskContext): object {
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
    Status: statusToEngine(task),
    DesiredState: desiredShown(task),
    ...attachments(task, view),
    ...(task.iteration === undefined
      ? {}
      : { JobIteration: task.iteration === 0 ? {} : { Index: task.iteration } }),
  };
}

export type TaskContext = Pick<ClusterView, "cluster" | "networks">;

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
      Limits: {
        ...amounts(spec.limitNanoCpus, spec.limitMemoryBytes),
        ...(spec.limitPids === undefined ? {} : { Pids: spec.limitPids }),
      },
      Reservations: {
        ...amounts(spec.reservedNanoCpus, spec.reservedMemoryBytes),
        ...(spec.generic === undefined ? {} : { GenericResources: generic(spec.generic) }),
      },
    },
    ...(spec.restart === undefined ? {} : { RestartPolicy: restart(spec.restart) }),
    Placement: placement(spec),
    ...(spec.log === undefined
      ? {}
      : { LogDriver: { Name: spec.log.name, Options: spec.log.options } }),
    ...(spec.networks === undefined
      ? {}
      : {
          Networks: spec.networks.map(({ networkId, aliases }) => ({
            Target: networkId,
            ...(aliases.length === 0 ? {} : { Aliases: aliases }),
          })),
        }),
    ForceUpdate: spec.forceUpdate,
  };
}

function generic(counts: Readonly<Record<string, number>>): readonly object[] {
  return Object.entries(counts).map(([Kind, Value]) => ({ DiscreteResourceSpec: { Kind, Value } }));
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
function statusToEngine(task: Task): object {
  const { status, ports } = task;
  const held = status.state === "running" ? ports.filter(({ mode }) => mode === "host") : [];
  const shown = status.error ?? status.warning;
  const known = status.pid !== undefined || status.exitCode !== undefined;
  return {
    Timestamp: formatWall(status.at),
    State: status.state,
    Message: status.message,
    ...(shown === undefined ? {} : { Err: shown }),
    ...(known ? { ContainerStatus: containerStatus(task.id, status) } : {}),
    PortStatus: held.length === 0 ? {} : { Ports: held.map(portToEngine) },
  };
}

function containerStatus(task: TaskId, status: TaskStatus): object {
  return {
    ContainerID: containerId(task),
    PID: status.pid ?? 0,
    ExitCode: status.exitCode ?? 0,
  };
}

function attachments(task: Task, { cluster, networks }: TaskContext): object {
  if (task.address === undefined || cluster === undefined) return {};
  const own = (task.networks ?? []).flatMap(({ networkId, address }) => {
    const network = networks.get(networkId);
    return network === undefined ? [] : [ownAttachment(address, network)];
  });
  return { NetworksAttachments: [attachment(task.address, cluster), ...own] };
}

function ownAttachment(address: string, network: Network): object {
  const { spec } = network;
  return {
    Network: {
      ID: network.id,
      Version: { Index: network.version },
      CreatedAt: formatWall(network.createdAt),
      UpdatedAt: formatWall(network.updatedAt),
      Spec: {
        Name: spec.name,
        Labels: spec.labels,
        DriverConfiguration: { Name: "overlay" },
        ...(spec.attachable ? { Attachable: true } : {}),
        Scope: "swarm",
      },
      DriverState: {
        Name: "overlay",
        Options: { "com.docker.network.driver.overlay.vxlanid_list": `${network.vni}` },
      },
      IPAMOptions: {
        Driver: { Name: "default" },
        Configs: [{ Subnet: network.subnet, Gateway: network.gateway }],
      },
    },
    Addresses: [withPrefix(address, network.subnet)],
  };
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
    Addresses: [withPrefix(address, cluster.taskPool)],
  };
}
