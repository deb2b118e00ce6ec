/**
 * Published ports beside HAProxy and nginx, in one run: wrk as client, nginx as the task, every
 * proxy one thread. Rates are medians of rounds taken in turn, since the machine is not ours alone.
 */
import type { ChildProcess } from "node:child_process";
import { execFile, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { clusterId, nodeId, serviceId, taskId } from "@skein/common/ids";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import type { ServiceRoute } from "@skein/common/model/routes";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import { writeIdentity } from "@skein/common/node/identity";
import { systemClock } from "@skein/common/node/system-clock";
import { build } from "esbuild";
import type { FromDataPlane, ToDataPlane } from "../../packages/worker/src/dataplane/protocol.ts";
import { report } from "./report.ts";

const NET = `127.88.${process.pid % 256}`;
const TASK = `${NET}.9`;
const TASK_PORT = 9101;
const SECONDS = 3;
const CONNECTIONS = 32;
const BIG_MEBIBYTES = 256;
const PLANE = fileURLToPath(new URL("./ingress-plane.ts", import.meta.url));

interface Way {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  /** Whose processor time is counted. */
  readonly pid: number;
  /** What it is compared with. */
  readonly peer?: string;
}

interface Sample {
  readonly rate: number;
  readonly p99: number;
  readonly cpuMicros: number;
}

export async function benchIngress(rounds: number): Promise<void> {
  for (const program of ["haproxy", "nginx", "wrk"]) {
    if (spawnSync(program, ["-v"]).error !== undefined) {
      console.error(`Cannot run benchmark ingress: ${program} is not installed`);
      process.exit(2);
    }
  }
  const directory = mkdtempSync(join(tmpdir(), "skein-bench-"));
  const children: ChildProcess[] = [];
  try {
    await measure(await setUp(directory, children), rounds);
  } finally {
    // Not SIGKILL: the workers of an nginx that cannot tell them would stay.
    for (const child of children) child.kill("SIGTERM");
    await sleep(100);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function setUp(directory: string, children: ChildProcess[]): Promise<readonly Way[]> {
  writeFileSync(join(directory, "big"), Buffer.alloc(BIG_MEBIBYTES * 1024 * 1024));
  const start = async (program: string, config: string): Promise<number> => {
    const path = join(directory, `${children.length}.conf`);
    writeFileSync(path, config);
    const args = program === "nginx" ? ["-c", path] : ["-f", path];
    const child = spawn(program, args, { stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    return child.pid ?? 0;
  };
  const task = await start("nginx", nginxTask(directory));
  const nginx = await start("nginx", nginxProxy(directory));
  const haproxy = await start("haproxy", haproxyConfig());
  const planes = await startPlanes(directory, children);
  publish(planes, task);
  await sleep(2000);
  const host = `${NET}.1`;
  const { pid = 0 } = planes[0] ?? {};
  const ours = (name: string, port: number, peer: string): Way => ({ name, port, host, pid, peer });
  return [
    { name: "direct", host: TASK, port: TASK_PORT, pid: task },
    { name: "haproxy tcp", host, port: 9102, pid: haproxy },
    { name: "haproxy http", host, port: 9103, pid: haproxy },
    { name: "haproxy http, log", host, port: 9104, pid: haproxy },
    { name: "nginx, log", host, port: 9105, pid: nginx },
    ours("tcp", 9201, "haproxy tcp"),
    ours("http", 9202, "haproxy http"),
    ours("http, log and figures", 9203, "haproxy http, log"),
    ours("tcp, task of another node", 9204, "haproxy tcp"),
    ours("http, log, task of another node", 9205, "haproxy http, log"),
  ];
}

async function startPlanes(
  directory: string,
  children: ChildProcess[],
): Promise<readonly ChildProcess[]> {
  const now = systemClock().wall();
  const cluster = clusterId("bench");
  const authority = await createAuthority({ clusterId: cluster, now });
  const program = await bundled(directory);
  const planes: ChildProcess[] = [];
  for (const number of [1, 2]) {
    const name = `node-${number}`;
    const identity = mkdtempSync(join(directory, name));
    const request = { nodeId: nodeId(name), role: "worker", clusterId: cluster, now } as const;
    writeIdentity(identity, await issueNodeCertificate(authority, { ...request, addresses: [] }));
    const args = [name, `${NET}.${number}`, "9300", identity];
    const child = fork(program, args, { execArgv: [] });
    children.push(child);
    planes.push(child);
    await heard(child, "ready");
  }
  return planes;
}

/** As it is shipped: what runs TypeScript as it is keeps functions' names, at a price. */
async function bundled(directory: string): Promise<string> {
  const outfile = join(directory, "plane.mjs");
  const require =
    'import { createRequire as c } from "node:module"; const require = c(import.meta.url);';
  await build({
    entryPoints: [PLANE],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["bufferutil", "utf-8-validate"],
    banner: { js: require },
    logLevel: "error",
  });
  return outfile;
}

/** The task is one of the first node for some services, and of the second for others. */
function publish(planes: readonly ChildProcess[], pid: number): void {
  const tcp = { protocol: "tcp" } as const;
  const quiet = { protocol: "http", accessLog: "off" } as const;
  const logged = { protocol: "http" } as const;
  const routes = [
    route(9201, 1, tcp),
    route(9202, 1, quiet),
    route(9203, 1, logged),
    route(9204, 2, tcp),
    route(9205, 2, logged),
  ];
  planes.forEach((plane, at) => {
    const own = { hostAddress: TASK, targetPorts: [TASK_PORT], pid, draining: false };
    const its = { ...own, taskId: taskId(`task-${at + 1}`), name: "web" };
    const tell = (message: ToDataPlane): void => void plane.send(message);
    tell({ kind: "task", task: its });
    if (at === 0) tell({ kind: "routes", routes });
  });
}

function route(port: number, node: number, options: Partial<IngressOptions>): ServiceRoute {
  return {
    serviceId: serviceId(`s${port}`),
    name: `web${port}`,
    ports: [{ publishedPort: port, targetPort: TASK_PORT }],
    ingress: { ...DEFAULT_INGRESS, ...options },
    backends: [
      {
        taskId: taskId(`task-${node}`),
        nodeId: nodeId(`node-${node}`),
        dataAddress: `${NET}.${node}:9300`,
        address: "10.65.0.1",
      },
    ],
  };
}

async function heard(child: ChildProcess, kind: FromDataPlane["kind"]): Promise<void> {
  for (;;) {
    const [message] = await once(child, "message");
    if (message.kind === "failed") throw new Error(message.error);
    if (message.kind === kind) return;
  }
}

async function measure(ways: readonly Way[], rounds: number): Promise<void> {
  for (const keepAlive of [true, false]) {
    const samples = new Map<string, Sample[]>(ways.map(({ name }) => [name, []]));
    for (let round = 0; round <= rounds; round += 1) {
      for (const way of ways) {
        const sample = await load(way, keepAlive);
        // The first round warms up.
        if (round > 0) samples.get(way.name)?.push(sample);
      }
    }
    const what = keepAlive ? "keep-alive" : "a connection per request";
    for (const way of ways) tell(way, what, samples);
  }
  for (const way of ways.filter(({ name }) => /^(direct|haproxy tcp|tcp)/.test(name))) {
    const gigabits = median(await repeat(rounds, () => download(way)));
    const figure = { unit: "Gbit/s", better: "higher", ours: gigabits, peer: null } as const;
    report({ bench: "ingress", case: `${way.name}, one download`, ...figure });
  }
}

function tell(way: Way, what: string, all: ReadonlyMap<string, readonly Sample[]>): void {
  const samples = all.get(way.name) ?? [];
  const peers = all.get(way.peer ?? "") ?? [];
  const base = { bench: "ingress", samples: samples.length };
  const rate = (list: readonly Sample[]): number => median(list.map((sample) => sample.rate));
  const cpu = (list: readonly Sample[]): number => median(list.map((sample) => sample.cpuMicros));
  const against = (value: number) =>
    way.peer === undefined ? null : { name: way.peer, value: round(value) };
  report({
    ...base,
    case: `${way.name}, ${what}`,
    unit: "requests/s",
    better: "higher",
    ours: round(rate(samples)),
    p99: median(samples.map((sample) => sample.p99)),
    peer: against(rate(peers)),
  });
  report({
    ...base,
    case: `${way.name}, ${what}, processor time`,
    unit: "us/request",
    better: "lower",
    ours: round(cpu(samples)),
    peer: against(cpu(peers)),
  });
}

async function load(way: Way, keepAlive: boolean): Promise<Sample> {
  const close = keepAlive ? [] : ["-H", "Connection: close"];
  const url = `http://${way.host}:${way.port}/`;
  const before = cpuMillis(way.pid);
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}`, "--latency", ...close, url];
  const { stdout } = await promisify(execFile)("wrk", args);
  const spent = cpuMillis(way.pid) - before;
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const requests = number(/(\d+) requests in/);
  const failed = /Non-2xx[^\n]*|Socket errors[^\n]*/.exec(stdout)?.[0];
  if (failed !== undefined && keepAlive) console.error(`${way.name}: ${failed}`);
  return {
    rate: number(/Requests\/sec:\s+([\d.]+)/),
    p99: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    cpuMicros: (spent * 1000) / requests,
  };
}

function milliseconds(found: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1000 }[found?.[2] ?? "ms"] ?? 1;
  return round(Number(found?.[1] ?? Number.NaN) * factor);
}

/** Of a process and its children (nginx and HAProxy work in one). */
function cpuMillis(pid: number): number {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = readFileSync(path, "utf8").trim().split(" ").filter(Boolean).map(Number);
  return [pid, ...children].reduce((sum, one) => sum + ownCpuMillis(one), 0);
}

function ownCpuMillis(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Gbit/s of one large answer. */
async function download(way: Way): Promise<number> {
  const socket = connect({ host: way.host, port: way.port });
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(socket, "connect");
  const began = performance.now();
  socket.write(`GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await once(socket, "close");
  return round((bytes * 8) / (performance.now() - began) / 1e6);
}

async function repeat(times: number, once_: () => Promise<number>): Promise<readonly number[]> {
  const values: number[] = [];
  for (let i = 0; i < times; i += 1) values.push(await once_());
  return values;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function nginxTask(directory: string): string {
  const listen = `server { listen ${TASK}:${TASK_PORT}; location / { return 200 "hello\\n"; }`;
  return nginx(directory, "task", `${listen} location /big { root ${directory}; } }`);
}

function nginxProxy(directory: string): string {
  const upstream = `upstream task { server ${TASK}:${TASK_PORT}; keepalive 64; }`;
  const pass =
    "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host;" +
    "proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://task;";
  const server = `server { listen ${NET}.1:9105; location / { ${pass} } }`;
  const log = `access_log ${directory}/nginx-access.log;`;
  return nginx(directory, "proxy", `${log} ${upstream} ${server}`);
}

function nginx(directory: string, name: string, http: string): string {
  const log = http.includes("access_log") ? "" : "access_log off;";
  return `user root; daemon off; worker_processes 1; pid ${directory}/${name}.pid;
error_log ${directory}/${name}-error.log;
events { worker_connections 4096; }
http { ${log} keepalive_requests 100000000; ${http} }
`;
}

function haproxyConfig(): string {
  const listen = (name: string, port: number, rest: string): string =>
    `listen ${name}\n  bind ${NET}.1:${port}\n${rest}  server s1 ${TASK}:${TASK_PORT}\n`;
  return `global
  nbthread 1
  maxconn 8000
  log stdout format raw local0
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${listen("t", 9102, "  mode tcp\n")}
${listen("h", 9103, "  mode http\n  option forwardfor\n")}
${listen("l", 9104, "  mode http\n  option forwardfor\n  option httplog\n  log global\n")}
`;
}
