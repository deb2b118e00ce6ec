/**
 * A first-time user on a running cluster: what works when pasted, and what is refused with a
 * reason.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { at, listAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { Said, Surroundings } from "./support/shell.ts";
import { freePort, lines, listener, makeDirectory, ROOT, Shell } from "./support/shell.ts";

interface Answer {
  readonly status: number;
  readonly message: string;
}

describe("a local cluster", function () {
  this.timeout(60_000);
  const shell = new Shell();
  const stateDir = shell.stateDir("one");
  const socket = join(stateDir, "skein.sock");
  let ready = "";

  function skein(args: readonly string[], surroundings?: Surroundings): Promise<Said> {
    return shell.skein(["--state-dir", stateDir, ...args], surroundings);
  }

  async function done(args: readonly string[], surroundings?: Surroundings): Promise<string> {
    const said = await skein(args, surroundings);
    expect(said.code, `skein ${args.join(" ")}: ${said.err}`).to.equal(0);
    return said.out;
  }

  async function refused(args: readonly string[], reason: RegExp): Promise<void> {
    const said = await skein(args);
    expect(lines(said.err).at(-1)).to.match(reason);
    expect(lines(said.err).at(-1)).to.match(/^Cannot /);
    expect(said.code, said.err).to.equal(1);
    expect(said.out).to.equal("");
  }

  /** Past the command line, as another client would. */
  function post(path: string, body: string): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: socket, method: "POST", path, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const message = textAt(JSON.parse(text), "message");
          resolve({ status: response.statusCode ?? 0, message });
        });
      });
      call.on("error", reject);
      call.end(body);
    });
  }

  before(async () => {
    // Twice at once: one makes the cluster, the other waits for it and attaches.
    const up = ["up", "--detach", "--managers", "2", "--workers", "1"];
    const both = await Promise.all([skein(up), skein(up)]);
    expect(both.map((said) => `${said.code} ${said.err}`).join("")).to.match(/runs already/);
    expect(both.map((said) => said.code)).to.deep.equal([0, 0]);
    ready = both.find((said) => said.err === "")?.out ?? "";
  });
  after(() => shell.close());

  it("is ready with lines that work when pasted in that very directory", async function () {
    expect(ready).to.match(/^Ready: 2 managers and 1 worker in \d+\.\d s\.$/m);
    expect(ready).to.match(/2 managers: majority 2, survives no failure, the same as 1; 3/);
    const pasted = lines(ready).filter((line) => /^ {2}\S/.test(line));
    expect(pasted).to.have.length(6);
    // Two managers do not survive the loss of one, so another victim is proposed.
    expect(pasted.filter((line) => line.includes("kill"))).to.deep.equal(["  skein kill worker-1"]);
    const said = await shell.run(["bash", "-e", "-c", pasted.join("\n")]);
    expect(said.code, said.err).to.equal(0);
    expect(said.out).to.match(/web is running: 3 of 3 running, http:\/\/127.0.0.1:\d+\//);
    expect(said.out).to.match(/Hello from web\.\d/);
    expect(said.out).to.match(/^killed worker-1 \(1 process, \d+ processes of its tasks\)$/m);
    await done(["start", "worker-1"]);
    await done(["service", "rm", "web"]);
  });

  it("is attached to by a second up, unless that wants another one", async () => {
    const again = await skein(["up"]);
    expect(again.err).to.match(/^Cluster default runs already \(launcher pid \d+\)\.\n$/);
    expect(again.code).to.equal(0);
    await refused(["up", "--detach", "--workers", "5"], /it has 1 worker, not 5/);
    await refused(["up", "--cluster", "other"], /belongs to cluster default, not other/);
  });

  it("lists managers first, each by name", async () => {
    const listed = lines(await done(["node", "ls"]));
    const names = listed.map((line) => line.split(/ +/)[1]);
    expect(names).to.deep.equal(["HOSTNAME", "manager-1", "manager-2", "worker-1"]);
    const status = await done(["status"]);
    const rows = lines(status).map((line) => line.split(/ +/)[0]);
    expect(rows.slice(2, 5)).to.deep.equal(["manager-1", "manager-2", "worker-1"]);
  });

  it("runs a program of the caller's directory, wherever that is", async () => {
    const here = makeDirectory(shell.home, "my app");
    writeFileSync(join(here, "hello.js"), "setInterval(() => console.log(process.cwd()), 50)");
    // What npm left in the environment of some parent is not where the caller stands.
    const surroundings = { cwd: here, env: { INIT_CWD: ROOT } };
    await done(["run", "--name", "mine", "--", "node", "hello.js"], surroundings);
    const logs = await done(["logs", "--tail", "1", "mine"]);
    expect(logs).to.match(/^mine\.1@worker-1 \| /);
    expect(logs).to.contain(here);
    await done(["service", "rm", "mine"]);
  });

  it("says at once why a command that does not exist cannot run", async () => {
    const since = performance.now();
    const reason =
      /bad\.1 was rejected \(exec: "no-such-program": executable file not found in \$PATH\)/;
    await refused(["run", "--name", "bad", "--", "no-such-program"], reason);
    expect(performance.now() - since).to.be.below(15_000);
    expect(await done(["service", "ps", "bad"])).to.match(
      /Rejected .* no-such-program|no-such-program/,
    );
    await done(["service", "rm", "bad"]);
  });

  it("shows what a program said that keeps failing", async () => {
    const program = 'console.error("no DB_URL"); process.exit(3)';
    const said = await skein(["run", "--name", "crash", "--", "node", "-e", program]);
    expect(said.code).to.equal(1);
    expect(said.err).to.match(/^ {2}no DB_URL$/m);
    expect(said.err).to.match(/Cannot run service crash: crash\.1 failed 3 times \(.*exit \(3\)\)/);
    await done(["service", "rm", "crash"]);
  });

  it("refuses what it does not do yet, by name", async () => {
    const create = ["service", "create", "--name", "x"];
    await refused([...create, "nginx"], /image nginx is not supported yet/);
    await refused([...create, "--mount", "type=bind", "host", "true"], /mounts \(--mount\)/);
    expect(await done(["service", "ls", "-q"])).to.equal("");
  });

  it("names the program that has a port, on 127.0.0.1 and everywhere", async () => {
    for (const host of ["127.0.0.1", "0.0.0.0"]) {
      const port = await freePort();
      const foreign = await listener(host, port);
      const args = ["service", "create", "--name", "x", "-p", `${port}:3000`, "host", "true"];
      await refused(args, new RegExp(`port ${port}: it is in use on .* by pid ${process.pid} \\(`));
      foreign.close();
    }
  });

  it("refuses names that are taken or that nobody has", async () => {
    await done(["run", "--name", "one", "-d", "--", "sleep", "1000"]);
    await refused(
      ["run", "--name", "one", "--", "sleep", "1"],
      /service one already exists.*skein service rm one/,
    );
    await done(["service", "rm", "one"]);
    await refused(["service", "scale", "none=2"], /service none not found: skein service ls/);
    await refused(["service", "ps", "none"], /service none not found/);
    await refused(["logs", "none"], /service none not found|no such/);
    await refused(["node", "inspect", "none"], /node none not found: skein node ls/);
    await refused(["node", "rm", "worker-1"], /is not down/);
    await refused(
      ["kill", "nobody"],
      /there is no such node: there are manager-1, manager-2, worker-1/,
    );
    await refused(["start", "nobody"], /there is no such node/);
    await refused(["partition", "manager-1", "/", "mars"], /there is no node mars/);
  });

  it("shows what a published port carries, as all nodes count it", async () => {
    const port = await freePort();
    await done(["run", "--name", "seen", "-p", `${port}:3000`, "--", "node", hello()]);
    const top = done(["service", "top", "--once", "--every", "2s", "seen"]);
    const until = performance.now() + 1800;
    let asked = 0;
    while (performance.now() < until) {
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).to.equal(200);
      asked += 1;
    }
    const [, service = "", , task = ""] = lines(await top);
    expect(service).to.match(/^seen +[1-9][\d,.]* +0 +0 +≤ /);
    expect(task).to.match(/^seen\.1 +worker-1 +[1-9][\d,.]* +0 +\d$/);
    expect(asked).to.be.above(0);
    await done(["service", "rm", "seen"]);
    await refused(["service", "top", "--once", "nobody"], /service nobody not found/);
  });

  it("changes a service: scale, update, rollback, remove", async () => {
    // Nothing is watched for failure, so that the updates are quick.
    const run = ["run", "--name", "s", "-e", "A=1", "--update-monitor", "1ms"];
    await done([...run, "--rollback-monitor", "1ms", "--", "sleep", "1000"]);
    expect(await done(["service", "scale", "s=2"])).to.match(/s is running: 2 of 2/);
    await done(["service", "update", "--env-add", "B=2", "--label-add", "x=y", "s"]);
    const inspected = (): Promise<unknown> =>
      done(["service", "inspect", "s"]).then((text) => listAt({ all: JSON.parse(text) }, "all")[0]);
    const container = ["Spec", "TaskTemplate", "ContainerSpec", "Env"];
    expect(at(await inspected(), ...container)).to.deep.equal(["A=1", "B=2"]);
    await done(["service", "rollback", "s"]);
    expect(at(await inspected(), ...container)).to.deep.equal(["A=1"]);
    expect(await done(["service", "rm", "s"])).to.equal("s\n");
  });

  it("keeps configs", async () => {
    const file = join(shell.home, "motd");
    writeFileSync(file, "hello");
    const id = (await done(["config", "create", "-l", "a=b", "motd", file])).trim();
    expect(await done(["config", "ls"])).to.match(/motd/);
    const [config] = listAt({ all: JSON.parse(await done(["config", "inspect", "motd"])) }, "all");
    expect(textAt(config, "ID")).to.equal(id);
    expect(Buffer.from(textAt(config, "Spec", "Data"), "base64").toString()).to.equal("hello");
    await refused(["config", "create", "motd", file], /motd already exists/);
    writeFileSync(file, Buffer.alloc(1_100_000));
    await refused(["config", "create", "big", file], /1100000 bytes, at most 1024000/);
    await done(["config", "rm", "motd"]);
  });

  it("prints JSON and nothing else with --json, without colours where nobody looks", async () => {
    await done(["run", "--name", "j", "-d", "--", "sleep", "1000"]);
    const commands = [
      ["status"],
      ["env"],
      ["node", "ls"],
      ["node", "ps", "worker-1"],
      ["service", "ls"],
      ["service", "ps", "j"],
      ["service", "inspect", "j"],
      ["service", "scale", "j=1"],
      ["config", "ls"],
      ["up"],
      ["node", "update", "--label-add", "a=b", "worker-1"],
      ["service", "rm", "j"],
      ["start", "worker-1"],
    ];
    for (const args of commands) {
      const said = await skein([...args, "--json"], { env: { FORCE_TTY: "1" } });
      expect(said.code, `${args.join(" ")}: ${said.err}`).to.equal(0);
      expect(() => JSON.parse(said.out), `${args.join(" ")}: ${said.out}`).to.not.throw();
    }
    expect(await done(["status"])).to.not.include("\u001b");
  });

  it("is found by what skein env prints", async () => {
    const env = await done(["env"]);
    const script = `${env}\nskein status | head -1; skein pause worker-1; skein resume worker-1`;
    const said = await shell.run(["bash", "-c", script], { cwd: shell.home });
    expect(said.err).to.equal("");
    expect(lines(said.out).slice(1)).to.deep.equal(["paused worker-1", "resumed worker-1"]);
  });

  it("refuses malformed, oversized and stale requests, each with its own status", async () => {
    const [bad, big, deep, unknown] = [
      await post("/services/create", '{"Name":'),
      await post("/services/create", `"${"x".repeat(3_000_000)}"`),
      await post("/services/create", "[".repeat(100_000)),
      await post("/skein/v1/status?verbose=1", ""),
    ];
    expect([bad.status, deep.status]).to.deep.equal([400, 400]);
    expect(big.status).to.equal(413);
    expect(big.message).to.match(/longer than \d+ bytes/);
    expect(unknown.status).to.be.oneOf([400, 404]);
    const made = await post("/services/create", JSON.stringify(spec("stale")));
    expect(made.status).to.equal(201);
    const first = await post("/services/stale/update?version=1", JSON.stringify(spec("stale")));
    expect(first.message).to.match(/update out of sequence/);
    await done(["service", "rm", "stale"]);
  });

  it("tells two clusters apart, and which of them has a port", async () => {
    const other = shell.stateDir("two");
    const port = await freePort();
    await done(["run", "--name", "web", "-p", `${port}:3000`, "--", "node", hello()]);
    const up = ["up", "-d", "--managers", "1", "--workers", "1", "--state-dir", other];
    expect((await shell.skein([...up, "--cluster", "two"])).code).to.equal(0);
    const run = ["run", "--state-dir", other, "--name", "web", "-p"];
    const taken = await shell.skein([...run, `${port}:3000`, "--", "node", hello()]);
    expect(taken.err).to.contain(`of the local cluster in ${stateDir}`);
    const second = await freePort();
    const runs = await shell.skein([...run, `${second}:3000`, "--", "node", hello()]);
    expect(runs.err).to.equal("");
    const [a, b] = [await curl(port), await curl(second)];
    expect([a, b].map((text) => text.startsWith("Hello from web"))).to.deep.equal([true, true]);
    const indexes = [stateDir, other].map((directory) =>
      at(JSON.parse(readFileSync(join(directory, "cluster.json"), "utf8")), "index"),
    );
    expect(indexes[0]).to.not.equal(indexes[1]);
    await shell.skein(["down", "--purge", "--state-dir", other]);
    expect(await curl(port)).to.match(/^Hello from web/);
  });

  async function curl(port: number): Promise<string> {
    return (await shell.run(["curl", "-s", "-m", "5", `http://127.0.0.1:${port}/`])).out;
  }
});

function hello(): string {
  return join(ROOT, "examples/hello/server.js");
}

function spec(name: string): object {
  return {
    Name: name,
    TaskTemplate: { ContainerSpec: { Image: "host", Args: ["sleep", "1000"] } },
  };
}
