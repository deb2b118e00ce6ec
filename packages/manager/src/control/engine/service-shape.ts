/**
 * The Engine API's ServiceSpec as data (API 1.50, field for field, in dockerd's order). `raw` marks
 * what is refused unless empty (`service-refusals.ts`): its inside needs no description until it is
 * there.
 *
 * A table.
 */
import type { Decoded } from "./go-decode.ts";
import {
  duration,
  flag,
  float32,
  int64,
  list,
  map,
  raw,
  struct,
  text,
  uint32,
  uint64,
} from "./go-decode.ts";

const healthcheck = struct("HealthConfig", {
  Test: [list(text), "nonzero"],
  Interval: [duration, "nonzero"],
  Timeout: [duration, "nonzero"],
  StartPeriod: [duration, "nonzero"],
  StartInterval: [duration, "nonzero"],
  Retries: [int64, "nonzero"],
});

const ulimit = struct("Ulimit", {
  Name: [text, "nonzero"],
  Hard: [int64, "nonzero"],
  Soft: [int64, "nonzero"],
});

const fileTarget = struct("FileTarget", {
  Name: [text, "always"],
  UID: [text, "always"],
  GID: [text, "always"],
  Mode: [uint32, "always"],
});

const secretReference = struct("SecretReference", {
  File: [fileTarget, "present"],
  SecretID: [text, "always"],
  SecretName: [text, "always"],
});

const configReference = struct("ConfigReference", {
  File: [fileTarget, "present"],
  Runtime: [raw, "present"],
  ConfigID: [text, "always"],
  ConfigName: [text, "always"],
});

const containerSpec = struct("ContainerSpec", {
  Image: [text, "nonzero"],
  Labels: [map(text), "nonzero"],
  Command: [list(text), "nonzero"],
  Args: [list(text), "nonzero"],
  Hostname: [text, "nonzero"],
  Env: [list(text), "nonzero"],
  Dir: [text, "nonzero"],
  User: [text, "nonzero"],
  Groups: [list(text), "nonzero"],
  Privileges: [raw, "present"],
  Init: [flag, "present"],
  StopSignal: [text, "nonzero"],
  TTY: [flag, "nonzero"],
  OpenStdin: [flag, "nonzero"],
  ReadOnly: [flag, "nonzero"],
  Mounts: [raw, "nonzero"],
  StopGracePeriod: [duration, "present"],
  Healthcheck: [healthcheck, "present"],
  Hosts: [list(text), "nonzero"],
  DNSConfig: [raw, "present"],
  Secrets: [list(secretReference), "nonzero"],
  Configs: [list(configReference), "nonzero"],
  Isolation: [text, "nonzero"],
  Sysctls: [map(text), "nonzero"],
  CapabilityAdd: [list(text), "nonzero"],
  CapabilityDrop: [list(text), "nonzero"],
  Ulimits: [list(ulimit), "nonzero"],
  OomScoreAdj: [int64, "nonzero"],
});

const genericResource = struct("GenericResource", {
  NamedResourceSpec: [
    struct("NamedGenericResource", { Kind: [text, "nonzero"], Value: [text, "nonzero"] }),
    "present",
  ],
  DiscreteResourceSpec: [
    struct("DiscreteGenericResource", { Kind: [text, "nonzero"], Value: [int64, "nonzero"] }),
    "present",
  ],
});

const amounts = struct("Resources", {
  NanoCPUs: [int64, "nonzero"],
  MemoryBytes: [int64, "nonzero"],
  Pids: [int64, "nonzero"],
  GenericResources: [list(genericResource), "nonzero"],
});

const resources = struct("ResourceRequirements", {
  Limits: [amounts, "present"],
  Reservations: [amounts, "present"],
});

const restartPolicy = struct("RestartPolicy", {
  Condition: [text, "nonzero"],
  Delay: [duration, "present"],
  MaxAttempts: [uint64, "present"],
  Window: [duration, "present"],
});

const placement = struct("Placement", {
  Constraints: [list(text), "nonzero"],
  Preferences: [
    list(
      struct("PlacementPreference", {
        Spread: [struct("SpreadOver", { SpreadDescriptor: [text, "always"] }), "present"],
      }),
    ),
    "nonzero",
  ],
  MaxReplicas: [uint64, "nonzero"],
  Platforms: [raw, "nonzero"],
});

const network = struct("NetworkAttachmentConfig", {
  Target: [text, "nonzero"],
  Aliases: [list(text), "nonzero"],
  DriverOpts: [map(text), "nonzero"],
});

