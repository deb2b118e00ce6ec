/** From up to down: signals, a state directory that was moved or damaged, ends of every kind. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { at, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { Said } from "../support/shell.ts";
import { ended, lines, processesNaming, Shell, SKEIN } from "../support/shell.ts";

describe("the life of a local cluster", function () {
  this.timeout(60_000);
  const shell = new Shell();
  after(() => shell.close());

  const size = ["--managers", "1", "--workers", "1"];
  const up = (stateDir: string): Promise<Said> =>
    shell.skein(["up", "--detach", ...size, "--state-dir", stateDir]);
  const down = (stateDir: string): Promise<Said> => shell.skein(["down", "--state-dir", stateDir]);

  function clusterFile(stateDir: string): unknown {
    return JSON.parse(readFileSync(join(stateDir, "cluster.json"), "utf8"));
  }

  it("Ctrl-C at the very start leaves nothing behind", async () => {
    const stateDir = shell.stateDir("signals");
    const child = shell.start([process.execPath, SKEIN, "up", ...size, "--state-dir", stateDir]);
    setTimeout(() => child.kill("SIGINT"), 700);
    const said = await ended(child);
    // Before Node has loaded the program, the signal itself ends it.
    expect(said.code ?? said.signal).to.be.oneOf([130, "SIGINT"]);
    expect(said.err).to.match(/^$|the state is kept/);
    expect(processesNaming(stateDir)).to.deep.equal([]);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} once it is ready ends everything and keeps the state`, async () => {
      const stateDir = shell.stateDir("signals");
      const child = shell.start([process.execPath, SKEIN, "up", ...size, "--state-dir", stateDir]);
      const said = await ended(child, { signalOn: { text: "Ctrl-C", signal } });
      expect(said.code).to.equal(0);
      expect(said.err).to.match(/Stopped\. The state is kept: skein up resumes it\.$/m);
      expect(processesNaming(stateDir)).to.deep.equal([]);
    });
  }

  it("a closed terminal ends everything, too", async () => {
    const stateDir = shell.stateDir("signals");
    const child = shell.start([process.execPath, SKEIN, "up", ...size, "--state-dir", stateDir]);
    const said = await ended(child, { signalOn: { text: "Ctrl-C", signal: "SIGHUP" } });
    expect(said.code ?? said.signal).to.equal("SIGHUP");
    expect(processesNaming(stateDir)).to.deep.equal([]);
    expect(textAt(clusterFile(stateDir), "name")).to.equal("default");
  });

  it("keeps name, ids and services over down and up, wherever it is moved", async () => {
    const stateDir = shell.stateDir("kept");
    expect((await up(stateDir)).err).to.equal("");
    const run = ["run", "--name", "s", "--state-dir", stateDir, "--", "sleep", "1000"];
    expect((await shell.skein(run)).code).to.equal(0);
    const before = clusterFile(stateDir);
    expect((await down(stateDir)).out).to.match(/^Cluster default is down; its state is kept in /);
    expect((await down(stateDir)).out).to.match(/is down already/);
    expect(at(clusterFile(stateDir), "launcher")).to.equal(undefined);
    const status = await shell.skein(["status", "--state-dir", stateDir]);
    expect(status.err).to.match(/cluster default is down: skein up resumes it/);
    expect(status.code).to.equal(1);
    const moved = shell.stateDir("moved");
    renameSync(stateDir, moved);
    expect((await up(moved)).err).to.equal("");
    expect(at(clusterFile(moved), "clusterId")).to.equal(at(before, "clusterId"));
    const listed = await shell.skein(["service", "ls", "--state-dir", moved]);
    expect(listed.out).to.match(/ s +1\/1/);
    await down(moved);
  });

  it("outlives a damaged cluster.json, running or not", async () => {
    const stateDir = shell.stateDir("damaged");
    const path = join(stateDir, "cluster.json");
    await up(stateDir);
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, whole.slice(0, 100));
    const status = await shell.skein(["status", "--state-dir", stateDir]);
    expect(status.err).to.match(
      /cluster.json is damaged \(it is not JSON\): skein up makes it again/,
    );
    expect((await up(stateDir)).code).to.equal(0);
    expect(readFileSync(path, "utf8")).to.equal(whole);
    await down(stateDir);
    rmSync(path);
    expect((await up(stateDir)).err).to.match(/cluster.json was made again from the nodes' files/);
    await down(stateDir);
  });

  it("refuses what it cannot mend, and loses nothing", async () => {
    const stateDir = shell.stateDir("damaged");
    const path = join(stateDir, "manager-1", "node.json");
    const whole = readFileSync(path, "utf8");
    rmSync(path);
    const missing = await up(stateDir);
    expect(missing.err).to.match(/^Cannot start the cluster: .*node.json cannot be read \(ENOENT/);
    expect([missing.code, lines(missing.err).length]).to.deep.equal([1, 1]);
    writeFileSync(path, whole.replace(/"clusterId": "\w+"/, '"clusterId": "another"'));
    expect((await up(stateDir)).err).to.match(/belongs to another cluster \(another, not /);
    writeFileSync(path, whole);
    expect((await up(stateDir)).code).to.equal(0);
    await down(stateDir);
  });

  it("lives on without its launcher, says so, and can be taken down", async () => {
    const stateDir = shell.stateDir("orphaned");
    await up(stateDir);
    process.kill(Number(at(clusterFile(stateDir), "launcher", "pid")), "SIGKILL");
    const skein = (...args: readonly string[]): Promise<Said> =>
      shell.skein([...args, "--state-dir", stateDir]);
    expect((await skein("status")).out).to.match(/! the launcher is gone: nodes serve on/);
    expect((await skein("up")).err).to.match(/its launcher is gone/);
    expect((await skein("kill", "worker-1")).out).to.match(/killed worker-1 \(1 process/);
    expect((await skein("start", "worker-1")).out).to.match(/started worker-1 \(without 127.0.0.1/);
    expect((await skein("partition", "manager-1", "/", "rest")).err).to.match(
      /launcher .* not run/,
    );
    expect((await skein("down")).out).to.match(/is down; its state is kept/);
    expect(processesNaming(stateDir)).to.deep.equal([]);
  });

  it("fits its sockets in where the path of 150 characters does not", async () => {
    const stateDir = shell.stateDir("x".repeat(150 - shell.home.length - 1));
    expect(stateDir).to.have.length(150);
    const env = { XDG_RUNTIME_DIR: shell.home };
    const args = ["up", "--detach", ...size, "--state-dir", stateDir];
    expect((await shell.skein(args, { env })).err).to.equal("");
    const api = textAt(clusterFile(stateDir), "api").replace("unix://", "");
    expect(api).to.match(new RegExp(`^${shell.home}/skein-\\d+-`));
    // Found from a shell with another environment, and by the socket alone.
    expect((await shell.skein(["node", "ls", "--state-dir", stateDir])).code).to.equal(0);
    expect((await shell.skein(["node", "ls", "--host", api])).code).to.equal(0);
    const gone = await shell.skein(["down", "--purge"], { env: { SKEIN_HOST: `unix://${api}` } });
    expect(gone.out).to.match(/it is deleted/);
    expect([stateDir, api].map((path) => existsSync(path))).to.deep.equal([false, false]);
  });

  it("shows on a terminal how far it is, in colour", async () => {
    const stateDir = shell.stateDir("terminal");
    const command = [process.execPath, SKEIN, "up", "-d", ...size, "--state-dir", stateDir];
    const said = await shell.run(["script", "-qec", command.join(" "), "/dev/null"]);
    if (/not found/.test(said.err)) return;
    expect(said.out).to.match(/Starting cluster default: 2 of 3 processes run/);
    expect(said.out).to.contain("\u001b[32mReady\u001b[39m");
    await down(stateDir);
  });
});
