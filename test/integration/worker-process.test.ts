/** A real worker process against a leader that the test plays over the real network. */
import type { ChildProcess } from "node:child_process";
import { fork, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clusterId, nodeId, sessionId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { Link } from "@skein/common/io/network";
import type { TaskStatus } from "@skein/common/model/task";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import { readIdentity, writeIdentity } from "@skein/common/node/identity";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import { decode, encode } from "@skein/common/wire/codec";
import type { Assignment, FromWorker, ToWorker } from "@skein/common/wire/dispatch-messages";
import { fromWorkerSchema } from "@skein/common/wire/dispatch-messages";
import { assignment } from "@skein/worker/agent/fixtures";
import { expect } from "chai";

const ENTRY = fileURLToPath(
  new URL("../../packages/worker/dist/skein-worker.mjs", import.meta.url),
);
const DEADLINE_MS = 10_000;
/** Addresses nobody else has: every run takes its own corner of 127.0.0.0/8. */
const CORNER = `127.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`;

class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "skein-wp-"));
  readonly state = join(this.directory, "worker");
  readonly clock = systemClock();
  readonly random = systemRandom();
  readonly node = nodeId(this.random.id());
  readonly statuses = new Map<string, TaskStatus>();
  readonly heard: FromWorker[] = [];
  readonly output: string[] = [];
  readonly children = new Set<ChildProcess>();
  tasks: readonly Assignment[] = [];
  network: TlsNetwork | undefined;
  link: Link | undefined;
  version = 0;

  async open(): Promise<void> {
    const cluster = clusterId(this.random.id());
    const now = this.clock.wall();
    const authority = await createAuthority({ clusterId: cluster, now });
    for (const [name, role, id] of [
      ["leader", "manager", nodeId(this.random.id())],
      ["worker", "worker", this.node],
    ] as const) {
      const identity = join(this.directory, name, "identity");
      mkdirSync(identity, { recursive: true, mode: 0o700 });
      const addresses = [`${CORNER}.1`, `${CORNER}.2`];
      const node = { nodeId: id, role, clusterId: cluster, addresses, now };
      writeIdentity(identity, await issueNodeCertificate(authority, node));
    }
    writeFileSync(join(this.state, "node.json"), JSON.stringify(this.#config(cluster)));
    await this.#lead();
  }

  #config(cluster: string): object {
    return {
      schema: 1,
      clusterId: cluster,
      clusterName: "test",
      nodeId: this.node,
      name: "worker-1",
      role: "worker",
      availability: "active",
      address: `${CORNER}.2`,
      managerPort: 2377,
      controlPort: 7946,
      dataPort: 4789,
      apiSocket: join(this.state, "api.sock"),
      plane: "loopback",
      taskPool: "10.65.0.0/16",
      managers: [`${CORNER}.1:2377`],
      local: true,
    };
  }

  async #lead(): Promise<void> {
    const identity = readIdentity(join(this.directory, "leader", "identity"));
    if (!identity.ok) throw new Error(identity.error.reason);
    const ports = { clock: this.clock, log: silentLog, metrics: noMetrics };
    const network = createTlsNetwork({ identity: identity.value, ...ports });
    this.network = network;
    const accept = () => ({
      opened: (link: Link) => {
        this.link = link;
      },
      message: (bytes: Uint8Array) => this.#message(bytes),
      closed: () => undefined,
    });
    const error = await new Promise<string | undefined>((ready) => {
      network.listen(`${CORNER}.1:2377`, { "/dispatch": accept }, ready);
    });
    expect(error).to.equal(undefined);
  }

  #message(bytes: Uint8Array): void {
    const decoded = decode(fromWorkerSchema, bytes);
    if (!decoded.ok) throw new Error(decoded.error.reason);
    const message = decoded.value;
    this.heard.push(message);
    if (message.kind === "hello") {
      for (const { taskId, status } of message.tasks) this.statuses.set(taskId, status);
      const session = sessionId(this.random.id());
      this.say({ kind: "welcome", version: 1, session, heartbeatMs: 1000, managers: [] });
      this.assign(this.tasks);
    }
    if (message.kind === "status") {
      for (const { taskId, status } of message.reports) this.statuses.set(taskId, status);
      this.say({ kind: "status-stored", sequence: message.sequence });
    }
  }

  say(message: ToWorker): void {
    this.link?.send(encode(message));
  }

  assign(tasks: readonly Assignment[]): void {
    this.tasks = tasks;
    this.version += 1;
    const set = { kind: "assignments", complete: true, base: 0, remove: [] } as const;
    this.say({ ...set, version: this.version, put: tasks });
  }

  /** Resolves when it is ready, or has ended. */
  async start(...args: readonly string[]): Promise<ChildProcess> {
    const child = fork(ENTRY, ["--state-dir", this.state, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: [],
    });
    this.children.add(child);
    child.once("exit", () => this.children.delete(child));
    let isReady = false;
    child.on("message", () => {
      isReady = true;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => this.output.push(String(chunk)));
    }
    await this.until(() => isReady || child.exitCode !== null, "ready worker");
    return child;
  }

  task(name: string, script: string, options: Partial<Assignment> = {}): Assignment {
    const process = { args: ["/bin/sh", "-c", script], env: [`PATH=${globalPath()}`] };
    const id = `${name}-${this.random.id()}`;
    return { ...assignment(id, { process }), nodeId: this.node, ...options };
  }

  stateOf(task: Assignment): string | undefined {
    return this.statuses.get(task.taskId)?.state;
  }

  async reaches(task: Assignment, state: string): Promise<TaskStatus> {
    await this.until(() => this.stateOf(task) === state, `${task.taskId} ${state}`);
    return this.statuses.get(task.taskId) ?? { state: "new", at: 0, message: "" };
  }

  async until(isTrue: () => boolean, what: string): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while (!isTrue()) {
      if (Date.now() > end) throw new Error(`no ${what}\n${this.output.join("")}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }

  /** Processes of this node's tasks. */
  processes(): readonly number[] {
    const mark = `SKEIN_NODE_ID=${this.node}`;
    const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
    return pids.filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
      } catch {
        return false;
      }
    });
  }

  close(): readonly number[] {
    for (const child of this.children) child.kill("SIGKILL");
    this.network?.close("the test is over");
    const left = this.processes();
    for (const pid of left) process.kill(pid, "SIGKILL");
    rmSync(this.directory, { recursive: true });
    return left;
  }
}

function globalPath(): string {
  return process.env["PATH"] ?? "/usr/bin:/bin";
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((done) => child.once("exit", (code) => done(code)));
}

describe("a worker process", function () {
  this.timeout(30_000);
  let bench: Bench;

  before(function () {
    if (process.platform !== "linux") this.skip();
    expect(existsSync(ENTRY), "the bundle (npm run build)").to.equal(true);
  });
  beforeEach(async () => {
    bench = new Bench();
    await bench.open();
  });
  afterEach(() => {
    expect(bench.close(), "processes left behind").to.deep.equal([]);
  });

  it("runs tasks and tells how they end", async () => {
    await bench.start();
    const good = bench.task("good", "exit 0");
    const bad = bench.task("bad", "exit 9");
    const none = { ...bench.task("none", ""), spec: specOf("nosuchprogram") };
    bench.assign([good, bad, none]);
    await bench.reaches(good, "complete");
    expect((await bench.reaches(bad, "failed")).error).to.equal("task: non-zero exit (9)");
    const { error } = await bench.reaches(none, "rejected");
    expect(error).to.equal('exec: "nosuchprogram": executable file not found in $PATH');
    bench.assign([]);
    const left = (): readonly string[] => readdirSync(join(bench.state, "tasks"));
    await bench.until(() => left().length === 0, "removal of every file");
  });

  it("adopts after kill -9: the task runs on, and its exit code is known", async () => {
    const first = await bench.start();
    const go = join(bench.directory, "go");
    const task = bench.task("adopted", `while [ ! -e ${go} ]; do sleep 0.02; done; exit 5`);
    bench.assign([task]);
    const { pid } = await bench.reaches(task, "running");
    first.kill("SIGKILL");
    await ended(first);
    bench.statuses.clear();
    await bench.start();
    expect((await bench.reaches(task, "running")).pid).to.equal(pid);
    writeFileSync(go, "");
    expect((await bench.reaches(task, "failed")).exitCode).to.equal(5);
  });

  it("learns how a task ended while no agent ran", async () => {
    const first = await bench.start();
    const task = bench.task("ended", "sleep 0.3; exit 6");
    bench.assign([task]);
    await bench.reaches(task, "running");
    first.kill("SIGKILL");
    await ended(first);
    await bench.until(() => bench.processes().length === 0, "end of the task");
    await bench.start();
    expect((await bench.reaches(task, "failed")).exitCode).to.equal(6);
  });

  it("stops what is no longer assigned when it comes back", async () => {
    const first = await bench.start();
    const task = bench.task("unwanted", "setsid sleep 1000 & sleep 1000");
    bench.assign([task]);
    await bench.reaches(task, "running");
    first.kill("SIGKILL");
    await ended(first);
    bench.tasks = [];
    await bench.start();
    await bench.until(() => bench.processes().length === 0, "end of the task");
  });

  it("ends on SIGTERM with every task stopped and told", async () => {
    const child = await bench.start();
    const tasks = ["a", "b"].map((name) => bench.task(name, "setsid sleep 1000 & sleep 1000"));
    bench.assign(tasks);
    for (const task of tasks) await bench.reaches(task, "running");
    child.kill("SIGTERM");
    expect(await ended(child)).to.equal(0);
    for (const task of tasks) expect(bench.stateOf(task)).to.equal("shutdown");
    expect(bench.processes()).to.deep.equal([]);
    expect(bench.heard.some((message) => message.kind === "leaving")).to.equal(true);
  });

  it("leaves the tasks running when it is told to, and says when it is back", async () => {
    const child = await bench.start("--keep-tasks");
    const task = bench.task("kept", "sleep 1000");
    bench.assign([task]);
    await bench.reaches(task, "running");
    child.send({ kind: "stop", reason: "upgrade" });
    expect(await ended(child)).to.equal(0);
    expect(bench.heard.at(-1)).to.deep.equal({
      kind: "leaving",
      restarting: true,
      backWithinMs: 60_000,
    });
    expect(bench.processes()).to.not.deep.equal([]);
    await bench.start();
    bench.assign([]);
    await bench.until(() => bench.processes().length === 0, "end of the task");
  });

  it("lives on when the launcher dies", async () => {
    const child = await bench.start();
    child.disconnect();
    const task = bench.task("after", "exit 0");
    bench.assign([task]);
    await bench.reaches(task, "complete");
  });

  it("refuses a state directory that is in use, and one that is damaged", async () => {
    const first = await bench.start();
    const second = await bench.start();
    expect(await ended(second)).to.equal(1);
    expect(bench.output.join("")).to.include(`process ${first.pid} uses it`);
    writeFileSync(join(bench.directory, "leader", "node.json"), "{}");
    const args = [ENTRY, "--state-dir", join(bench.directory, "leader")];
    const third = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(third.status).to.equal(1);
    expect(third.stderr).to.match(/^Cannot start worker: .*node\.json: /);
  });
});

function specOf(program: string): Assignment["spec"] {
  return assignment("x", { process: { args: [program] } }).spec;
}
