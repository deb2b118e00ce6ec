/** The web service that the tests put load on, and who of its tasks answers. */
import { textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../../support/local-cluster.ts";
import { until } from "../../support/wait.ts";
import { Load, send } from "./load.ts";
import { freePort } from "./suite.ts";

export const WEB = ["node", "examples/hello/server.js"];

export interface Web {
  readonly name: string;
  readonly port: number;
}

/** A service whose replicas all answer, and that every node serves, before this returns. */
export async function runWeb(
  cluster: LocalCluster,
  options: {
    readonly name?: string;
    readonly replicas?: number;
    readonly flags?: readonly string[];
    readonly command?: readonly string[];
  } = {},
): Promise<Web> {
  const { name = "web", replicas = 3, flags = [], command = WEB } = options;
  const port = await freePort();
  const publish = ["--publish", `${port}:3000`];
  const size = ["--replicas", `${replicas}`];
  await cluster.skein("run", "--name", name, ...size, ...publish, ...flags, "--", ...command);
  await answeredByAll(cluster, { name, port }, replicas);
  for (const { address } of cluster.nodes()) {
    await until(5000, `${address} serves ${name}`, async () => {
      return (await send(address, port)).error === undefined;
    });
  }
  return { name, port };
}

/** Waits until `count` wanted tasks run and each of them answers on 127.0.0.1 (or `address`). */
export async function answeredByAll(
  cluster: LocalCluster,
  web: Web,
  count: number,
  options: { readonly except?: string; readonly limitMs?: number; readonly address?: string } = {},
): Promise<readonly string[]> {
  const { except, limitMs = 10_000, address = "127.0.0.1" } = options;
  return until(limitMs, `${count} tasks of ${web.name} answer on ${address}`, async () => {
    const tasks = (await cluster.running(web.name, except)).map((task) => textAt(task, "ID"));
    if (tasks.length !== count) throw new Error(`${tasks.length} run`);
    const answered = await whoAnswers(web.port, address, 4 * count);
    const silent = tasks.filter((task) => !answered.has(task));
    if (silent.length > 0) throw new Error(`${silent.join(", ")} did not answer`);
    return tasks;
  });
}

/** The tasks that answer `count` requests. */
export async function whoAnswers(
  port: number,
  address: string,
  count: number,
): Promise<ReadonlySet<string>> {
  const sent = await Promise.all(Array.from({ length: count }, () => send(address, port)));
  return new Set(sent.map(({ taskId }) => taskId).filter((id) => id !== ""));
}

/** So many requests a second through 127.0.0.1 and every node whose worker lives. */
export function loadOn(cluster: LocalCluster, web: Web, perSecond = 20): Load {
  return new Load({
    port: web.port,
    perSecond,
    addresses: () => {
      const living = cluster.nodes().filter((node) => node.pids.worker !== undefined);
      return ["127.0.0.1", ...living.map((node) => node.address)];
    },
  });
}

/** A node on which a wanted task of the service runs. */
export async function nodeWithTask(cluster: LocalCluster, service: string): Promise<LocalNode> {
  const [task] = await cluster.running(service);
  return cluster.node(textAt(task, "NodeID"));
}

export function pidOf(task: unknown): number {
  const pid: unknown = Reflect.get(
    Object(Reflect.get(Object(Reflect.get(Object(task), "Status")), "ContainerStatus")),
    "PID",
  );
  expect(pid, `pid of ${textAt(task, "ID")}`)
    .to.be.a("number")
    .above(1);
  return Number(pid);
}
