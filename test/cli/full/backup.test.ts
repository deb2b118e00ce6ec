/** A cluster of real processes is backed up while it runs, and another is made of the file. */
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { at, listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import { ask } from "../../support/api-client.ts";
import type { Said } from "../support/shell.ts";
import { freePort, lines, Shell } from "../support/shell.ts";

/** Answers with its secret, on nodes of one label. The command line gives no secrets yet. */
function specOf(port: number, secret: string): object {
  const read = 'require("fs").readFileSync(process.env.SKEIN_SECRETS_DIR + "/word", "utf8")';
  const program = `require("http").createServer((_, r) => r.end(${read})).listen(3000)`;
  const file = { Name: "word", UID: "0", GID: "0", Mode: 0o444 };
  return {
    Name: "web",
    TaskTemplate: {
      ContainerSpec: {
        Image: "host",
        Command: ["node", "-e", program],
        Secrets: [{ SecretID: secret, SecretName: "word", File: file }],
      },
      Placement: { Constraints: ["node.labels.zone==a"] },
    },
    EndpointSpec: { Ports: [{ TargetPort: 3000, PublishedPort: port }] },
  };
}

describe("a backup of a running cluster", function () {
  this.timeout(120_000);
  const shell = new Shell();
  const [old, again] = [shell.stateDir("old"), shell.stateDir("again")];
  const file = join(shell.home, "cluster.bak");
  const env = { SKEIN_BACKUP_PASSPHRASE: "correct horse" };
  let port = 0;
  after(() => shell.close());

  function tell(stateDir: string, ...args: readonly string[]): Promise<Said> {
    return shell.skein(["--state-dir", stateDir, ...args], { env });
  }

  async function done(stateDir: string, ...args: readonly string[]): Promise<string> {
    const said = await tell(stateDir, ...args);
    expect(said.code, `skein ${args.join(" ")}: ${said.err}`).to.equal(0);
    return said.out;
  }

  async function inspected(stateDir: string, kind: string, name: string): Promise<unknown> {
    const all: unknown = JSON.parse(await done(stateDir, kind, "inspect", name));
    return listAt({ all }, "all")[0];
  }

  before(async () => {
    port = await freePort();
    await done(old, "up", "--detach", "--managers", "3", "--workers", "1");
    writeFileSync(join(shell.home, "word"), "sesame");
    await done(old, "node", "update", "--label-add", "zone=a", "worker-1");
    await done(old, "secret", "create", "word", join(shell.home, "word"));
    const secret = textAt(await inspected(old, "secret", "word"), "ID");
    const socket = join(old, "skein.sock");
    const made = await ask(socket, "POST /services/create", { body: specOf(port, secret) });
    expect(made.status, String(made.message)).to.equal(201);
    expect(await answer(port)).to.equal("sesame");
  });

  it("is one sealed file, its owner's, and nothing replaces it unasked", async () => {
    const said = await done(old, "backup", file);
    expect(said).to.match(/^Backed up cluster default \(1 service, 4 nodes, index \d+\) to /);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const text = readFileSync(file, "latin1");
    expect(text.includes("sesame") || text.includes("node.labels.zone")).to.equal(false);
    const second = await tell(old, "backup", file);
    expect(second.code).to.equal(1);
    expect(second.err).to.match(/is there already: give another, or --force/);
  });

  it("is refused with one clear line: wrong passphrase, cut off, no backup", async () => {
    const broken = join(shell.home, "broken.bak");
    const bytes = readFileSync(file);
    const refused = async (path: string, passphrase = "correct horse"): Promise<string> => {
      const said = await shell.skein(["restore", path, "--state-dir", again], {
        env: { SKEIN_BACKUP_PASSPHRASE: passphrase },
      });
      expect(said.code).to.equal(1);
      expect(lines(said.err)).to.have.length(1);
      return said.err;
    };
    expect(await refused(file, "wrong")).to.match(/^Cannot restore: .*the passphrase is not the/);
    writeFileSync(broken, bytes);
    truncateSync(broken, bytes.length - 1);
    expect(await refused(broken)).to.match(/cut off/);
    expect(await refused(join(shell.home, "word"))).to.match(/it is no backup of Skein's/);
  });

  it("becomes another cluster, with its services, secrets, labels and tokens", async () => {
    const before = await inspected(old, "service", "web");
    const token = await done(old, "swarm", "join-token", "-q", "worker");
    await done(old, "down");
    const said = await done(again, "restore", file);
    expect(said).to.match(/^Restored cluster default .*\nStart it with: skein up --state-dir /);
    await done(again, "up", "--detach");
    const after = await inspected(again, "service", "web");
    expect(textAt(after, "ID")).to.equal(textAt(before, "ID"));
    expect(at(after, "Spec")).to.deep.equal(at(before, "Spec"));
    expect(await done(again, "swarm", "join-token", "-q", "worker")).to.equal(token);
    expect(await answer(port)).to.equal("sesame");
    await done(again, "service", "scale", "web=2");
    const scaled = await inspected(again, "service", "web");
    expect(numberAt(scaled, "Version", "Index")).to.be.above(1_000_000);
    const ids = [old, again].map((dir) =>
      textAt(JSON.parse(readFileSync(join(dir, "cluster.json"), "utf8")), "clusterId"),
    );
    expect(ids[0]).to.not.equal(ids[1]);
  });

  it("comes back a second time from its own log", async () => {
    await done(again, "down");
    await done(again, "up", "--detach");
    expect(await answer(port)).to.equal("sesame");
  });

  it("does not overwrite a cluster", async () => {
    const said = await tell(again, "restore", file);
    expect(said.code).to.equal(1);
    expect(said.err).to.match(/there is a cluster in .*: give another --state-dir or --cluster/);
  });

  async function answer(of: number): Promise<string> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        return await (await fetch(`http://127.0.0.1:${of}/`)).text();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
});
