/**
 * The unmodified docker CLI against the Engine API: what people type, what they read. The cluster
 * behind it has the real store and controllers, and agents that do as they are asked.
 */
import { spawn, spawnSync } from "node:child_process";
import { expect } from "chai";
import { FakeCluster } from "../support/fake-cluster.ts";

/** Another CLI than the one on PATH: SKEIN_DOCKER_CLI=/path/to/docker (Debian's 20.10, for one). */
const CLI = process.env["SKEIN_DOCKER_CLI"] ?? "docker";

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe("docker CLI", () => {
  let cluster: FakeCluster;
  const docker = (...args: string[]): Promise<Ran> => run(cluster.managers[0]?.socket ?? "", args);
  before(async function () {
    if (spawnSync(CLI, ["--version"]).status !== 0) {
      console.log(`    skipped: there is no ${CLI} on PATH`);
      this.skip();
    }
    cluster = await FakeCluster.start(3, 3);
  });
  after(() => cluster?.close());

  it("names the server, and warns of what tasks may do", async () => {
    expect((await docker("version", "-f", "{{.Server.Platform.Name}}")).out).to.match(/^Skein \d/);
    const { out, err } = await docker("info");
    expect(out)
      .to.match(/Swarm: active/)
      .and.match(/Managers: 3/)
      .and.match(/Nodes: 6/);
    expect(out + err).to.include("plain processes of this node");
  });

  it("lists nodes with their roles and the leader", async () => {
    const { out } = await docker(
      "node",
      "ls",
      "--format",
      "{{.Hostname}} {{.Status}} {{.ManagerStatus}}",
    );
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.trim()),
    ).to.have.members([
      "manager-1 Ready Leader",
      "manager-2 Ready Reachable",
      "manager-3 Ready Reachable",
      "worker-1 Ready",
      "worker-2 Ready",
      "worker-3 Ready",
    ]);
  });

  it("creates a service and shows its progress until it has converged", async () => {
    const created = await docker(
      ...["service", "create", "--name", "web", "--replicas", "3", "-p", "8080:3000"],
      ...["--update-monitor", "200ms", "--env", "A=1", "--label", "tier=front"],
      ...["host", "node", "server.js"],
    );
    expect(created.err).to.equal("");
    expect(created.code).to.equal(0);
    expect(created.out)
      .to.match(/overall progress: 3 out of 3 tasks/)
      .and.match(/converged/);
    const listed = await docker(
      "service",
      "ls",
      "--format",
      "{{.Name}} {{.Replicas}} {{.Image}} {{.Ports}}",
    );
    expect(listed.out).to.equal("web 3/3 host *:8080->3000/tcp\n");
    const tasks = await docker(
      "service",
      "ps",
      "web",
      "--format",
      "{{.Name}} {{.DesiredState}} {{.Image}}",
    );
    expect(tasks.out).to.equal("web.1 Running host\nweb.2 Running host\nweb.3 Running host\n");
  });

  it("inspects what was sent, with the directory tasks start in", async () => {
    const { out } = await docker("service", "inspect", "web");
    const [service] = JSON.parse(out);
    expect(service.Spec.TaskTemplate.ContainerSpec).to.deep.include({
      Image: "host:latest",
      Args: ["node", "server.js"],
      Env: ["A=1"],
      Dir: "/srv/app",
    });
    expect(service.Endpoint.Ports).to.deep.equal([
      { Protocol: "tcp", TargetPort: 3000, PublishedPort: 8080, PublishMode: "ingress" },
    ]);
    const pretty = await docker("service", "inspect", "--pretty", "web");
    expect(pretty.out)
      .to.match(/Service Mode:\s+Replicated/)
      .and.match(/tier=front/);
  });

  it("scales, updates and rolls back, and waits each time", async () => {
    const scaled = await docker("service", "scale", "web=2");
    expect(scaled.out)
      .to.match(/web scaled to 2/)
      .and.match(/converged/);
    const updated = await docker("service", "update", "--env-add", "B=2", "web");
    expect(updated.out)
      .to.match(/2 out of 2 tasks/)
      .and.match(/converged/);
    const shown = await docker(
      "service",
      "inspect",
      "web",
      "-f",
      "{{.Spec.TaskTemplate.ContainerSpec.Env}}",
    );
    // The CLI orders what it merges, each version in its own way.
    expect(shown.out).to.match(/^\[(A=1 B=2|B=2 A=1)\]$/m);
    const back = await docker("service", "rollback", "web");
    expect(back.out)
      .to.match(/manually requested rollback/)
      .and.match(/converged/);
    const again = await docker(
      "service",
      "inspect",
      "web",
      "-f",
      "{{.Spec.TaskTemplate.ContainerSpec.Env}}",
    );
    expect(again.out).to.equal("[A=1]\n");
  });

  it("replaces no task for an update that changes nothing", async () => {
    const before = await docker("service", "ps", "-q", "web");
    await docker("service", "update", "--update-monitor", "200ms", "web");
    await docker("service", "update", "--image", "host", "web");
    expect((await docker("service", "ps", "-q", "web")).out).to.equal(before.out);
  });

  it("shows the output of every task, each line with its task and node", async () => {
    cluster.lines = (task) => [
      ["stdout", `hello from slot ${task.slot}`],
      ["stderr", "a warning\n"],
    ];
    const { out, err, code } = await docker("service", "logs", "web");
    expect(code).to.equal(0);
    expect(out).to.match(/web\.1\.\w{12}@\S+ +\| hello from slot 1\n/);
    expect(err).to.match(/web\.2\.\w{12}@\S+ +\| a warning\n/);
    const raw = await docker("service", "logs", "--raw", "--tail", "1", "web");
    expect(raw.out).to.equal("");
    const stamped = await docker("service", "logs", "-t", "--details", "--tail", "1", "web");
    expect(stamped.err).to.match(
      /^2026-11-22T18:27:16\.937110346Z web\.\d\.\w+@\S+ +\| +a warning/,
    );
  });

  it("shows why a task does not run, and what is wrong with one that does", async () => {
    cluster.start = () => ({
      state: "rejected",
      message: "rejected",
      error: "spawn nosuch ENOENT",
    });
    await docker("service", "create", "-d", "--name", "bad", "host", "nosuch");
    const failed = await eventually(() => docker("service", "ps", "--no-trunc", "bad"), /ENOENT/);
    expect(failed).to.match(/Rejected .*"spawn nosuch ENOENT"/);
    const warning = "deaf.1 listens on 0.0.0.0:8000, not on 127.65.0.5:3000: use $HOST and $PORT";
    cluster.start = () => ({ state: "running", message: "started", warning });
    await docker("service", "create", "-d", "--name", "deaf", "host", "x");
    expect(
      await eventually(() => docker("service", "ps", "--no-trunc", "deaf"), /listens/),
    ).to.include(warning);
    cluster.start = () => ({ state: "running", message: "started", inRotation: true });
    const stuck = ["--constraint", "node.labels.nope==1", "host", "x"];
    await docker("service", "create", "-d", "--name", "stuck", ...stuck);
    expect(
      await eventually(() => docker("service", "ps", "--no-trunc", "stuck"), /suitable/),
    ).to.include("no suitable node (scheduling constraints not satisfied on 6 nodes)");
    expect((await docker("service", "rm", "bad", "deaf", "stuck")).out).to.equal(
      "bad\ndeaf\nstuck\n",
    );
  });

  it("drains a node and labels it; neither a living node nor a manager is removed", async () => {
    expect((await docker("node", "update", "--label-add", "zone=a", "worker-1")).out).to.equal(
      "worker-1\n",
    );
    expect((await docker("node", "ls", "-q", "-f", "node.label=zone=a")).out).to.match(/^\w+\n$/);
    await docker("node", "update", "--availability", "drain", "worker-1");
    const drained = await docker("node", "inspect", "worker-1", "-f", "{{.Spec.Availability}}");
    expect(drained.out).to.equal("drain\n");
    expect((await docker("node", "ps", "worker-1")).code).to.equal(0);
    expect((await docker("node", "rm", "worker-1")).err).to.include(
      "is not down and can't be removed",
    );
    expect((await docker("node", "rm", "manager-2")).err).to.include("is a cluster manager");
  });

  it("keeps configs", async () => {
    const created = await run(
      cluster.managers[0]?.socket ?? "",
      ["config", "create", "cf", "-"],
      "a=1\n",
    );
    expect(created.code).to.equal(0);
    expect((await docker("config", "ls", "--format", "{{.Name}}")).out).to.equal("cf\n");
    expect((await docker("config", "inspect", "--pretty", "cf")).out).to.include("a=1");
    const twice = await run(
      cluster.managers[1]?.socket ?? "",
      ["config", "create", "cf", "-"],
      "a=1\n",
    );
    expect(twice.err).to.include("config cf already exists");
    expect((await docker("config", "rm", "cf")).out).to.equal("cf\n");
  });

  it("answers what is not there yet with the reason", async () => {
    const rows: readonly (readonly [string, string])[] = [
      ["service create --name x nginx", "image nginx:latest is not supported yet: only programs"],
      ["service create --name x host", "no command to run"],
      ["run host ls", "single containers are not supported yet"],
      ["swarm init", "This node is already part of a swarm"],
      ["service ls -f foo=bar", "Invalid filter 'foo'"],
      ["service inspect nosuch", "no such service: nosuch"],
      ["service rm nosuch", "nosuch"],
      ["inspect nosuch", "No such object: nosuch"],
    ];
    for (const [line, part] of rows) {
      const { code, err } = await docker(...line.split(" "));
      expect(code, line).not.to.equal(0);
      expect(err, line).to.include(part);
    }
    for (const line of [
      "ps",
      "images",
      "volume ls",
      "plugin ls",
      "secret ls",
      "network ls",
      "stack ls",
    ]) {
      expect((await docker(...line.split(" "))).code, line).to.equal(0);
    }
  });

  it("removes the service: it is gone at once and its name is free", async () => {
    expect((await docker("service", "rm", "web")).out).to.equal("web\n");
    expect((await docker("service", "ls", "-q")).out).to.equal("");
    expect((await docker("service", "create", "-d", "--name", "web", "host", "x")).code).to.equal(
      0,
    );
  });
}).timeout(60_000);

function run(socket: string, args: readonly string[], input = ""): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
    const child = spawn(CLI, args, { env });
    const text = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...text }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Asks until the output shows it; the suite's own time limit ends a wait in vain. */
async function eventually(look: () => Promise<Ran>, wanted: RegExp): Promise<string> {
  for (;;) {
    const { out } = await look();
    if (wanted.test(out)) return out;
  }
}
