/**
 * The steps of the main job, in order. Each gives a figure or a word, or throws with what went
 * wrong.
 */
import { spawnSync } from "node:child_process";
import type { RequestOptions } from "node:http";
import { request as httpRequest } from "node:http";
import { at, textAt } from "@skein/cli/api/read";
import type { ClusterJson, Stranger } from "./stranger.ts";

type Step = readonly [name: string, run: () => Promise<string>];

const PORT = 8080;

export class Experiment {
  readonly #stranger: Stranger;
  readonly #hasDocker = spawnSync("docker", ["--version"], { stdio: "ignore" }).status === 0;

  constructor(stranger: Stranger) {
    this.#stranger = stranger;
  }

  steps(): readonly Step[] {
    return [
      ["npm run up -- --detach in a fresh clone", () => this.#up()],
      ["node ls shows 3 managers with one leader and 3 workers", () => this.#nodes()],
      ["a service with three replicas converges", () => this.#create()],
      ["every node and 127.0.0.1 answer with all three replicas", () => this.#everywhere()],
      ["the leader is killed under 20 requests a second", () => this.#killLeader()],
      ["a worker is killed under 20 requests a second", () => this.#killWorker()],
      ["a killed machine takes its tasks along; they run elsewhere", () => this.#killMachine()],
      ["every manager is killed at once and nothing acknowledged is lost", () => this.#killAll()],
      ["the clusters' processes are gone after down", () => this.#down()],
    ];
  }

  /** Without these there is nothing to go on with. */
  isFatal(name: string): boolean {
    return this.steps().findIndex(([step]) => step === name) < 3;
  }

  async #up(): Promise<string> {
    const said = await this.#stranger.ok("npm", ["run", "up", "--", "--detach"]);
    const ready = /Ready.*/.exec(said)?.[0];
    if (ready === undefined) throw new Error(`no ready line in: ${said}`);
    return ready;
  }

  async #nodes(): Promise<string> {
    const nodes = await this.#api("/nodes");
    const managers = nodes.filter((node) => at(node, "ManagerStatus") !== undefined);
    const leaders = managers.filter(isLeader);
    const ready = nodes.filter((node) => textAt(node, "Status", "State") === "ready");
    expect("nodes", [nodes.length, managers.length, leaders.length, ready.length], [6, 3, 1, 6]);
    if (!this.#hasDocker) return "without the docker CLI";
    const listed = await this.#stranger.docker(["node", "ls"]);
    expect("lines with Leader", (listed.match(/Leader/g) ?? []).length, 1);
    return "docker node ls agrees";
  }

  async #create(): Promise<string> {
    const flags = ["--name", "web", "--replicas", "3", "-p", `${PORT}:3000`];
    const program = ["node", "examples/hello/server.js"];
    if (this.#hasDocker) {
      await this.#stranger.docker(["service", "create", "-d", ...flags, "host", ...program]);
    } else {
      await this.#stranger.skein(["run", "-d", ...flags, "--", ...program]);
    }
    return `${await this.#runningWithin(15_000, 3)} ms`;
  }

  async #everywhere(): Promise<string> {
    const addresses = this.#cluster().nodes.map((node) => node.address);
    for (const address of [...addresses, "127.0.0.1"]) {
      const tasks = new Set<string>();
      for (let at = 0; at < 12; at += 1) tasks.add(taskOf(await request(address)));
      expect(`replicas that answered on ${address}`, tasks.size, 3);
    }
    return `${addresses.length + 1} addresses`;
  }

  async #killLeader(): Promise<string> {
    const leader = await this.#leaderPid();
    const load = this.#load(200, new Set([leader.node]));
    await pause(2000);
    process.kill(leader.pid, "SIGKILL");
    const writeMs = await this.#writeWithin(1500);
    const failures = await load;
    expect("failed requests", failures, []);
    await this.#stranger.skein(["start", leader.node]);
    return `a write was accepted ${writeMs} ms after the kill`;
  }

  async #killWorker(): Promise<string> {
    const victim = await this.#nodeWithTask();
    const pid = victim.pids.worker ?? 0;
    const load = this.#load(200, new Set([victim.name]));
    await pause(2000);
    process.kill(pid, "SIGKILL");
    const tookMs = await this.#runningWithin(3000, 3, victim.id);
    const failures = await load;
    expect("failed requests", failures, []);
    await this.#stranger.skein(["start", victim.name]);
    return `three tasks ran elsewhere after ${tookMs} ms`;
  }

  async #killMachine(): Promise<string> {
    const victim = await this.#nodeWithTask();
    await this.#stranger.skein(["kill", victim.name]);
    const tookMs = await this.#runningWithin(3000, 3, victim.id);
    await this.#stranger.skein(["start", victim.name]);
    return `three tasks ran elsewhere after ${tookMs} ms`;
  }

  async #killAll(): Promise<string> {
    const names = Array.from({ length: 20 }, (_, at) => `kept-${at}`);
    for (const name of names) await this.#writeConfig(name);
    const managers = this.#cluster().nodes.filter((node) => node.role === "manager");
    for (const { pids } of managers) if (pids.manager !== undefined) process.kill(pids.manager, 9);
    await pause(300);
    expect("answer without managers", taskOf(await request("127.0.0.1")) !== "", true);
    for (const { name } of managers) await this.#stranger.skein(["start", name]);
    await this.#writeWithin(10_000);
    const configs = await this.#api("/configs");
    const kept = configs.map((config) => textAt(config, "Spec", "Name"));
    expect(
      "configs lost",
      names.filter((name) => !kept.includes(name)),
      [],
    );
    return `${names.length} acknowledged writes are there`;
  }

  async #down(): Promise<string> {
    const { nodes } = this.#cluster();
    await this.#stranger.skein(["down", "--purge"]);
    const ids = nodes.map((node) => node.id).join("|");
    const left = spawnSync("sh", ["-c", `grep -lE '${ids}' /proc/[0-9]*/environ 2>/dev/null`]);
    expect("processes of tasks left", left.stdout.toString().trim(), "");
    return "";
  }

  #cluster(): ClusterJson {
    return this.#stranger.cluster();
  }

