/**
 * Every manager is gone, and stays so for a while: workers tell each other what happens, and
 * published ports and names follow on every node.
 */
import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { textAt } from "@skein/cli/api/read";
import { signal } from "@skein/cli/local/processes";
import { expect } from "chai";
import { dnsPort } from "../../packages/worker/src/dns/shell/port.ts";
import type { LocalNode } from "../support/local-cluster.ts";
import { timeUntil, until } from "../support/wait.ts";
import { failures, withoutCaughtBy } from "./support/load.ts";
import { figure, freePort, useCluster } from "./support/suite.ts";
import { loadOn, nodeWithTask, pidOf, runWeb, whoAnswers } from "./support/web.ts";

/** Generous: the machine is shared. What was seen is printed. */
const FOLLOWS_MS = 15_000;

describe("every manager gone", function managersGone() {
  this.timeout(90_000);
  const cluster = useCluster(3, 3);
  const on = ["--network", "back"];
  /** Tasks of `web` by node, as the managers knew them last. */
  let tasks: readonly { readonly id: string; readonly node: string; readonly pid: number }[] = [];
  let web = { name: "web", port: 0 };
  let late = 0;
  let victim: LocalNode | undefined;

  const idsWithout = (...gone: readonly (string | undefined)[]): readonly string[] =>
    tasks.filter(({ id, node }) => !gone.includes(node) && !gone.includes(id)).map(({ id }) => id);
  const gate = (): string => join(cluster().stateDir, "gate");

  before(async () => {
    await cluster().skein("network", "create", "back");
    web = await runWeb(cluster(), { flags: on });
    late = await freePort();
    // Listens only when the file is there.
    const listen = `require("http").createServer((q, a) => a.end("(late)")).listen(3000)`;
    const watch = `const t = setInterval(() => {
      if (require("fs").existsSync("${gate()}")) { clearInterval(t); ${listen} }
    }, 50)`;
    const published = ["--publish", `${late}:3000`, ...on, "--detach"];
    await cluster().skein("run", "--name", "late", ...published, "--", "node", "-e", watch);
    await until(10_000, "late runs", async () => (await cluster().running("late")).length === 1);
    const running = await cluster().running("web");
    tasks = running.map((task) => ({
      id: textAt(task, "ID"),
      node: textAt(task, "NodeID"),
      pid: pidOf(task),
    }));
    victim = await nodeWithTask(cluster(), "web");
    for (const { pids } of cluster().managers()) process.kill(pids.manager ?? 0, "SIGKILL");
  });

  it("a worker is killed: no node sends to its task, no name means it", async () => {
    const load = loadOn(cluster(), web);
    const from = performance.now();
    process.kill(victim?.pids.worker ?? 0, "SIGKILL");
    const kill = { from, to: performance.now() };
    await follow("a worker killed", idsWithout(victim?.id));
    expect(failures(withoutCaughtBy(kill, await load.atLeast(60)))).to.deep.equal([]);
  });

  it("it is started again: its task, which ran on, serves again and has its name", async () => {
    await cluster().skein("start", victim?.name ?? "");
    await follow("it started again", idsWithout());
  });

  it("a task ends: nobody sends to it, no name means it, and no request fails", async () => {
    const load = loadOn(cluster(), web);
    const ended = tasks.find(({ node }) => node !== victim?.id);
    const from = performance.now();
    signal(-(ended?.pid ?? 0), "SIGKILL");
    const kill = { from, to: performance.now() };
    await follow("a task ended", idsWithout(ended?.id));
    expect(failures(withoutCaughtBy(kill, await load.atLeast(60)))).to.deep.equal([]);
  });

  it("the agent of the ended task starts anew: it stays out", async () => {
    const ended = tasks.find(({ node }) => node !== victim?.id);
    const node = cluster().node(ended?.node ?? "");
    process.kill(node.pids.worker ?? 0, "SIGKILL");
    await until(5000, "it is gone", () => cluster().node(node.name).pids.worker === undefined);
    await cluster().skein("start", node.name);
    await follow("its agent started anew", idsWithout(ended?.id));
  });

  it("a task that never served before does, everywhere and by name", async () => {
    writeFileSync(gate(), "");
    const tookMs = await timeUntil(FOLLOWS_MS, "late answers everywhere", async () => {
      for (const node of living()) {
        if (!(await whoAnswers(late, node.address, 1)).has("late")) return false;
        if ((await named(node, "tasks.late")) !== 1) return false;
      }
      return true;
    });
    figure("without managers: a task in rotation for the first time -> everywhere", `${tookMs} ms`);
  });

  it("a worker's socket shows who is there", async () => {
    const [node] = living().filter(({ role }) => role === "worker");
    const answer = await cluster().ask("GET /skein/v1/gossip", node === undefined ? {} : { node });
    expect(answer.status).to.equal(200);
    expect(textAt(answer.body, "node", "id")).to.equal(node?.id);
  });

  it("the managers come back: everything is replaced that is missing", async () => {
    for (const { name } of cluster().managers()) await cluster().skein("start", name);
    await until(30_000, "three tasks of web run", async () => {
      return (
        (
          await cluster()
            .running("web")
            .catch(() => [])
        ).length === 3
      );
    });
  });

  /** Every living node serves exactly these, and its DNS names as many. */
  async function follow(what: string, ids: readonly string[]): Promise<void> {
    const tookMs = await timeUntil(FOLLOWS_MS, `${ids.join(" ")} serve`, async () => {
      for (const node of living()) {
        const answered = [...(await whoAnswers(web.port, node.address, 9))].toSorted();
        if (answered.join() !== ids.toSorted().join()) {
          throw new Error(`${node.name} has ${answered.join(" ")}`);
        }
        const count = await named(node, "tasks.web");
        if (count !== ids.length) throw new Error(`${node.name} names ${count}`);
      }
      return true;
    });
    figure(`without managers: ${what} -> ports and names follow everywhere`, `${tookMs} ms`);
  }

  function living(): readonly LocalNode[] {
    return cluster()
      .nodes()
      .filter(({ pids }) => pids.worker !== undefined);
  }
});

/** How many addresses a node's DNS gives for a name. */
async function named(node: LocalNode, name: string): Promise<number> {
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  resolver.setServers([`${node.address}:${dnsPort()}`]);
  return (await resolver.resolve4(name).catch(() => [])).length;
}
