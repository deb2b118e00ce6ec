/**
 * Three etcd members on loopback, when etcd is installed: the peer of replicated, durable writes.
 */
import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pause } from "../../test/support/wait.ts";

const FIRST_PORT = 23_790;

export class EtcdCluster {
  readonly version: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "skein-bench-etcd-"));
  readonly #processes: ChildProcess[] = [];

  private constructor(version: string) {
    this.version = version;
  }

  /** Undefined: not installed. */
  static async start(): Promise<EtcdCluster | undefined> {
    const version = spawnSync("etcd", ["--version"]).stdout?.toString() ?? "";
    const number = /etcd Version: (\S+)/.exec(version)?.[1];
    if (number === undefined) return undefined;
    const cluster = new EtcdCluster(`etcd ${number}`);
    cluster.#startMembers();
    await cluster.#ready();
    return cluster;
  }

  get targets(): readonly string[] {
    return [0, 1, 2].map((at) => `127.0.0.1:${FIRST_PORT + at * 2}`);
  }

  async stop(): Promise<void> {
    for (const process of this.#processes) process.kill("SIGKILL");
    await pause(300);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #startMembers(): void {
    const peer = (at: number): string => `http://127.0.0.1:${FIRST_PORT + at * 2 + 1}`;
    const all = [0, 1, 2].map((at) => `m${at}=${peer(at)}`).join(",");
    for (const at of [0, 1, 2]) {
      const client = `http://127.0.0.1:${FIRST_PORT + at * 2}`;
      const flags = {
        name: `m${at}`,
        "data-dir": join(this.#directory, `m${at}`),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer(at),
        "initial-advertise-peer-urls": peer(at),
        "initial-cluster": all,
        "log-level": "error",
      };
      const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
      this.#processes.push(spawn("etcd", args, { stdio: "ignore" }));
    }
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      const healthy = await Promise.all(this.targets.map(isHealthy));
      if (healthy.every((one) => one)) return;
      await pause(200);
    }
    throw new Error("etcd did not become healthy");
  }
}

function isHealthy(target: string): Promise<boolean> {
  const [host = "", port = ""] = target.split(":");
  return new Promise((resolve) => {
    const call = request({ host, port: Number(port), path: "/health" }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += String(chunk);
      });
      answer.on("end", () => resolve(text.includes("true")));
    });
    call.on("error", () => resolve(false));
    call.end();
  });
}
