/**
 * The Engine API socket of a worker node: what every node answers of itself; on cluster routes
 * Docker's fixed text; of this node's containers, images and the like that there are none.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import os from "node:os";
import {
  API_VERSION,
  API_VERSION_MIN,
  COMMON_HEADERS,
  NO_NETWORK_FROM_WORKER,
  NOT_A_MANAGER,
  PING_HEADERS,
  SKEIN_VERSION,
} from "@skein/common/api/api-version";
import { matchRoute } from "@skein/common/api/match-route";
import type { NotThere } from "@skein/common/api/not-there";
import { NOT_THERE } from "@skein/common/api/not-there";
import type { RouteName } from "@skein/common/api/routes";
import type { NodeConfig } from "@skein/common/model/node-config";
import { METRICS_CONTENT_TYPE } from "@skein/common/node/metrics";
import { sendJson, sendText } from "./containers/answers.ts";
import type { ContainerApi } from "./containers/container-api.ts";
import type { WorkerFacts } from "./worker.ts";

export interface WorkerApiPorts {
  /** This node's tasks as containers. */
  readonly containers: ContainerApi;
  readonly config: NodeConfig;
  readonly facts: () => WorkerFacts;
  /** Every metric of this node's worker, the data plane's included. */
  readonly metricsText: () => Promise<string>;
  /** Leaves the cluster; undefined: this node's cluster is changed by its launcher only. */
  readonly leave?: (() => Promise<void>) | undefined;
  /** A request handler that threw: logged and counted by the owner. */
  readonly bug: (error: unknown) => void;
}

export function createWorkerApi(ports: WorkerApiPorts): RequestListener {
  return (request, response) => {
    answer(ports, request, response).catch((error: unknown) => {
      ports.bug(error);
      if (response.headersSent) response.destroy();
      else
        refuse(response, 500, "Cannot answer the request: a bug in Skein, logged by this worker");
    });
  };
}

async function answer(
  ports: WorkerApiPorts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  const match = matchRoute(method, url.split("?", 1)[0] ?? "/");
  if (!match.ok) return refuse(response, match.error.status, match.error.message);
  const { route, subject } = match.value;
  if (ports.containers.serves(route.name)) {
    return ports.containers.serve(match.value, request, response);
  }
  request.resume();
  if (route.name === "ping") return ping(request, response);
  if (route.name === "version") return sendJson(response, 200, versionOf());
  if (route.name === "info") return sendJson(response, 200, infoOf(ports));
  if (route.name === "skein-status") return sendJson(response, 200, statusOf(ports));
  if (route.name === "metrics") {
    const text = await ports.metricsText();
    return sendText(response, 200, { type: METRICS_CONTENT_TYPE, text });
  }
  if (route.name === "swarm-init" || route.name === "swarm-join") {
    return refuse(response, 503, PART_OF_SWARM);
  }
  if (route.name === "swarm-leave") return leave(ports, response);
  if (route.name === "network-create") return refuse(response, 403, NO_NETWORK_FROM_WORKER);
  if (route.scope === "cluster") return refuse(response, 503, NOT_A_MANAGER);
  return answerNode(response, route.name, subject);
}

async function leave(ports: WorkerApiPorts, response: ServerResponse): Promise<void> {
  if (ports.leave === undefined) return refuse(response, 501, LOCAL_CLUSTER);
  await ports.leave();
  response.writeHead(200, { ...COMMON_HEADERS, Connection: "close", "Content-Length": 0 }).end();
}

const LOCAL_CLUSTER =
  "Cannot leave the swarm: this node belongs to a local cluster: skein down ends it";

/** What a node has none of, in a cluster or not, in the words every socket uses. */
export function answerNode(response: ServerResponse, name: RouteName, subject: string): void {
  const table: Partial<Record<RouteName, (subject: string) => NotThere>> = NOT_THERE;
  const none = table[name]?.(subject);
  if (none === undefined) return refuse(response, 404, "page not found");
  const { status, body } = none;
  return sendJson(response, status, typeof body === "string" ? { message: body } : body);
}

const PART_OF_SWARM =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm ' +
  "and join another one.";

export function ping(
  request: IncomingMessage,
  response: ServerResponse,
  state = "active/worker",
): void {
  const isHead = request.method === "HEAD";
  const headers = { ...COMMON_HEADERS, ...PING_HEADERS, Swarm: state };
  response.writeHead(200, { ...headers, "Content-Length": isHead ? "0" : "2" });
  response.end(isHead ? undefined : "OK");
}

export function versionOf(): object {
  const details = {
    ApiVersion: API_VERSION,
    MinAPIVersion: API_VERSION_MIN,
    GitCommit: "",
    GoVersion: `none (Node.js ${process.version})`,
    Os: "linux",
    Arch: GO_ARCHITECTURES[os.machine()] ?? os.machine(),
    KernelVersion: os.release(),
    BuildTime: "",
  };
  const engine = { Name: "Engine", Version: SKEIN_VERSION };
  return {
    Platform: { Name: `Skein ${SKEIN_VERSION}` },
    Components: [{ ...engine, Details: { ...details, Experimental: "false" } }],
    Version: SKEIN_VERSION,
    ...details,
  };
}

function infoOf({ config, facts }: WorkerApiPorts): object {
  const { connected, managers, running, ended } = facts();
  const swarm = {
    NodeID: config.nodeId,
    NodeAddr: config.address,
    LocalNodeState: "active",
    ControlAvailable: false,
    Error: connected ? "" : "no manager can be reached",
    // Docker names them by id, too; a worker knows their addresses alone.
    RemoteManagers: managers.map((address) => ({ NodeID: "", Addr: address })),
  };
  const { nodeId: id, name, plane } = config;
  return machineInfo({ id, name, plane, swarm, running, ended });
}

export interface MachineInfo {
  readonly id: string;
  readonly name: string;
  readonly plane: string;
  readonly swarm: object;
  readonly running: number;
  readonly ended: number;
}

export function machineInfo(info: MachineInfo): object {
  const { id, name, plane, swarm, running, ended } = info;
  return {
    ID: id,
    Containers: running + ended,
    ContainersRunning: running,
    ContainersPaused: 0,
    ContainersStopped: ended,
    Images: 0,
    Driver: "host",
    DriverStatus: [["Plane", plane]],
    Plugins: { Volume: [], Network: ["overlay"], Authorization: null, Log: ["local"] },
    SystemTime: new Date().toISOString(),
    LoggingDriver: "local",
    CgroupDriver: "none",
    KernelVersion: os.release(),
    OperatingSystem: OPERATING_SYSTEM,
    OSType: "linux",
    Architecture: os.machine(),
    NCPU: os.cpus().length,
    MemTotal: os.totalmem(),
    Name: name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: SKEIN_VERSION,
    LiveRestoreEnabled: true,
    SecurityOptions: [],
    Swarm: swarm,
    Warnings: [TRUST_WARNING],
  };
}

const TRUST_WARNING =
  'WARNING: tasks of the image "host" are plain processes of this node: ' +
  "run only what you trust";

/** What this worker knows by itself; the whole picture is a manager's. */
function statusOf({ config, facts }: WorkerApiPorts): object {
  const { connected, managers, running } = facts();
  const { name, nodeId, role, address } = config;
  return { node: { id: nodeId, name, role, address }, stale: true, connected, managers, running };
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** "Debian GNU/Linux 12 (bookworm)", as the machine calls itself. */
const OPERATING_SYSTEM = operatingSystem();

function operatingSystem(): string {
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type();
  } catch {
    return os.type();
  }
}

export function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { message });
}
