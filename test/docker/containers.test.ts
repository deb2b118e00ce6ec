/**
 * The container commands of the unmodified docker CLI on tasks of a real cluster: every one through
 * a manager that does not run the task.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Ran } from "../support/docker-cli.ts";
import { CLIS, DockerCli, versionOf } from "../support/docker-cli.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { until } from "../support/wait.ts";

const PROGRAM =
  'echo "up $GREETING"; echo warn >&2; trap "exit 4" TERM; while :; do sleep 0.1; done';

describe("docker CLI on tasks as containers", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("ctr");
  const directory = mkdtempSync(join(tmpdir(), "skein-cp-"));
  before(() => cluster.up(1, 2));
  after(async () => {
    await cluster.down();
    rmSync(directory, { recursive: true });
  });

  for (const cli of CLIS) {
    describe(`${cli} ${versionOf(cli)}`, () => {
      const client = new DockerCli(cluster, cli);
      const docker = (...args: readonly string[]): Promise<Ran> => client.run(args);
      const ok = (...args: readonly string[]): Promise<string> => client.ok(...args);
      const name = `box${CLIS.indexOf(cli)}`;
      const task = `${name}.1`;

      before(async () => {
        const flags = [
          "--name",
          name,
          "--env",
          "GREETING=hello",
          "--container-label",
          "tier=front",
        ];
        const where = ["--workdir", directory, "--restart-max-attempts", "3"];
        await ok("service", "create", "-d", ...flags, ...where, "host", "sh", "-c", PROGRAM);
        await client.shows(/./, "ps", "-q", "--filter", `name=${name}`);
      });
      after(() => client.removeServices(name));

      it("lists them with Docker's names and labels", async () => {
        const format = "{{.Names}} {{.Image}} {{.Status}} {{.Labels}}";
        const filter = "label=tier=front";
        const out = await ok("ps", "--no-trunc", "--filter", filter, "--format", format);
        expect(out).to.match(new RegExp(`^${name}\\.1\\.[0-9a-z]{25} host(:latest)? Up `));
        expect(out).to.include(`com.docker.swarm.service.name=${name}`);
        expect(await ok("ps", "-q", "--filter", `name=${name}`)).to.match(/^[0-9a-f]{12}\n$/);
      });

      it("inspects one, and names what is not there", async () => {
        const id = (await ok("ps", "-q", "--no-trunc", "--filter", `name=${name}`)).trim();
        const [shown] = JSON.parse(await ok("inspect", id));
        expect(shown).to.include({ Id: id, Path: "sh" });
        expect(shown.State).to.include({ Status: "running", Running: true });
        const none = await docker("inspect", "nosuch");
        expect(none.err).to.match(/Error: No such object: nosuch/);
        expect((await docker("exec", "nosuch", "ls")).err).to.match(/No such container: nosuch/);
      });

      it("shows its output and its processes", async () => {
        // Written to two files, which the node reads one after the other.
        const said = await until(60_000, "both streams", async () => {
          const ran = await docker("logs", task);
          return ran.out !== "" && ran.err !== "" ? ran : undefined;
        });
        expect(said).to.include({ out: "up hello\n", err: "warn\n" });
        const last = await docker("logs", "--tail", "1", "-t", task);
        expect(last.out + last.err).to.match(/^\d{4}-\S+Z (up hello|warn)\n$/);
        expect(await ok("top", task)).to.match(/UID +PID +PPID[^]*sh -c echo/);
        expect(await ok("stats", "--no-stream", task)).to.match(/\d+%.*MiB \/ /);
      });

      it("executes programs: both streams, standard input, exit code", async () => {
        const ran = await docker("exec", task, "sh", "-c", "pwd; echo $GREETING >&2; exit 5");
        expect(ran).to.deep.equal({ code: 5, out: `${directory}\n`, err: "hello\n" });
        const piped = await client.run(["exec", "-i", task, "wc", "-c"], "x".repeat(100_000));
        expect(piped).to.deep.equal({ code: 0, out: "100000\n", err: "" });
        expect((await docker("exec", "-e", "A=1", task, "sh", "-c", "echo $A")).out).to.equal(
          "1\n",
        );
        expect((await docker("exec", task, "no-such-program")).code).to.equal(127);
      });

      it("gives a program a terminal", async () => {
        expect(await ok("exec", "-t", task, "tty")).to.match(/^\/dev\/pts\/\d+\r\n$/);
      });

      it("copies files into its directory and out of it, and no others", async () => {
        const from = join(directory, "from");
        writeFileSync(from, "copied\n");
        await ok("cp", from, `${task}:there`);
        expect(readFileSync(join(directory, "there"), "utf8")).to.equal("copied\n");
        await ok("cp", `${task}:there`, join(directory, "back"));
        expect(readFileSync(join(directory, "back"), "utf8")).to.equal("copied\n");
        expect((await docker("cp", `${task}:/etc/passwd`, directory)).err).to.match(/outside of/);
      });

      it("stops one, tells its exit code, and the cluster replaces it", async () => {
        const id = (await ok("ps", "-q", "--filter", `name=${name}`)).trim();
        const waiting = docker("wait", id);
        await ok("stop", "-t", "5", id);
        expect((await waiting).out).to.equal("4\n");
        const own = ["--filter", `id=${id}`, "--format", "{{.Status}}"];
        await client.shows(/^Exited \(4\)/, "ps", "-a", ...own);
        const next = await client.shows(/./, "ps", "-q", "--filter", `name=${name}`);
        expect(next.trim())
          .to.match(/^[0-9a-f]{12}$/)
          .and.not.equal(id);
      });

      it("refuses what no task can do, with the command that does it", async () => {
        expect((await docker("restart", task)).err).to.match(/docker service update --force/);
        expect((await docker("run", "host", "true")).err).to.match(/docker service create/);
        expect((await docker("pause", task)).err).to.match(/docker kill --signal STOP/);
        expect((await docker("rm", task)).err).to.match(/container is running/);
      });
    });
  }
});
