/** The loss of a machine with its tasks, of one task, and a task that ends at every start. */

import { numberAt, textAt } from "@skein/cli/api/read";
import { isAlive } from "@skein/cli/local/processes";
import { expect } from "chai";
import type { LocalCluster } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, withoutCaughtBy } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { answeredByAll, loadOn, nodeWithTask, pidOf, runWeb } from "./support/web.ts";

const REPLACED_MS = 3000;
/** Far above the 0.2 s it takes, far below the first pause of the backoff with its successors. */
const RESTARTED_MS = 1500;

describe("machine lost", function machineLost() {
  this.timeout(60_000);
  const cluster = useCluster(3, 3);

  it("skein kill: its tasks end at once and answer elsewhere within 3 s", async () => {
    const web = await runWeb(cluster());
    const load = loadOn(cluster(), web);
    await pause(1000);
    const victim = await nodeWithTask(cluster(), web.name);
    expect(cluster().taskPids(victim)).to.not.be.empty;
    const killedAt = performance.now();
    const said = await cluster().skein("kill", victim.name);
    const kill = { from: killedAt, to: performance.now() };
    expect(said).to.match(/^killed worker-\d \(1 process, [1-9]\d* process/);
    expect(cluster().taskPids(victim), "tasks after the kill").to.be.empty;
    await answeredByAll(cluster(), web, 3, { except: victim.id });
    const tookMs = Math.round(performance.now() - killedAt);
    figure("machine killed -> 3 tasks answer elsewhere", `${tookMs} ms`);
    expect(tookMs).to.be.at.most(REPLACED_MS);
    const sent = await load.atLeast(100);
    expect(failures(withoutCaughtBy(kill, sent))).to.deep.equal([]);
  });

  it("the machine that comes back is ready and takes new tasks", async () => {
    const [victim] = cluster()
      .nodes()
      .filter((node) => node.pids.worker === undefined);
    if (victim === undefined) throw new Error("no machine was killed");
    await cluster().skein("start", victim.name);
    await cluster().skein("service", "scale", "web=6");
    const there = (await cluster().running("web")).filter(
      (task) => textAt(task, "NodeID") === victim.id,
    );
    expect(there.length).to.equal(2);
    await answeredByAll(cluster(), { name: "web", port: await portOf(cluster(), "web") }, 6);
  });

  it("kill -9 of a task: the next one runs at once, in the same slot", async () => {
    const [task] = await cluster().running("web");
    const killedAt = performance.now();
    process.kill(pidOf(task), "SIGKILL");
    const next = await until(RESTARTED_MS, "the next task of the slot runs", async () => {
      const running = await cluster().running("web");
      return running.find(
        (one) =>
          numberAt(one, "Slot") === numberAt(task, "Slot") &&
          textAt(one, "ID") !== textAt(task, "ID"),
      );
    });
    figure("task killed -> next one running", `${Math.round(performance.now() - killedAt)} ms`);
    expect(isAlive(pidOf(next))).to.equal(true);
    const [ended] = (await cluster().tasks("web")).filter(
      (one) => textAt(one, "ID") === textAt(task, "ID"),
    );
    expect(textAt(ended, "Status", "State")).to.equal("failed");
    expect(textAt(ended, "Status", "Err")).to.match(/non-zero exit \(137\)/);
  });

  it("a task that ends at every start is tried at once, then ever less often", async () => {
    await cluster().skein("run", "-d", "--name", "crash", "--", "sh", "-c", "echo tried; exit 1");
    const starts = await until(15_000, "six tries", async () => {
      const tasks = await cluster().tasks("crash");
      const ended = tasks.filter((task) => textAt(task, "Status", "State") === "failed");
      return (
        ended.length >= 5 && ended.map((task) => Date.parse(textAt(task, "Status", "Timestamp")))
      );
    });
    const gaps = starts.slice(1).map((later, at) => (starts[at] ?? later) - later);
    figure("crash loop -> ms between the ends of the last tries", gaps.toReversed().join(", "));
    // Newest first: each pause is about twice the one before it.
    for (const [at, gap] of gaps.slice(0, -1).entries()) {
      expect(gap, `pause ${at}`).to.be.above(1.3 * (gaps[at + 1] ?? gap));
    }
    for (const task of await cluster().tasks("crash")) {
      if (textAt(task, "Status", "State") !== "failed") continue;
      expect(textAt(task, "Status", "Err")).to.equal("task: non-zero exit (1)");
      expect(numberAt(task, "Status", "ContainerStatus", "ExitCode")).to.equal(1);
    }
    expect(await cluster().skein("service", "ps", "crash")).to.match(/task: non-zero exit \(1\)/);
    await cluster().skein("service", "rm", "crash");
  });

  it("a program that does not exist is rejected with the system's own error", async () => {
    const flags = ["-d", "--name", "absent"];
    await cluster().skein("run", ...flags, "--", "/no/such/program");
    const rejected = await until(5000, "a rejected task", async () => {
      const tasks = await cluster().tasks("absent");
      return tasks.find((task) => textAt(task, "Status", "State") === "rejected");
    });
    expect(textAt(rejected, "Status", "Err")).to.match(/\/no\/such\/program.*no such file/i);
    await cluster().skein("service", "rm", "absent");
    await timeUntil(5000, "the service is gone", async () => {
      return (await cluster().ask("GET /services/absent")).status === 404;
    });
  });
});

async function portOf(cluster: LocalCluster, service: string): Promise<number> {
  const { body } = await cluster.ask(`GET /services/${service}`);
  const ports: unknown = Reflect.get(Object(Reflect.get(Object(body), "Endpoint")), "Ports");
  return numberAt(Array.isArray(ports) ? ports[0] : undefined, "PublishedPort");
}
