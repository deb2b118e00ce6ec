/** What the command line says and does while nodes of a cluster of three managers fail. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { at, listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { Said } from "../support/shell.ts";
import { freePort, lines, listener, ROOT, Shell } from "../support/shell.ts";

describe("a cluster of three managers that loses nodes", function () {
  this.timeout(120_000);
  const shell = new Shell();
  const stateDir = shell.stateDir("three");
  after(() => shell.close());

  function skein(...args: readonly string[]): Promise<Said> {
    return shell.skein(["--state-dir", stateDir, ...args]);
  }

  async function done(...args: readonly string[]): Promise<string> {
    const said = await skein(...args);
    expect(said.code, `skein ${args.join(" ")}: ${said.err}`).to.equal(0);
    return said.out;
  }

  async function status(): Promise<unknown> {
    return JSON.parse((await skein("status", "--json")).out);
  }

  before(async () => {
    await done("up", "--detach");
  });

  it("kills whoever leads, and takes the next write all the same", async () => {
    const leader = textAt(await status(), "leader", "name");
    const [killed, headings, ...rows] = lines(await done("kill", "leader", "--timeline"));
    expect(killed).to.contain(`killed ${leader} (2 processes`);
    expect(headings).to.match(/^ +AFTER +NODE +WHAT FOLLOWED$/);
    const told = rows.join("\n");
    expect(told).to.match(new RegExp(`\\d ms +.*manager-\\d +lost the connection to ${leader}`));
    expect(told).to.match(/ms +manager-\d +candidate, term \d+\n/);
    expect(told).to.match(/ms +manager-\d +elected leader, term \d+\n/);
    expect(told).to.match(/ms +manager-\d +serves reads and writes/);
    expect(told).to.contain(`gossip: ${leader} is dead`);
    const since = performance.now();
    await done("config", "create", "after-the-leader", join(ROOT, "LICENSE"));
    expect(performance.now() - since).to.be.below(5000);
    expect(await done("start", leader)).to.equal(`started ${leader} (manager, worker)\n`);
    expect(await done("start", leader)).to.equal(`${leader} is running already\n`);
  });

  it("refuses a write without a quorum, at once and with the remedy", async () => {
    await done("kill", "manager-1", "manager-2");
    for (const args of [
      ["config", "create", "x", join(ROOT, "LICENSE")],
      ["run", "--name", "x", "--", "sleep", "1"],
      ["node", "ls"],
    ]) {
      const since = performance.now();
      const said = await skein(...args);
      expect(said.code).to.equal(1);
      expect(lines(said.err)).to.have.length(1);
      expect(said.err).to.match(/there is no leader, too few managers answer: skein status names/);
      expect(performance.now() - since).to.be.below(10_000);
    }
    const shown = await skein("status");
    expect(shown.out).to.match(/no leader.*1 of 3 managers in contact \(may be out of date\)/);
    expect(shown.out).to.match(
      /changes wait until 2 of 3 managers answer.*\n +(skein )?start manager-/,
    );
    await done("start", "manager-1", "manager-2");
    const configs = await done("config", "ls");
    expect(configs).to.match(/after-the-leader/);
    expect(configs).to.not.match(/ x /);
  });

  it("says what it knows when no manager is left, and loses nothing", async () => {
    await done("kill", "manager-1", "manager-2", "manager-3");
    const shown = await skein("status");
    expect(shown.code).to.equal(1);
    expect(shown.out).to.match(/no manager answers/);
    expect(shown.out).to.match(/skein start manager-1 manager-2 manager-3/);
    expect((await skein("node", "ls")).err).to.match(/^Cannot list nodes: .*\n$/);
    await done("start", "manager-1", "manager-2", "manager-3");
    expect(await done("config", "ls")).to.match(/after-the-leader/);
  });

  it("passes a stopped manager over", async () => {
    await done("pause", textAt(await status(), "answeredBy", "name"));
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const since = performance.now();
      expect(lines(await done("node", "ls"))).to.have.length(7);
      expect(performance.now() - since).to.be.below(10_000);
    }
    await done("resume", "manager-1", "manager-2", "manager-3");
  });

  it("cuts and heals the network", async () => {
    expect(await done("partition", "manager-1", "/", "rest")).to.match(
      /^cut: manager-1 \/ manager-2,/,
    );
    await until(async () => numberAt(await status(), "quorum", "contact") === 2);
    expect(await done("heal")).to.match(/^healed/);
    await until(async () => numberAt(await status(), "quorum", "contact") === 3);
  });

  it("demonstrates itself, twice, whatever was killed before", async () => {
    await done("kill", "worker-2");
    const port = await freePort();
    for (let run = 0; run < 2; run += 1) {
      const counted: unknown = JSON.parse(await done("demo", "--json", "--publish", `${port}`));
      expect(numberAt(counted, "failed"), JSON.stringify(counted)).to.equal(0);
      expect(numberAt(counted, "requests")).to.be.above(20);
    }
    const nodes = listAt(await status(), "nodes");
    expect(nodes.map((node) => textAt(node, "state"))).to.deep.equal(Array(6).fill("ready"));
    await done("service", "rm", "demo");
  });

  it("says that 127.0.0.1 is taken when it comes back, and takes it when it is free", async () => {
    const port = await freePort();
    const hello = join(ROOT, "examples/hello/server.js");
    await done("run", "--name", "web", "-p", `${port}:3000`, "--", "node", hello);
    await done("down");
    const foreign = await listener("127.0.0.1", port);
    const up = await skein("up", "--detach");
    const problem = new RegExp(
      `127.0.0.1:${port} is not served: pid ${process.pid} .* listens there`,
    );
    expect(up.code).to.equal(0);
    expect((await skein("status")).out).to.match(problem);
    const file: unknown = JSON.parse(readFileSync(join(stateDir, "cluster.json"), "utf8"));
    const address = textAt(listAt(file, "nodes")[0], "address");
    expect(await curl(`${address}:${port}`)).to.match(/^Hello from web/);
    foreign.close();
    await until(async () => (await curl(`127.0.0.1:${port}`)).startsWith("Hello from web"));
    expect((await skein("status")).out).to.not.match(problem);
  });

  it("starts again what ends, when asked to", async () => {
    await done("down");
    await done("up", "--detach", "--restart-after", "1s");
    await done("kill", "worker-1");
    await until(async () => {
      const nodes = listAt(await status(), "nodes");
      return (
        at(
          nodes.find((node) => textAt(node, "name") === "worker-1"),
          "state",
        ) === "ready"
      );
    });
  });

  async function curl(where: string): Promise<string> {
    return (await shell.run(["curl", "-s", "-m", "5", `http://${where}/`])).out;
  }
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error("it has not come about in 30 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
