/** Every kind of service by the unmodified docker CLI, against real processes. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { DockerCli } from "../support/docker-cli.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { timeUntil } from "../support/wait.ts";

const WAIT_MS = 60_000;

describe("docker CLI: kinds of services", function () {
  this.timeout(180_000);
  const cluster = new LocalCluster("docker-services");
  before(() => cluster.up(1, 3));
  after(() => cluster.down());

  const client = new DockerCli(cluster);
  const docker = (...args: readonly string[]): Promise<string> => client.ok(...args);
  const ps = (service: string, format: string): Promise<string> =>
    docker("service", "ps", service, "--no-trunc", "--format", format);

  it("runs a global service on every node that takes tasks", async () => {
    const out = await docker(
      "service",
      "create",
      "--name",
      "agent",
      "--mode",
      "global",
      "host",
      "sleep",
      "600",
    );
    expect(out).to.include("converged");
    const nodes = (await ps("agent", "{{.Node}}")).trim().split("\n");
    expect(nodes.sort()).to.deep.equal(["worker-1", "worker-2", "worker-3"]);
    expect(await docker("service", "ls", "--format", "{{.Mode}} {{.Replicas}}")).to.include(
      "global 3/3",
    );
  });

  it("runs a job to its end", async () => {
    const flags = ["--mode", "replicated-job", "--replicas", "3", "--max-concurrent", "2"];
    const out = await docker("service", "create", "--name", "job", ...flags, "host", "true");
    expect(out).to.include("job complete");
    const listed = await docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}");
    expect(listed).to.include("job 0/2 (3/3 completed)");
    expect((await ps("job", "{{.DesiredState}}")).trim().split("\n")).to.have.length(3);
  });

  it("waits for a health check, and replaces what stops passing it", async () => {
    const file = join(cluster.stateDir, "healthy");
    const health = ["--health-cmd", `test -f ${file}`, "--health-interval", "1s"];
    const flags = [...health, "--health-retries", "2", "--health-start-period", "60s"];
    await docker("service", "create", "-d", "--name", "checked", ...flags, "host", "sleep", "600");
    await timeUntil(WAIT_MS, "it starts", async () =>
      (await ps("checked", "{{.CurrentState}}")).startsWith("Starting"),
    );
    writeFileSync(file, "");
    await timeUntil(WAIT_MS, "it runs", async () =>
      (await ps("checked", "{{.CurrentState}}")).startsWith("Running"),
    );
    rmSync(file);
    await timeUntil(WAIT_MS, "it failed", async () =>
      (await ps("checked", "{{.Error}}")).includes("unhealthy: 2 checks failed in a row"),
    );
    await docker("service", "rm", "checked");
  });

  it("says why, what if and what happened", async () => {
    const constraint = ["--constraint", "node.labels.zone in (x, y)"];
    await docker(
      "service",
      "create",
      "-d",
      "--name",
      "picky",
      ...constraint,
      "host",
      "sleep",
      "600",
    );
    await timeUntil(WAIT_MS, "the reason is there", async () =>
      (await ps("picky", "{{.Error}}")).includes("scheduling constraints not satisfied on 3 nodes"),
    );
    expect(await cluster.skein("explain", "picky.1")).to.match(
      /worker-1 +does not meet node\.labels\.zone in \(x, y\)/,
    );
    expect(await cluster.skein("plan", "--name", "p", "--replicas", "2", "host", "x")).to.include(
      "create p: 2 tasks added, 0 replaced, 0 removed",
    );
    expect(await cluster.skein("timeline", "picky")).to.include("service picky  create");
    await docker("node", "update", "--label-add", "zone=y", "worker-2");
    await timeUntil(WAIT_MS, "it found its node", async () =>
      (await ps("picky", "{{.Node}} {{.CurrentState}}")).startsWith("worker-2 Running"),
    );
  });
});
