/** What a command line can get wrong where no cluster is needed to say so. */
import { writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect } from "chai";
import type { Said } from "./support/shell.ts";
import { lines, makeDirectory, Shell } from "./support/shell.ts";

/** One clear line on standard error, nothing on standard output, no stack, nothing said twice. */
function expectRefusal(said: Said, reason: RegExp, code = 1): void {
  expect(said.out).to.equal("");
  const told = lines(said.err);
  expect(told, said.err).to.have.length(1);
  expect(told[0]).to.match(/^Cannot /);
  expect(told[0]).to.match(reason);
  expect(told[0]).to.not.match(/Cannot .*Cannot |\bat .*:\d+:\d+|Error:/);
  expect(said.code).to.equal(code);
}

describe("a command line", function () {
  this.timeout(20_000);
  const shell = new Shell();
  after(() => shell.close());

  const misused: readonly { readonly args: readonly string[]; readonly reason: RegExp }[] = [
    {
      args: ["frobnicate"],
      reason: /^Cannot run skein: unknown command 'frobnicate': see skein --help$/,
    },
    {
      args: ["up", "--foo"],
      reason: /^Cannot run skein up: unknown option '--foo': see skein up --help$/,
    },
    { args: ["up", "--manager", "3"], reason: /Did you mean --managers\?/ },
    {
      args: ["up", "--managers", "three"],
      reason: /'three' is invalid. it must be a whole number/,
    },
    { args: ["up", "--restart-after", "10"], reason: /a duration such as 10s/ },
    { args: ["kill"], reason: /^Cannot run skein kill: missing required argument 'node'/ },
    { args: ["run", "-p", "99999:1", "--", "x"], reason: /99999 is not a port/ },
    { args: ["service", "update", "--env", "A=1", "web"], reason: /unknown option '--env'/ },
    { args: ["node", "update", "--availability", "gone", "x"], reason: /active, pause, drain/ },
    { args: ["status", "extra"], reason: /too many arguments/ },
  ];
  for (const { args, reason } of misused) {
    it(`skein ${args.join(" ")}`, async () => expectRefusal(await shell.skein(args), reason, 2));
  }

  const refused: readonly { readonly args: readonly string[]; readonly reason: RegExp }[] = [
    { args: ["up", "--managers", "0"], reason: /at least one manager: --managers 1, or better 3$/ },
    { args: ["up", "--managers", "300"], reason: /303 nodes are too many: at most 250/ },
    { args: ["status"], reason: /there is no cluster in .*: start one with skein up$/ },
    { args: ["down"], reason: /there is no cluster in / },
    { args: ["kill", "worker-1"], reason: /there is no cluster in / },
    { args: ["service", "ls", "--cluster", "two"], reason: /no cluster in .*skein\/two/ },
    { args: ["up", "--state-dir", "/proc/skein"], reason: /\/proc\/skein cannot be used/ },
    { args: ["status", "--state-dir", "/x", "--host", "/y"], reason: /give one of/ },
    { args: ["status", "--host", "tcp://127.0.0.1:1"], reason: /not a unix socket: write unix:/ },
    { args: ["status", "--host", "/nowhere/skein.sock"], reason: /its socket is not there/ },
    { args: ["config", "create", "a", "/nowhere/file"], reason: /cannot be read \(ENOENT\)/ },
    { args: ["service", "scale", "web"], reason: /web=5/ },
  ];
  for (const { args, reason } of refused) {
    it(`skein ${args.join(" ")}`, async () => expectRefusal(await shell.skein(args), reason));
  }

  it("needs no home directory to say that it has none", async () => {
    const env = { HOME: "" };
    const said = await shell.skein(["status", "--state-dir", shell.stateDir("none")], { env });
    expectRefusal(said, /there is no cluster in/);
  });

  it("does not start among somebody else's files, nor purge them", async () => {
    const directory = makeDirectory(shell.home, "foreign");
    writeFileSync(join(directory, "notes.txt"), "mine");
    for (const more of [[], ["--detach"]]) {
      const up = await shell.skein(["up", ...more, "--state-dir", directory]);
      expectRefusal(up, /holds files that are not a cluster's \(notes.txt\)/);
    }
    const down = await shell.skein(["down", "--purge", "--state-dir", directory]);
    expectRefusal(down, /there is no cluster in/);
    const { out } = await shell.run(["ls", "-A", directory]);
    expect(out).to.equal("notes.txt\n");
  });

  it("names a state directory it may not write to", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    const directory = makeDirectory(shell.home, "closed");
    await shell.run(["chmod", "711", shell.home]);
    const up = await shell.skein(["up", "--state-dir", directory], { uid: 12_345 });
    expectRefusal(
      up,
      /closed cannot be used \(EACCES: permission denied\): give another --state-dir/,
    );
  });
});

describe("a Docker that is not Skein", function () {
  this.timeout(20_000);
  const shell = new Shell();
  const asked: string[] = [];
  let docker: Server;
  let socket: string;
  before((done) => {
    socket = join(shell.home, "docker.sock");
    docker = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const version = { Platform: { Name: "Docker Engine - Community" }, Version: "28.2.2" };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(version));
    });
    docker.listen(socket, done);
  });
  after(async () => {
    docker.close();
    await shell.close();
  });

  for (const variable of ["DOCKER_HOST", "SKEIN_HOST"]) {
    it(`is refused by name in ${variable}, and asked nothing but who it is`, async () => {
      asked.length = 0;
      const env = { [variable]: `unix://${socket}` };
      const said = await shell.skein(["service", "create", "host", "sleep", "1"], { env });
      expectRefusal(
        said,
        new RegExp(`${variable} is .*Docker Engine - Community answers, not Skein`),
      );
      expect(asked).to.deep.equal(["GET /version"]);
    });
  }

  it("is no local cluster to kill nodes of", async () => {
    const said = await shell.skein(["kill", "worker-1", "--host", `unix://${socket}`]);
    expectRefusal(said, /not a local cluster's: give --cluster or --state-dir/);
  });
});
