/**
 * Other clients of Docker's API, unmodified, against real processes: the programs in
 * examples/clients, and the fields that Traefik and Prometheus read.
 */
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "chai";
import { freePort } from "../support/docker-cli.ts";
import { LocalCluster, REPOSITORY } from "../support/local-cluster.ts";
import { until } from "../support/wait.ts";

const SAID = [
  "running: 2",
  "container: running",
  "exec: 3",
  "logs: hello",
  "scaled: 1",
  "listed: 1",
  "removed: true",
];

describe("clients", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("clients");
  before(() => cluster.up(1, 2));
  after(() => cluster.down());

  it("dockerode", async () => {
    const { code, out } = await run(cluster, process.execPath, "dockerode.mjs");
    expect(out.trimEnd().split("\n")).to.deep.equal(SAID);
    expect(code).to.equal(0);
  });

  it("docker-py", async function () {
    if (spawnSync("python3", ["-c", "import docker"]).status !== 0) {
      console.log("    skipped: python3 has no module docker (Debian: python3-docker)");
      this.skip();
    }
    const { code, out } = await run(cluster, "python3", "docker_py.py");
    const lines = out.trimEnd().split("\n");
    expect(lines.filter((line) => line !== "output: in a task")).to.deep.equal(SAID);
    expect(lines).to.include("output: in a task");
    expect(code).to.equal(0);
  });

  describe("fields", () => {
    const body = (port: number) => ({
      Name: "fields",
      Labels: { "traefik.enable": "true" },
      TaskTemplate: { ContainerSpec: { Image: "host", Args: ["sleep", "600"] } },
      EndpointSpec: { Mode: "vip", Ports: [{ TargetPort: 3000, PublishedPort: port }] },
    });
    before(async () => {
      const made = await cluster.ask("POST /services/create", { body: body(await freePort()) });
      expect(made.status, String(made.message)).to.equal(201);
      await until(20_000, "a running task", async () => {
        return (await cluster.running("fields")).length === 1;
      });
    });
    after(() => cluster.ask("DELETE /services/fields"));

    it("that Traefik's swarm provider reads", async () => {
      const filters = encodeURIComponent(JSON.stringify({ service: ["fields"] }));
      const [service] = await cluster.get("/services");
      expect(service).to.have.nested.property("Spec.EndpointSpec.Mode", "vip");
      expect(service).to.have.nested.property("Spec.Labels");
      const [task] = await cluster.get(`/tasks?filters=${filters}`);
      expect(task).to.have.nested.property("Status.State", "running");
      expect(task).to.have.property("Slot", 1);
      const attachment = "NetworksAttachments[0]";
      expect(task).to.have.nested.property(`${attachment}.Network.ID`);
      expect(task)
        .to.have.nested.property(`${attachment}.Addresses[0]`)
        .that.matches(/^\d+\.\d+\.\d+\.\d+\/\d+$/);
      const node = await cluster.ask(`GET /nodes/${(task as { NodeID: string }).NodeID}`);
      expect(node.body)
        .to.have.nested.property("Status.Addr")
        .that.matches(/^127\./);
    });

    it("that Prometheus' dockerswarm_sd reads", async () => {
      const [node] = await cluster.get("/nodes");
      for (const field of [
        ...["ID", "Status.State", "Status.Addr", "Spec.Availability", "Spec.Role", "Spec.Labels"],
        ...["Description.Hostname", "Description.Platform.Architecture", "Description.Platform.OS"],
        "Description.Engine.EngineVersion",
      ]) {
        expect(node, field).to.have.nested.property(field);
      }
      const nodes = await cluster.get("/nodes");
      expect(nodes.some((row) => JSON.stringify(row).includes('"Leader":true'))).to.equal(true);
      const [service] = await cluster.get("/services");
      for (const field of [
        ...["ID", "Spec.Name", "Spec.Mode.Replicated", "Endpoint.Ports[0].PublishMode"],
        ...["Endpoint.Ports[0].PublishedPort", "Spec.TaskTemplate.ContainerSpec.Image"],
      ]) {
        expect(service, field).to.have.nested.property(field);
      }
      const [task] = await cluster.get("/tasks");
      for (const field of [
        ...["ID", "DesiredState", "NodeID", "ServiceID", "Status.State", "Status.PortStatus"],
        "Status.ContainerStatus.ContainerID",
      ]) {
        expect(task, field).to.have.nested.property(field);
      }
      const [network] = await cluster.get("/networks");
      for (const field of ["Id", "Name", "Scope", "Internal", "Ingress", "Labels"]) {
        expect(network, field).to.have.property(field);
      }
    });
  });
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

function run(cluster: LocalCluster, program: string, example: string): Promise<Ran> {
  const host = `unix://${join(cluster.stateDir, "skein.sock")}`;
  const path = join(REPOSITORY, "examples", "clients", example);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [path], {
      cwd: REPOSITORY,
      env: { ...process.env, DOCKER_HOST: host },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out }));
  });
}
