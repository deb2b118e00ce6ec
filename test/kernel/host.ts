/**
 * One simulated machine, run inside its own network namespace: the kernel plane of a node, its DNS,
 * and tasks that are namespaces of their own. Told what to do by messages of its parent.
 */
import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import type { NetworkId, NodeId, TaskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import type { NetworkAddress } from "@skein/common/model/network";
import type { ServiceRoute } from "@skein/common/model/routes";
import { systemRandom } from "@skein/common/node/system-random";
import { NameTable } from "../../packages/worker/src/dns/name-table.ts";
import { resolve } from "../../packages/worker/src/dns/resolve.ts";
import { Forwarder } from "../../packages/worker/src/dns/shell/forwarder.ts";
import { DnsServer } from "../../packages/worker/src/dns/shell/server.ts";
import { KernelPlane } from "../../packages/worker/src/kernel/shell/kernel-plane.ts";

export interface HostTask {
  readonly taskId: TaskId;
  readonly address: string;
  readonly networks: readonly NetworkAddress[];
  readonly subnets: readonly (readonly [NetworkId, string])[];
}

export type ToHost =
  | { readonly kind: "open"; readonly node: NodeId; readonly underlay: string }
  | { readonly kind: "routes"; readonly routes: readonly ServiceRoute[] }
  | { readonly kind: "attach"; readonly task: HostTask }
  /** Runs in the task's namespace; answers with what it printed. */
  | { readonly kind: "run"; readonly taskId: TaskId; readonly argv: readonly string[] }
  /** The same, left running: a server. */
  | { readonly kind: "serve"; readonly taskId: TaskId; readonly argv: readonly string[] }
  /** Runs on the machine itself. */
  | { readonly kind: "host"; readonly argv: readonly string[] }
  | { readonly kind: "audit" }
  | { readonly kind: "close" };

const GATEWAY = "169.254.1.1";
const askers = new Map<string, readonly NetworkId[]>();
const namespaces = new Map<TaskId, string>();
const servers: ChildProcess[] = [];
let plane: KernelPlane | undefined;
let dns: DnsServer | undefined;
let last: readonly ServiceRoute[] = [];
let names = table([]);

process.on("message", (message: { readonly id: number; readonly body: ToHost }) => {
  handle(message.body).then(
    (value) => process.send?.({ id: message.id, value }),
    (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
  );
});

async function handle(message: ToHost): Promise<unknown> {
  switch (message.kind) {
    case "open":
      return open(message.node, message.underlay);
    case "routes":
      names = table(message.routes);
      return plane?.routes(message.routes);
    case "attach":
      return attach(message.task);
    case "run":
      return run(["ip", "netns", "exec", name(message.taskId), ...message.argv]);
    case "serve":
      return serve(name(message.taskId), message.argv);
    case "host":
      return run(message.argv);
    case "audit":
      await plane?.routes(last);
      return plane?.repairs;
    case "close":
      for (const server of servers) server.kill("SIGKILL");
      dns?.close();
      return plane?.close(false);
  }
}

function table(routes: readonly ServiceRoute[]): NameTable {
  last = routes;
  return new NameTable(routes, {
    vip: (address) => address,
    task: (backend, network) =>
      backend.networks?.find(({ networkId }) => networkId === network)?.address ?? backend.address,
  });
}

async function open(node: NodeId, underlay: string): Promise<void> {
  plane = new KernelPlane({ node, underlay, gateway: GATEWAY, log: silentLog });
  await plane.open(new Set());
  dns = new DnsServer({
    address: GATEWAY,
    port: 53,
    answer: ({ question }, source) =>
      resolve(names, { networks: askers.get(source), turn: 0 }, question),
    forwarder: new Forwarder([], systemRandom()),
    log: silentLog,
    count: () => undefined,
  });
}

async function attach(task: HostTask): Promise<void> {
  askers.set(
    task.address,
    task.networks.map(({ networkId }) => networkId),
  );
  const made = await plane?.attach({
    ...task,
    subnets: new Map(task.subnets),
    search: ["skein.internal"],
  });
  namespaces.set(task.taskId, made ?? "");
}

function name(task: TaskId): string {
  return namespaces.get(task) ?? "";
}

async function run([program = "", ...args]: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { timeout: 20_000 });
  return stdout.trim();
}

function serve(namespace: string, argv: readonly string[]): Promise<string> {
  const child = spawn("ip", ["netns", "exec", namespace, ...argv], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  servers.push(child);
  // It says when it listens.
  return new Promise((done) => child.stdout?.once("data", (bytes) => done(String(bytes).trim())));
}