const taskSpec = struct("TaskSpec", {
  ContainerSpec: [containerSpec, "present"],
  PluginSpec: [raw, "present"],
  NetworkAttachmentSpec: [raw, "present"],
  Resources: [resources, "present"],
  RestartPolicy: [restartPolicy, "present"],
  Placement: [placement, "present"],
  Networks: [list(network), "nonzero"],
  LogDriver: [raw, "present"],
  ForceUpdate: [uint64, "always"],
  Runtime: [text, "nonzero"],
});

const updateConfig = struct("UpdateConfig", {
  Parallelism: [uint64, "always"],
  Delay: [duration, "nonzero"],
  FailureAction: [text, "nonzero"],
  Monitor: [duration, "nonzero"],
  MaxFailureRatio: [float32, "always"],
  Order: [text, "always"],
});

const portConfig = struct("PortConfig", {
  Name: [text, "nonzero"],
  Protocol: [text, "nonzero"],
  TargetPort: [uint32, "nonzero"],
  PublishedPort: [uint32, "nonzero"],
  PublishMode: [text, "nonzero"],
});

const mode = struct("ServiceMode", {
  Replicated: [struct("ReplicatedService", { Replicas: [uint64, "present"] }), "present"],
  Global: [struct("GlobalService", {}), "present"],
  ReplicatedJob: [
    struct("ReplicatedJob", {
      MaxConcurrent: [uint64, "present"],
      TotalCompletions: [uint64, "present"],
    }),
    "present",
  ],
  GlobalJob: [struct("GlobalJob", {}), "present"],
});

export const serviceSpecShape = struct("ServiceSpec", {
  Name: [text, "always"],
  Labels: [map(text), "always"],
  TaskTemplate: [taskSpec, "always"],
  Mode: [mode, "always"],
  UpdateConfig: [updateConfig, "present"],
  RollbackConfig: [updateConfig, "present"],
  /** Older clients put networks here; docker-py still reads it back. */
  Networks: [list(network), "nonzero"],
  EndpointSpec: [
    struct("EndpointSpec", { Mode: [text, "nonzero"], Ports: [list(portConfig), "nonzero"] }),
    "present",
  ],
});

export type EngineServiceSpec = Decoded<typeof serviceSpecShape>;
export type EngineTaskSpec = Decoded<typeof taskSpec>;
export type EngineHealthcheck = Decoded<typeof healthcheck>;
export type EngineContainerSpec = Decoded<typeof containerSpec>;
export type EngineRestartPolicy = Decoded<typeof restartPolicy>;
export type EngineUpdateConfig = Decoded<typeof updateConfig>;
export type EnginePort = Decoded<typeof portConfig>;

export const networkCreateShape = struct("NetworkCreateRequest", {
  Name: [text, "always"],
  Driver: [text, "nonzero"],
  Scope: [text, "nonzero"],
  EnableIPv4: [flag, "present"],
  EnableIPv6: [flag, "present"],
  IPAM: [
    struct("IPAM", {
      Driver: [text, "nonzero"],
      Options: [map(text), "nonzero"],
      Config: [
        list(
          struct("IPAMConfig", {
            Subnet: [text, "nonzero"],
            IPRange: [text, "nonzero"],
            Gateway: [text, "nonzero"],
            AuxiliaryAddresses: [map(text), "nonzero"],
          }),
        ),
        "nonzero",
      ],
    }),
    "present",
  ],
  Internal: [flag, "nonzero"],
  Attachable: [flag, "nonzero"],
  Ingress: [flag, "nonzero"],
  ConfigOnly: [flag, "nonzero"],
  ConfigFrom: [struct("ConfigReference", { Network: [text, "nonzero"] }), "present"],
  Options: [map(text), "nonzero"],
  Labels: [map(text), "nonzero"],
  CheckDuplicate: [flag, "nonzero"],
});

export type EngineNetworkCreate = Decoded<typeof networkCreateShape>;

export const nodeSpecShape = struct("NodeSpec", {
  Name: [text, "nonzero"],
  Labels: [map(text), "always"],
  Role: [text, "nonzero"],
  Availability: [text, "nonzero"],
});
export type EngineNodeSpec = Decoded<typeof nodeSpecShape>;

export const configSpecShape = struct("ConfigSpec", {
  Name: [text, "always"],
  Labels: [map(text), "always"],
  /** Base64. */
  Data: [text, "nonzero"],
  Templating: [raw, "present"],
});
export type EngineConfigSpec = Decoded<typeof configSpecShape>;
