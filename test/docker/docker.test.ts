/**
 * The unmodified docker CLI against real processes: the commands of Docker's own documentation for
 * services and nodes. Runs with every CLI named in SKEIN_DOCKER_CLIS ("docker:/path/to/another").
 */
import { expect } from "chai";
import type { Ran } from "../support/docker-cli.ts";
import { CLIS, DockerCli, freePort, versionOf } from "../support/docker-cli.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { until } from "../support/wait.ts";

describe("docker CLI on real processes", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("docker");
  before(() => cluster.up(3, 3));
  after(() => cluster.down());

  for (const cli of CLIS) {
    describe(`${cli} ${versionOf(cli)}`, () => {
      const client = new DockerCli(cluster, cli);
      const docker = (...args: readonly string[]): Promise<Ran> => client.run(args);
      const ok = (...args: readonly string[]): Promise<string> => client.ok(...args);
      let port = 0;
      before(async () => {
        port = await freePort();
      });
      // Whatever failed: the next one starts from nothing.
      after(() => client.removeServices("web", "printer"));

      it("lists six nodes, one of them leader", async () => {
        const out = await ok("node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}");
        const lines = out.trim().split("\n");
        expect(lines).to.have.length(6);
        expect(lines.filter((line) => line.endsWith("Leader"))).to.have.length(1);
      });

      it("creates a service, shows its progress and waits until it converged", async () => {
        const program = ["host", "node", "examples/hello/server.js"];
        const flags = ["--name", "web", "--replicas", "3", "-p", `${port}:3000`];
        const { code, out, err } = await docker("service", "create", ...flags, ...program);
        expect(code, err).to.equal(0);
        expect(out).to.include("3/3").and.include("converged");
      });

      it("lists, shows and inspects it", async () => {
        const ls = await ok("service", "ls", "--format", "{{.Name}} {{.Replicas}} {{.Image}}");
        expect(ls.trim()).to.match(/^web 3\/3 host(:latest)?$/);
        const ps = await ok("service", "ps", "web", "--format", "{{.Name}} {{.CurrentState}}");
        expect(ps.trim().split("\n")).to.have.length(3);
        expect(ps).to.match(/web\.1 Running/);
        const inspect = JSON.parse(await ok("service", "inspect", "web"));
        expect(inspect[0].Spec.TaskTemplate.ContainerSpec.Dir).to.be.a("string");
        expect(inspect[0].Endpoint.Ports[0].PublishedPort).to.equal(port);
        expect(await ok("service", "inspect", "--pretty", "web")).to.include("Replicas");
      });

      it("scales, updates and rolls back, each until it converged", async () => {
        expect(await ok("service", "scale", "web=5")).to.include("converged");
        expect(await ok("service", "update", "--env-add", "A=1", "web")).to.include("converged");
        const env = await ok("service", "inspect", "-f", "{{json .Spec.TaskTemplate}}", "web");
        expect(env).to.include("A=1");
        expect(await ok("service", "rollback", "web")).to.match(/converged|rolled back/);
        const back = await ok("service", "inspect", "-f", "{{json .Spec.TaskTemplate}}", "web");
        expect(back).to.not.include("A=1");
      });

      it("shows what the tasks print, line by line with its task", async () => {
        const print = ["host", "sh", "-c", "echo to-stdout; echo to-stderr >&2; sleep 600"];
        await ok("service", "create", "-d", "--name", "printer", ...print);
        const said = await until(60_000, "both streams", async () => {
          const ran = await docker("service", "logs", "printer");
          return ran.out.includes("to-stdout") && ran.err.includes("to-stderr") ? ran : undefined;
        });
        expect(said.out).to.match(/printer\.1\.\w+@worker-\d\s+\| to-stdout/);
        expect(said.err).to.match(/printer\.1\.\w+@worker-\d\s+\| to-stderr/);
        await ok("service", "rm", "printer");
      });

      it("drains a node and brings it back", async () => {
        await ok("node", "update", "--availability", "drain", "worker-1");
        const inspect = JSON.parse(await ok("node", "inspect", "worker-1"));
        expect(inspect[0].Spec.Availability).to.equal("drain");
        await ok("node", "update", "--availability", "active", "worker-1");
        await client.shows(/web\./, "node", "ps", "worker-2");
      });

      it("keeps configs", async () => {
        const name = `config-${CLIS.indexOf(cli)}`;
        await ok("config", "create", name, "README.md");
        expect(await ok("config", "ls", "--format", "{{.Name}}")).to.include(name);
        expect(await ok("config", "inspect", "--pretty", name)).to.include("Skein");
        await ok("config", "rm", name);
      });

      it("refuses an image, a taken name and an unknown service in words", async () => {
        const image = await docker("service", "create", "-d", "nginx");
        expect(image.code).to.equal(1);
        expect(image.err).to.include("not supported yet").and.include("host");
        const twice = await docker(
          "service",
          "create",
          "-d",
          "--name",
          "web",
          "host",
          "sleep",
          "1",
        );
        expect(twice.err).to.include("name conflicts with an existing object");
        expect((await docker("service", "ps", "nothing")).err).to.include("no such service");
      });

      it("removes the service", async () => {
        await ok("service", "rm", "web");
        expect((await ok("service", "ls", "-q")).trim()).to.equal("");
      });
    });
  }
});
