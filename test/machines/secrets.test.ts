/** A secret reaches its tasks as a file in memory; nothing else on the machine ever holds it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { Machine } from "../support/machine.ts";
import { until } from "../support/wait.ts";

const DEADLINE_MS = 30_000;
const VALUE = "kestrel-Vq7ZpLr2-first";
const OTHER = "kestrel-Hd9TnWx4-second";
const CONFIG = "motd: welcome";
/** Says how long the value is and which permissions its file has, never the value. */
const SCRIPT =
  'echo "len=$(wc -c < "$SKEIN_SECRETS_DIR/pw") mode=$(stat -c %a "$SKEIN_SECRETS_DIR/pw")' +
  ' dir=$SKEIN_SECRETS_DIR motd=$(cat "$SKEIN_CONFIGS_DIR/motd")"; exec sleep 3000';

describe("a secret", function () {
  this.timeout(90_000);
  const machine = new Machine(1);
  let secret = "";
  let directory = "";

  before(async () => {
    await machine.start();
    const made = await machine.init();
    expect(made.status, String(made.message)).to.equal(200);
    await until(
      DEADLINE_MS,
      "an authority",
      async () => (await machine.ask("GET /swarm")).status === 200,
    );
  });
  after(() => machine.remove());

  it("is kept by Swarm's rules, and never shown", async () => {
    const body = { Name: "pw", Labels: { a: "1" }, Data: base64(VALUE) };
    const made = await machine.ask("POST /secrets/create", { body });
    expect(made.status, String(made.message)).to.equal(201);
    secret = (made.body as { ID: string }).ID;
    const rows = [
      [{ ...body }, 409],
      [{ Name: "", Data: base64("x") }, 400],
      [{ Name: "empty" }, 400],
      [{ Name: "big", Data: base64("x".repeat(512_001)) }, 400],
    ] as const;
    for (const [sent, status] of rows) {
      expect((await machine.ask("POST /secrets/create", { body: sent })).status).to.equal(status);
    }
    for (const path of ["/secrets", `/secrets/${secret}`, "/secrets/pw"]) {
      const { status, bytes } = await machine.ask(`GET ${path}`);
      expect(status).to.equal(200);
      expect(bytes.includes(VALUE) || bytes.includes(base64(VALUE)), path).to.equal(false);
    }
  });

  it("is a file in memory for the task, as is a config", async () => {
    const made = await machine.ask("POST /configs/create", {
      body: { Name: "motd", Labels: {}, Data: base64(CONFIG) },
    });
    const config = (made.body as { ID: string }).ID;
    const created = await machine.ask("POST /services/create", { body: service(secret, config) });
    expect(created.status, String(created.message)).to.equal(201);
    const line = await output(machine, `len=${VALUE.length}`);
    expect(line).to.include("mode=440");
    expect(line).to.include(`motd=${CONFIG}`);
    directory = /dir=(\S+)/.exec(line)?.[1] ?? "";
    expect(directory).not.to.include(machine.directory);
    expect(statSync(join(directory, "..")).mode & 0o777).to.equal(0o700);
    const removal = await machine.ask(`DELETE /secrets/${secret}`);
    expect(removal.status).to.equal(400);
    expect(removal.message).to.include("secret 'pw' is in use by the following service: web");
  });

  it("changes: a new value means new tasks, the same value means nothing", async () => {
    const task = (await running(machine))[0];
    await update(machine, secret, VALUE);
    expect(await running(machine)).to.deep.equal([task]);
    await update(machine, secret, OTHER);
    await output(machine, `len=${OTHER.length}`);
    await until(DEADLINE_MS, "another task", async () => {
      const now = await running(machine);
      return now.length === 1 && now[0] !== task;
    });
    await until(DEADLINE_MS, "its files gone", () => !existsSync(join(directory, "..")));
  });

  it("a config changes likewise", async () => {
    const { body } = await machine.ask("GET /configs/motd");
    const { ID, Version } = body as { ID: string; Version: { Index: number } };
    const query = { version: String(Version.Index) };
    const sent = { Name: "motd", Labels: {}, Data: base64("motd: goodbye") };
    const answer = await machine.ask(`POST /configs/${ID}/update`, { query, body: sent });
    expect(answer.status, String(answer.message)).to.equal(200);
    await output(machine, "motd=motd: goodbye");
    const renamed = await machine.ask(`POST /configs/${ID}/update`, {
      query,
      body: { ...sent, Name: "other" },
    });
    expect(renamed.status).to.equal(400);
  });

  it("leaves no byte in any file, log, answer or command line", async () => {
    expect((await machine.ask("DELETE /services/web")).status).to.equal(200);
    await until(DEADLINE_MS, "no task", async () => (await running(machine)).length === 0);
    const removed = await until(DEADLINE_MS, "removed", async () => {
      const answer = await machine.ask(`DELETE /secrets/${secret}`);
      return answer.status === 204 && answer;
    });
    expect(removed.status).to.equal(204);
    const needles = [VALUE, OTHER].flatMap((value) => [value, base64(value)]);
    const found = (bytes: Buffer): boolean => needles.some((needle) => bytes.includes(needle));
    for (const name of readdirSync(machine.directory, { recursive: true, encoding: "utf8" })) {
      const bytes = Buffer.from(readText(join(machine.directory, name)), "latin1");
      expect(found(bytes), name).to.equal(false);
    }
    expect(found(Buffer.from(machine.output())), "the log").to.equal(false);
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      for (const file of ["cmdline", "environ"]) {
        const bytes = Buffer.from(readText(`/proc/${pid}/${file}`), "latin1");
        expect(found(bytes), `${file} of ${pid}`).to.equal(false);
      }
    }
    for (const path of ["/services", "/tasks", "/secrets", "/info", "/metrics"]) {
      expect(found((await machine.ask(`GET ${path}`)).bytes), path).to.equal(false);
    }
  });
});

function service(secret: string, config: string): object {
  const file = (name: string) => ({ Name: name, UID: "0", GID: "0", Mode: 0o440 });
  return {
    Name: "web",
    TaskTemplate: {
      ContainerSpec: {
        Image: "host",
        Command: ["/bin/sh", "-c", SCRIPT],
        StopGracePeriod: 100_000_000,
        Secrets: [{ SecretID: secret, SecretName: "pw", File: file("pw") }],
        Configs: [{ ConfigID: config, ConfigName: "motd", File: file("/motd") }],
      },
    },
    Mode: { Replicated: { Replicas: 1 } },
  };
}

async function update(machine: Machine, id: string, value: string): Promise<void> {
  const { body } = await machine.ask(`GET /secrets/${id}`);
  const version = String((body as { Version: { Index: number } }).Version.Index);
  const sent = { Name: "pw", Labels: {}, Data: base64(value) };
  const answer = await machine.ask(`POST /secrets/${id}/update`, {
    query: { version },
    body: sent,
  });
  expect(answer.status, String(answer.message)).to.equal(200);
}

interface Shown {
  readonly ID: string;
  readonly Status: { readonly State: string };
}

async function running(machine: Machine): Promise<readonly string[]> {
  const { body } = await machine.ask("GET /tasks");
  const tasks = body as readonly Shown[];
  return tasks.filter(({ Status }) => Status.State === "running").map(({ ID }) => ID);
}

function output(machine: Machine, part: string): Promise<string> {
  return until(DEADLINE_MS, `a line with ${part}`, async () => {
    const query = { stdout: "1", stderr: "1" };
    const { bytes } = await machine.ask("GET /services/web/logs", { query });
    return bytes
      .toString("utf8")
      .split("\n")
      .find((line) => line.includes(part));
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