  /** `count` requests, 20 a second, over every living node in turn; the failures. */
  async #load(count: number, dead: ReadonlySet<string>): Promise<readonly string[]> {
    const living = this.#cluster().nodes.filter((node) => !dead.has(node.name));
    const addresses = ["127.0.0.1", ...living.map((node) => node.address)];
    const failures: string[] = [];
    const open: Promise<void>[] = [];
    for (let at = 0; at < count; at += 1) {
      const address = addresses[at % addresses.length] ?? "127.0.0.1";
      open.push(
        requestRetried(address).then(undefined, (error) => void failures.push(String(error))),
      );
      await pause(50);
    }
    await Promise.all(open);
    return failures;
  }

  async #leaderPid(): Promise<{ readonly node: string; readonly pid: number }> {
    const nodes = await this.#api("/nodes");
    const leader = nodes.find(isLeader);
    const local = this.#cluster().nodes.find((node) => node.id === textAt(leader, "ID"));
    if (local?.pids.manager === undefined) throw new Error("the leader has no process");
    return { node: local.name, pid: local.pids.manager };
  }

  async #nodeWithTask(): Promise<ClusterJson["nodes"][number]> {
    const tasks = await this.#tasks();
    const local = this.#cluster().nodes.find((node) => node.id === textAt(tasks[0], "NodeID"));
    if (local === undefined) throw new Error("no task runs");
    return local;
  }

  /** Milliseconds until `count` tasks run, none of them on `except`. */
  async #runningWithin(limitMs: number, count: number, except?: string): Promise<number> {
    const startedAt = Date.now();
    for (;;) {
      const tasks = await this.#tasks().catch(() => []);
      const running = tasks.filter((task) => textAt(task, "NodeID") !== except);
      if (running.length === count) return Date.now() - startedAt;
      if (Date.now() - startedAt > limitMs) {
        throw new Error(`${running.length} of ${count} tasks run after ${limitMs} ms`);
      }
      await pause(20);
    }
  }

  async #tasks(): Promise<readonly unknown[]> {
    const filters = JSON.stringify({ service: ["web"], "desired-state": ["running"] });
    const tasks = await this.#api(`/tasks?filters=${encodeURIComponent(filters)}`);
    return tasks.filter((task) => textAt(task, "Status", "State") === "running");
  }

  async #writeWithin(limitMs: number): Promise<number> {
    const startedAt = Date.now();
    const name = `probe-${startedAt}`;
    for (;;) {
      try {
        await this.#writeConfig(name);
        return Date.now() - startedAt;
      } catch (error) {
        const waited = Date.now() - startedAt;
        if (waited > limitMs) throw new Error(`no write after ${waited} ms: ${String(error)}`);
        await pause(20);
      }
    }
  }

  async #writeConfig(name: string): Promise<void> {
    const body = JSON.stringify({ Name: name, Data: Buffer.from(name).toString("base64") });
    const answer = await overSocket(this.#cluster().api, "POST", "/configs/create", body);
    if (answer.status === 201 || answer.text.includes("already exists")) return;
    throw new Error(`${answer.status} ${answer.text}`);
  }

  async #api(path: string): Promise<readonly unknown[]> {
    const answer = await overSocket(this.#cluster().api, "GET", path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text);
  }
}

function isLeader(node: unknown): boolean {
  return at(node, "ManagerStatus", "Leader") === true;
}

function expect(what: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function taskOf(body: string): string {
  return /\((\w+)\)/.exec(body)?.[1] ?? "";
}

function request(host: string): Promise<string> {
  return collect({ host, port: PORT, path: "/", agent: false }).then(({ status, text }) => {
    if (status !== 200) throw new Error(`${host}: status ${status}`);
    return text;
  });
}

/** A request that had reached a task that died may be repeated once; a refusal may not happen. */
async function requestRetried(host: string): Promise<string> {
  try {
    return await request(host);
  } catch (error) {
    const code = Reflect.get(Object(error), "code");
    if (code === "ECONNREFUSED") throw error;
    return request(host);
  }
}

function overSocket(
  api: string,
  method: string,
  path: string,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const socketPath = api.replace("unix://", "");
  return collect({ socketPath, method, path, headers, timeout: 6000 }, body);
}

function collect(
  options: RequestOptions,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    call.on("error", reject);
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.end(body);
  });
}
