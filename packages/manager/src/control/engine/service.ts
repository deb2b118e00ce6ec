/** Our service -> the Engine API's Service. */
import type { NetworkAddress } from "@skein/common/model/network";
import type {
  JobStatus,
  PortSpec,
  Service,
  ServiceSpec,
  UpdateStatus,
} from "@skein/common/model/service";
import type { ClusterView } from "../../store/view.ts";
import { decodeGo } from "./go-decode.ts";
import { parseGoJson } from "./go-json.ts";
import { HOST_IMAGE } from "./image.ts";
import { insertDefaults } from "./insert-defaults.ts";
import { withPrefix } from "./network.ts";
import type { EngineServiceSpec } from "./service-shape.ts";
import { serviceSpecShape } from "./service-shape.ts";
import { formatWall } from "./time.ts";

export interface ServiceCounts {
  readonly running: number;
  readonly desired: number;
  /** Of a job's run. */
  readonly completed: number;
}

export interface ServiceView {
  /** Lists show the image as `host`; inspect keeps the reference as sent. */
  readonly listed: boolean;
  readonly insertDefaults: boolean;
  readonly counts: ServiceCounts | undefined;
  /** For the prefix length of virtual addresses. */
  readonly view: Pick<ClusterView, "networks">;
}

export function serviceToEngine(service: Service, view: ServiceView): object {
  const sent = engineSpec(service.spec, view.listed);
  const spec = view.insertDefaults ? insertDefaults(sent) : sent;
  const { previousSpec: previous, updateStatus: update, ports, vips = [] } = service;
  return {
    ID: service.id,
    Version: { Index: service.version },
    CreatedAt: formatWall(service.createdAt),
    UpdatedAt: formatWall(service.updatedAt),
    Spec: spec,
    ...(previous === undefined ? {} : { PreviousSpec: engineSpec(previous, view.listed) }),
    Endpoint: {
      Spec: ports.length === 0 && vips.length === 0 ? {} : (sent.EndpointSpec ?? {}),
      ...(ports.length === 0 ? {} : { Ports: ports.map(portToEngine) }),
      ...(vips.length === 0 ? {} : { VirtualIPs: vips.map((vip) => virtualIp(vip, view.view)) }),
    },
    ...(update === undefined ? {} : { UpdateStatus: updateStatus(update) }),
    ...(view.counts === undefined ? {} : { ServiceStatus: serviceStatus(view.counts) }),
    ...(service.job === undefined ? {} : { JobStatus: jobStatus(service.job) }),
  };
}

/**
 * The spec as the client sent it; a text that does not decode (another version's) shows what we
 * know.
 */
export function engineSpec(spec: ServiceSpec, listed: boolean): EngineServiceSpec {
  const parsed = parseGoJson(spec.engine);
  const decoded = decodeGo(serviceSpecShape, parsed.ok ? parsed.value : { Name: spec.name });
  const engine = decoded.ok ? decoded.value.value : { Name: spec.name };
  const { TaskTemplate: task = {} } = engine;
  if (!listed && task.ContainerSpec !== undefined) return engine;
  // `Spec.TaskTemplate.ContainerSpec` must never be missing: clients dereference it.
  const container = { Image: HOST_IMAGE, ...task.ContainerSpec };
  const shown = listed ? { ...container, Image: HOST_IMAGE } : container;
  return { ...engine, TaskTemplate: { ...task, ContainerSpec: shown } };
}

export function portToEngine(port: PortSpec): object {
  return {
    ...(port.name === undefined ? {} : { Name: port.name }),
    Protocol: port.protocol,
    TargetPort: port.targetPort,
    ...(port.publishedPort === 0 ? {} : { PublishedPort: port.publishedPort }),
    PublishMode: port.mode,
  };
}

function virtualIp(
  { networkId, address }: NetworkAddress,
  { networks }: Pick<ClusterView, "networks">,
): object {
  return { NetworkID: networkId, Addr: withPrefix(address, networks.get(networkId)?.subnet ?? "") };
}

function updateStatus(status: UpdateStatus): object {
  return {
    State: status.state,
    StartedAt: formatWall(status.startedAt),
    ...(status.completedAt === undefined ? {} : { CompletedAt: formatWall(status.completedAt) }),
    Message: status.message,
  };
}

function jobStatus(job: JobStatus): object {
  const { iteration, startedAt } = job;
  return {
    JobIteration: iteration === 0 ? {} : { Index: iteration },
    ...(startedAt === undefined ? {} : { LastExecution: formatWall(startedAt) }),
  };
}

function serviceStatus(counts: ServiceCounts): object {
  return {
    RunningTasks: counts.running,
    DesiredTasks: counts.desired,
    CompletedTasks: counts.completed,
  };
}
