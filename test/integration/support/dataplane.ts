/**
 * Two nodes' data planes in this process, over real sockets and certificates, for tests and
 * benchmarks.
 */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId, TaskId } from "@skein/common/ids";
import { clusterId, nodeId, serviceId, taskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import type { Random } from "@skein/common/io/random";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import type { Authority } from "@skein/common/node/certificates";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import type { NodeIdentity } from "@skein/common/node/identity";
import { createMetrics } from "@skein/common/node/metrics";
import { systemClock } from "@skein/common/node/system-clock";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import type {
  FromDataPlane,
  LocalTask,
  ToDataPlane,
} from "../../../packages/worker/src/dataplane/protocol.ts";
import type { Tcp } from "../../../packages/worker/src/dataplane/shell/conn.ts";
import type { DataPlaneHandle } from "../../../packages/worker/src/dataplane/shell/plane.ts";
import { createDataPlane } from "../../../packages/worker/src/dataplane/shell/plane.ts";
import { bestTcp } from "../../../packages/worker/src/dataplane/shell/tcp.ts";
import { dnsPort } from "../../../packages/worker/src/dns/shell/port.ts";

/** Of this process alone, so that runs beside each other do not meet. */
export const NET = `127.${120 + (process.pid % 100)}.${(process.pid >> 8) % 256}`;
/** Below the ephemeral ports. */
export const BASE_PORT = 20_000 + (process.pid % 9000);
const DATA_PORT = BASE_PORT - 1;
const CLUSTER = clusterId("test-cluster");

export async function makeAuthority(): Promise<Authority> {
  return createAuthority({ clusterId: CLUSTER, now: systemClock().wall() });
}

export async function makeIdentity(authority: Authority, name: string): Promise<NodeIdentity> {
  const now = systemClock().wall();
  const request = { nodeId: nodeId(name), role: "worker", clusterId: CLUSTER, now } as const;
  return issueNodeCertificate(authority, { ...request, addresses: [] });
}

export class TestNode {
  readonly id: NodeId;
  readonly address: string;
  readonly dataAddress: string;
  readonly dnsPort = dnsPort();
  readonly accessDirectory = mkdtempSync(join(tmpdir(), "skein-access-"));
  readonly messages: FromDataPlane[] = [];
  readonly #plane: DataPlaneHandle;
  readonly #network: TlsNetwork;
  #waiting: (() => void)[] = [];

  /** `random`: with overlay networks. */
  constructor(
    identity: NodeIdentity,
    number: number,
    { tcp = bestTcp(), random }: { readonly tcp?: Tcp; readonly random?: Random } = {},
  ) {
    this.id = identity.nodeId;
    this.address = `${NET}.${number}`;
    this.dataAddress = `${this.address}:${DATA_PORT}`;
    const clock = systemClock();
    const metrics = createMetrics();
    this.#network = createTlsNetwork({ identity, log: silentLog, metrics, clock });
    this.#plane = createDataPlane({
      config: { nodeId: this.id, address: this.address, dataPort: DATA_PORT },
      network: this.#network,
      tcp,
      ...(random === undefined ? {} : { random }),
      accessDirectory: this.accessDirectory,
      clock,
      log: silentLog,
      metrics,
      post: (message) => this.#posted(message),
      ended: () => undefined,
    });
  }

  tell(message: ToDataPlane): void {
    this.#plane.handle(message);
  }

  /** The first message that fits, those that came before included. */
  async hear<K extends FromDataPlane["kind"]>(
    kind: K,
    fits: (message: Extract<FromDataPlane, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<FromDataPlane, { kind: K }>> {
    for (;;) {
      for (const message of this.messages) {
        // The cast: `kind` is the discriminant of the union.
        const found = message as Extract<FromDataPlane, { kind: K }>;
        if (message.kind === kind && fits(found)) return found;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async scrape(): Promise<string> {
    const id = this.messages.length + 1;
    this.tell({ kind: "scrape", id });
    return (await this.hear("metrics", (message) => message.id === id)).text;
  }

  /** Loses every frame to and from these hosts; none: heals. */
  cut(addresses: readonly string[]): void {
    this.#network.setCut(addresses);
  }

  links(): number {
    return this.#network.linkCount();
  }

  close(): void {
    this.tell({ kind: "close" });
    this.#network.close("test");
    rmSync(this.accessDirectory, { recursive: true, force: true });
  }

  #posted(message: FromDataPlane): void {
    this.messages.push(message);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Every task has an id and an address that no other had. */
let lastTask = 0;

/** A task's program: a server at the task's own address, in this process. */
export class TestTask {
  readonly id: TaskId;
  readonly hostAddress: string;
  readonly node: TestNode;
  readonly port: number;
  server: Server | undefined;

  constructor(node: TestNode, port = BASE_PORT + 500) {
    lastTask += 1;
    this.id = taskId(`task${String(lastTask).padStart(3, "0")}`);
    this.hostAddress = `${NET}.${10 + lastTask}`;
    this.node = node;
    this.port = port;
  }

  async serve(handler: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      handler(socket);
    });
    this.server = server;
    server.listen(this.port, this.hostAddress);
    await once(server, "listening");
  }

  tell(change: Partial<LocalTask> = {}): void {
    const task: LocalTask = {
      taskId: this.id,
      name: `web.${this.id}`,
      hostAddress: this.hostAddress,
      targetPorts: [this.port],
      pid: process.pid,
      draining: false,
      ...change,
    };
    this.node.tell({ kind: "task", task });
  }

  /** Known to its node, and in rotation. */
  async start(handler: (socket: Socket) => void): Promise<void> {
    await this.serve(handler);
    this.tell();
    await this.node.hear("in-rotation", (message) => message.taskId === this.id);
  }

  backend(): Backend {
    const { node, id } = this;
    return { taskId: id, nodeId: node.id, dataAddress: node.dataAddress, address: "10.65.0.1" };
  }

  close(): void {
    this.server?.close();
    this.node.tell({ kind: "task-gone", taskId: this.id });
  }
}

export function routeTo(publishedPort: number, tasks: readonly TestTask[]): ServiceRoute {
  return {
    serviceId: serviceId(`s${publishedPort}`),
    name: `web${publishedPort}`,
    ports: [{ publishedPort, targetPort: tasks[0]?.port ?? 1 }],
    backends: tasks.map((task) => task.backend()),
  };
}

export async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** Connects and reads to the end. */
export async function readAll(host: string, port: number): Promise<string> {
  const socket = await dial(host, port);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(socket, "end");
  socket.end();
  return text;
}
