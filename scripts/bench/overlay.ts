/**
 * Overlay networks on the loopback plane: DNS answers a second, and what a virtual address costs a
 * task on the same node and on another, beside a straight connection to the task, in turns.
 *
 * Client, both nodes and the tasks share this process and the machine's processors: the figures
 * compare, they do not bound.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { networkId, serviceId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { systemRandom } from "@skein/common/node/system-random";
import {
  BASE_PORT,
  makeAuthority,
  makeIdentity,
  TestNode,
  TestTask,
} from "../../test/integration/support/dataplane.ts";
import { until } from "../../test/support/wait.ts";
import { report, reportTimes } from "./report.ts";

const VIP = `10.127.${process.pid % 250}.9`;
const PORT = BASE_PORT + 800;
const DNS_MS = 1000;
/** Questions under way at once: more than one core answers at a time. */
const DNS_WINDOW = 64;
const CONNECTIONS = 300;

export async function benchOverlay(rounds: number): Promise<void> {
  const authority = await makeAuthority();
  const random = systemRandom();
  const [a, b] = await Promise.all(
    ["node-a", "node-b"].map(async (name, at) => {
      return new TestNode(await makeIdentity(authority, name), 211 + at, { random });
    }),
  );
  if (a === undefined || b === undefined) throw new Error("no nodes");
  await Promise.all([a.hear("ready"), b.hear("ready")]);
  try {
    await benchDns(a, b, rounds);
    // The node told first holds the virtual address: the other's tasks are across.
    await benchVip("within a node", a, { holder: a, rounds });
    await benchVip("across nodes", b, { holder: a, rounds });
  } finally {
    a.close();
    b.close();
  }
}

async function benchDns(node: TestNode, other: TestNode, rounds: number): Promise<void> {
  const tasks = Array.from({ length: 10 }, (_, at) => new TestTask(at % 2 === 0 ? node : other));
  node.tell({ kind: "routes", routes: [routeTo(tasks, 0)] });
  for (const name of ["api", "tasks.api"]) {
    const rates: number[] = [];
    const before = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) rates.push(await askFor(DNS_MS, node, name));
    const used = process.cpuUsage(before);
    const what = `dns: ${name === "api" ? "a service" : "ten tasks"}`;
    const base = { bench: "overlay", case: what, peer: null } as const;
    const ours = Math.round(middle(rates));
    report({ ...base, unit: "answers/s", better: "higher", ours });
    // What a busy machine leaves us does not count here; the client's share does.
    const answers = rates.reduce((sum, rate) => sum + (rate * DNS_MS) / 1000, 0);
    const micros = Number(((used.user + used.system) / answers).toFixed(1));
    report({ ...base, unit: "us of a processor per answer", better: "lower", ours: micros });
  }
  node.tell({ kind: "routes", routes: [] });
}

async function askFor(milliseconds: number, node: TestNode, name: string): Promise<number> {
  const labels = name.split(".").map((label) => String.fromCharCode(label.length) + label);
  const head = Buffer.from("000001000001000000000000", "hex");
  const tail = Buffer.from("0000010001", "hex");
  const query = Buffer.concat([head, Buffer.from(labels.join(""), "latin1"), tail]);
  const socket = createSocket("udp4");
  socket.connect(node.dnsPort, node.address);
  await once(socket, "connect");
  let answers = 0;
  socket.on("message", () => {
    answers += 1;
    socket.send(query);
  });
  for (let at = 0; at < DNS_WINDOW; at += 1) socket.send(query);
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const rate = (answers * 1000) / (performance.now() - since);
  socket.close();
  return rate;
}

async function benchVip(
  what: string,
  node: TestNode,
  { holder, rounds }: { readonly holder: TestNode; readonly rounds: number },
): Promise<void> {
  const task = new TestTask(node, PORT);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("end", () => socket.end());
  });
  server.listen(PORT, task.hostAddress);
  await once(server, "listening");
  task.tell({ targetPorts: [], networks: [networkId("back")] });
  holder.tell({ kind: "routes", routes: [routeTo([task], PORT)] });
  const address = VIP.replace("10.", "127.");
  await until(5000, "the virtual address", async () => (await exchange(address)) > 0);
  const [straight, virtual]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < CONNECTIONS / 10; at += 1) {
      straight.push(await exchange(task.hostAddress));
      virtual.push(await exchange(address));
    }
  }
  reportTimes("overlay", `straight to the task, ${what}`, straight);
  reportTimes("overlay", `virtual address, ${what}`, virtual);
  holder.tell({ kind: "routes", routes: [] });
  task.close();
  server.close();
}

/** Connect, one byte there and back, close: in milliseconds. */
async function exchange(host: string): Promise<number> {
  const since = performance.now();
  const socket = connect({ host, port: PORT, noDelay: true });
  await once(socket, "connect");
  socket.write("x");
  await once(socket, "data");
  const took = performance.now() - since;
  socket.destroy();
  return took;
}

function routeTo(tasks: readonly TestTask[], port: number): ServiceRoute {
  const back = networkId("back");
  const attachment = { networkId: back, network: "back", subnet: "10.127.0.0/16", aliases: [] };
  return {
    serviceId: serviceId("api"),
    name: "api",
    ports: [],
    names: { dnsrr: false, attachments: [{ ...attachment, vip: VIP }], namedPorts: [] },
    backends: tasks.map((task, at) => ({
      ...task.backend(),
      address: task.hostAddress,
      slot: at + 1,
      networks: [{ networkId: back, address: VIP }],
      ...(port === 0 ? {} : { listens: [port] }),
    })),
  };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
