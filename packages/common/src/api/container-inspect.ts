/**
 * GET /containers/{id}/json. A plain process has no image, mounts or limits of a container engine:
 * those fields are there with the values Docker gives for "none", since clients read them unasked.
 *
 * A table.
 */
import { SKEIN_VERSION } from "./api-version.ts";
import type { ContainerFacts } from "./container.ts";
import {
  containerCommand,
  containerId,
  containerLabels,
  containerName,
  containerState,
  HOST_IMAGE_ID,
} from "./container.ts";
import { containerNetworks } from "./container-list.ts";
import { formatWall, ZERO_TIME } from "./time.ts";

export interface InspectContext {
  readonly networkId: string;
  /** Where the output lies; "" where only the node knows. */
  readonly logPath: string;
  /** Programs started by `exec` that still run. */
  readonly execIds: readonly string[];
  readonly withSize: boolean;
}

export function inspectContainer(facts: ContainerFacts, context: InspectContext): object {
  const [path = "", ...args] = containerCommand(facts);
  return {
    Id: containerId(facts.taskId),
    Created: formatWall(facts.createdAt),
    Path: path,
    Args: args,
    State: stateOf(facts),
    Image: HOST_IMAGE_ID,
    ResolvConfPath: "",
    HostnamePath: "",
    HostsPath: "",
    LogPath: context.logPath,
    Name: `/${containerName(facts)}`,
    RestartCount: 0,
    Driver: "host",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: context.execIds.length === 0 ? null : context.execIds,
    HostConfig: hostConfig(facts),
    GraphDriver: { Data: null, Name: "host" },
    ...(context.withSize ? { SizeRw: 0, SizeRootFs: 0 } : {}),
    Mounts: [],
    Config: configOf(facts),
    NetworkSettings: networkSettings(facts, context),
  };
}

function stateOf(facts: ContainerFacts): object {
  const { status } = facts;
  const state = containerState(status);
  const started = facts.startedAt ?? (state === "running" ? status.at : undefined);
  return {
    Status: state ?? "created",
    Running: state === "running",
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: state === "running" ? (status.pid ?? 0) : 0,
    ExitCode: status.exitCode ?? 0,
    Error: status.error ?? "",
    StartedAt: started === undefined ? ZERO_TIME : formatWall(started),
    FinishedAt: state === "exited" ? formatWall(status.at) : ZERO_TIME,
  };
}

function configOf({ spec, ports, ...facts }: ContainerFacts): object {
  const { process } = spec;
  const exposed = ports.map((port) => [`${port.targetPort}/${port.protocol}`, {}] as const);
  return {
    Hostname: process.hostname ?? "",
    Domainname: "",
    User: process.user ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(exposed.length === 0 ? {} : { ExposedPorts: Object.fromEntries(exposed) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: process.env,
    Cmd: process.args.length === 0 ? null : process.args,
    Image: process.image,
    Volumes: null,
    WorkingDir: process.directory ?? "",
    Entrypoint: process.command.length === 0 ? null : process.command,
    OnBuild: null,
    Labels: containerLabels({ spec, ports, ...facts }),
    ...(process.stopSignal === undefined ? {} : { StopSignal: process.stopSignal }),
    ...(process.stopGraceMs === undefined
      ? {}
      : { StopTimeout: Math.ceil(process.stopGraceMs / 1000) }),
  };
}

function networkSettings(facts: ContainerFacts, context: InspectContext): object {
  const ports = facts.ports.map((port) => [`${port.targetPort}/${port.protocol}`, null] as const);
  return {
    Bridge: "",
    SandboxID: "",
    SandboxKey: "",
    Ports: Object.fromEntries(ports),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: "",
    Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    MacAddress: "",
    Networks: containerNetworks(facts, context.networkId),
  };
}

function hostConfig({ spec }: ContainerFacts): object {
  return {
    ...NO_HOST_CONFIG,
    LogConfig: { Type: spec.log?.name ?? "local", Config: spec.log?.options ?? {} },
    NanoCpus: spec.limitNanoCpus ?? 0,
    Memory: spec.limitMemoryBytes ?? 0,
    MemoryReservation: spec.reservedMemoryBytes ?? 0,
  };
}

const NO_HOST_CONFIG = {
  Binds: null,
  ContainerIDFile: "",
  NetworkMode: "ingress",
  PortBindings: {},
  RestartPolicy: { Name: "", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "host",
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "host",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "host",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "host",
  UsernsMode: "",
  ShmSize: 0,
  Runtime: `skein ${SKEIN_VERSION}`,
  Isolation: "default",
  CpuShares: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
} as const;
