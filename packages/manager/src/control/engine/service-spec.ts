/**
 * The Engine API's ServiceSpec -> our own. What the client sent is kept as text in `engine` (as
 * dockerd would write it back) and is what inspect returns; the rest of the row is what the cluster
 * acts on. Durations, sizes and ratios are converted at this edge and nowhere else.
 *
 * Invariants:
 *   S1. The result passes `serviceSpecSchema`: nothing is proposed that a replica would not decode.
 *   S2. Converting the JSON that inspect returns gives an equal spec: an update that changes
 *       nothing restarts nothing.
 */
import type { NetworkId } from "@skein/common/ids";
import type { PortSpec, ServiceSpec, TaskSpec } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import { UPDATE_DEFAULTS } from "../../orchestrator/update-config.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument, unsupported } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import { readHealth } from "./health.ts";
import { HOST_IMAGE } from "./image.ts";
import { readLogDriver } from "./log-driver.ts";
import { normalizeSpec } from "./normalize-spec.ts";
import { readGeneric, readUlimits } from "./process-rules.ts";
import { readFiles, whyNotFiles } from "./service-files.ts";
import { orderOf, readDeadline, readStandby, readStrategy } from "./service-labels.ts";
import { readMode } from "./service-mode.ts";
import type { NamedNetworks } from "./service-networks.ts";
import { nameNetworks } from "./service-networks.ts";
import type { UpdateOrder } from "./service-policies.ts";
import { readRestartPolicy, readUpdateConfig } from "./service-policies.ts";
import { refuseUnsupported } from "./service-refusals.ts";
import { checkSpec } from "./service-rules.ts";
import type {
  EngineContainerSpec,
  EnginePort,
  EngineTaskSpec,
  EngineUpdateConfig,
} from "./service-shape.ts";
import { serviceSpecShape } from "./service-shape.ts";
import { toMilliseconds } from "./time.ts";

export interface ReadSpec {
  readonly spec: ServiceSpec;
  /** For the answer's `Warnings`: keys that nobody knows. */
  readonly warnings: readonly string[];
}

export interface SpecContext {
  /** For messages: "create" or "update". */
  readonly verb: string;
  /** Name to use when the client sent none. */
  readonly defaultName: string;
  /** Working directory of tasks whose spec has none. */
  readonly defaultDirectory: string | undefined;
  /** A network by name or id. */
  readonly network: (reference: string) => Checked<NetworkId>;
}

export function readServiceSpec(body: unknown, context: SpecContext): Checked<ReadSpec> {
  const decoded = decodeGo(serviceSpecShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const engine = normalizeSpec(decoded.value.value, context);
  const wrong = checkSpec(engine, context.verb);
  if (wrong !== undefined) return wrong;
  const files = whyNotFiles(engine.TaskTemplate?.ContainerSpec ?? {});
  if (files !== undefined) return invalidArgument(files);
  const missing = refuseUnsupported(engine);
  if (missing !== undefined) {
    return unsupported(`Cannot ${context.verb} service ${engine.Name}: ${missing}`);
  }
  const named = nameNetworks(engine, context.network);
  if (!named.ok) return named;
  const warnings = decoded.value.unknown.map((key) => `unknown field ${key} ignored`);
  return ok({ spec: toServiceSpec(named.value), warnings });
}

/** `engine` was checked: what is absent here may be absent. */
function toServiceSpec({ engine, wishes }: NamedNetworks): ServiceSpec {
  const { UpdateConfig: update, RollbackConfig: rollback } = engine;
  return {
    name: engine.Name ?? "",
    labels: engine.Labels ?? {},
    task: {
      ...toTaskSpec(engine.TaskTemplate ?? {}),
      ...readStrategy(engine.Labels ?? {}),
      ...(wishes === undefined ? {} : { networks: wishes }),
    },
    mode: readMode(engine),
    ...readUpdate(update, orderOf(engine.Labels ?? {})),
    ...(rollback === undefined ? {} : { rollback: readUpdateConfig(rollback) }),
    ...readDeadline(engine.Labels ?? {}),
    ...readStandby(engine.Labels ?? {}),
    endpointMode: engine.EndpointSpec?.Mode === "dnsrr" ? "dnsrr" : "vip",
    ports: (engine.EndpointSpec?.Ports ?? []).map(toPort),
    engine: JSON.stringify(engine),
  };
}

/** A label alone is enough: what it does not say is as Swarm has it. */
function readUpdate(
  config: EngineUpdateConfig | undefined,
  order: UpdateOrder | undefined,
): Pick<ServiceSpec, "update"> {
  if (order === undefined) return config === undefined ? {} : { update: readUpdateConfig(config) };
  const said = config === undefined ? UPDATE_DEFAULTS : readUpdateConfig(config);
  return { update: { ...said, order } };
}

function toTaskSpec(task: EngineTaskSpec): TaskSpec {
  const { Limits: limits, Reservations: reservations } = task.Resources ?? {};
  const { RestartPolicy: restart, Placement: placement } = task;
  const log = readLogDriver(task);
  return {
    process: toProcess(task.ContainerSpec ?? {}),
    ...(restart === undefined ? {} : { restart: readRestartPolicy(restart) }),
    constraints: placement?.Constraints ?? [],
    spread: (placement?.Preferences ?? []).map((row) => row.Spread?.SpreadDescriptor ?? ""),
    ...positive("maxReplicasPerNode", placement?.MaxReplicas),
    ...positive("reservedNanoCpus", reservations?.NanoCPUs),
    ...positive("reservedMemoryBytes", reservations?.MemoryBytes),
    ...positive("limitNanoCpus", limits?.NanoCPUs),
    ...positive("limitMemoryBytes", limits?.MemoryBytes),
    ...positive("limitPids", limits?.Pids),
    ...readGeneric(reservations?.GenericResources ?? []),
    forceUpdate: task.ForceUpdate ?? 0,
    ...(log === undefined ? {} : { log }),
  };
}

function toProcess(container: EngineContainerSpec): TaskSpec["process"] {
  const { Dir, User, Hostname, StopSignal, StopGracePeriod, OomScoreAdj } = container;
  const health = readHealth(container.Healthcheck);
  return {
    image: HOST_IMAGE,
    command: container.Command ?? [],
    args: container.Args ?? [],
    env: container.Env ?? [],
    ...(Dir === undefined ? {} : { directory: Dir }),
    ...(User === undefined ? {} : { user: User }),
    labels: container.Labels ?? {},
    ...(Hostname === undefined ? {} : { hostname: Hostname }),
    ...(StopSignal === undefined ? {} : { stopSignal: StopSignal }),
    ...(StopGracePeriod === undefined ? {} : { stopGraceMs: toMilliseconds(StopGracePeriod) }),
    ...readUlimits(container.Ulimits ?? []),
    ...(OomScoreAdj === undefined || OomScoreAdj === 0 ? {} : { oomScoreAdj: OomScoreAdj }),
    ...(health === undefined ? {} : { health }),
    ...readFiles(container),
  };
}

function toPort(port: EnginePort): PortSpec {
  return {
    ...(port.Name === undefined ? {} : { name: port.Name }),
    protocol: "tcp",
    targetPort: port.TargetPort ?? 0,
    publishedPort: port.PublishedPort ?? 0,
    mode: port.PublishMode === "host" ? "host" : "ingress",
  };
}

/** Zero means "not asked for" in Docker and is absent in our own model. */
function positive<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [Key in Name]?: number } {
  // A computed key widens to an index signature: the compiler loses the name it was given.
  return (value === undefined || value <= 0 ? {} : { [name]: value }) as {
    readonly [Key in Name]?: number;
  };
}
