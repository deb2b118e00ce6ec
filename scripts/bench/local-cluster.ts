/** A local cluster of real processes for a benchmark: started, asked and thrown away by its own name. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, textAt } from "@skein/cli/api/read";

export interface BenchNode {
  readonly name: string;
  readonly role: string;
  readonly id: string;
  readonly address: string;
  readonly api: string;
  readonly pids: { readonly manager?: number; readonly worker?: number };
}

export class LocalCluster {
  readonly stateDir = mkdtempSync(join(tmpdir(), "skein-bench-"));

  async up(managers: number, workers: number): Promise<void> {
    await this.skein("up", "--detach", "--managers", `${managers}`, "--workers", `${workers}`);
  }

  async down(): Promise<void> {
    await this.skein("down", "--purge").catch(() => undefined);
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  skein(...args: readonly string[]): Promise<string> {
    const command = ["packages/cli/bin/skein.mjs", "--state-dir", this.stateDir, ...args];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, command, (error, out, err) => {
        if (error === null) resolve(out);
        else reject(new Error(`skein ${args.join(" ")}: ${err || out}`));
      });
    });
  }

  nodes(): readonly BenchNode[] {
    return JSON.parse(readFileSync(join(this.stateDir, "cluster.json"), "utf8")).nodes;
  }

  /** The leader's node, as a living manager names it. */
  async leader(): Promise<BenchNode> {
    for (;;) {
      const nodes = await this.get("/nodes").catch(() => []);
      const leader = nodes.find((node) => at(node, "ManagerStatus", "Leader") === true);
      const local = this.nodes().find((node) => node.id === textAt(leader, "ID"));
      if (local?.pids.manager !== undefined) return local;
      await pause(20);
    }
  }

  /** Running tasks of a service that are wanted, with a node that is not `except`. */
  async running(service: string, except?: string): Promise<readonly unknown[]> {
    const filters = JSON.stringify({ service: [service], "desired-state": ["running"] });
    const tasks = await this.get(`/tasks?filters=${encodeURIComponent(filters)}`);
    return tasks.filter(
      (task) => textAt(task, "Status", "State") === "running" && textAt(task, "NodeID") !== except,
    );
  }

  async get(path: string): Promise<readonly unknown[]> {
    const answer = await this.call(join(this.stateDir, "skein.sock"), "GET", path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text);
  }

  /** A replicated, durable write through one manager's own socket. */
  async write(socket: string, name: string): Promise<void> {
    const body = JSON.stringify({ Name: name, Data: Buffer.from(name).toString("base64") });
    const answer = await this.call(socket, "POST", "/configs/create", body);
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  }

  call(
    socketPath: string,
    method: string,
    path: string,
    body?: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    return new Promise((resolve, reject) => {
      const call = request({ socketPath, method, path, headers, timeout: 10_000 }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      call.on("error", reject);
      call.on("timeout", () => call.destroy(new Error("no answer in 10 s")));
      call.end(body);
    });
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Milliseconds until `done` holds, looked at every 10 ms; throws after `limitMs`. */
export async function timeUntil(limitMs: number, done: () => Promise<boolean>): Promise<number> {
  const since = performance.now();
  for (;;) {
    if (await done().catch(() => false)) return Math.round(performance.now() - since);
    if (performance.now() - since > limitMs) throw new Error(`not done after ${limitMs} ms`);
    await pause(10);
  }
}
