/** The docker CLI, unmodified, on a cluster of real processes: one or several of its versions. */
import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import type { LocalCluster } from "./local-cluster.ts";
import { until } from "./wait.ts";

/** `SKEIN_DOCKER_CLIS=docker:/path/to/another`: every suite that can runs with each of them. */
export const CLIS: readonly string[] = (process.env["SKEIN_DOCKER_CLIS"] ?? "docker")
  .split(":")
  .filter((cli) => cli !== "");

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** The node whose own socket is asked; the cluster's otherwise. */
  readonly node?: string;
}

export function versionOf(program: string): string {
  const { stdout } = spawnSync(program, ["version", "-f", "{{.Client.Version}}"]);
  return stdout?.toString().trim() ?? "";
}

/** Words that only 28 has stand in the recorded sessions. */
export function isRecordedVersion(program: string): boolean {
  return versionOf(program).startsWith("28.");
}

export class DockerCli {
  readonly #cluster: LocalCluster;
  readonly #program: string;

  constructor(cluster: LocalCluster, program = CLIS[0] ?? "docker") {
    this.#cluster = cluster;
    this.#program = program;
  }

  /** Whatever comes of it. */
  run(args: readonly string[], input = "", node = ""): Promise<Ran> {
    return this.runIn({ input, node }, args);
  }

  runIn({ env = {}, cwd, input = "", node = "" }: Surroundings, args: readonly string[]) {
    const socket = join(this.#cluster.stateDir, node, "skein.sock");
    return new Promise<Ran>((resolve, reject) => {
      const child = spawn(this.#program, args, {
        cwd,
        env: { ...process.env, ...env, DOCKER_HOST: `unix://${socket}` },
      });
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk) => {
        out += String(chunk);
      });
      child.stderr.on("data", (chunk) => {
        err += String(chunk);
      });
      // A command that ends without reading what it is given is none of the test's business.
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? 1, out, err }));
    });
  }

  /** A command that must succeed; what it printed. */
  async ok(...args: readonly string[]): Promise<string> {
    const ran = await this.run(args);
    expect(ran.code, `docker ${args.join(" ")}: ${ran.err}${ran.out}`).to.equal(0);
    return ran.out;
  }

  /**
   * What the cluster shows is what its nodes have reported: a moment behind them. So a test that
   * changed something on a node asks until it is shown.
   */
  shows(pattern: RegExp, ...args: readonly string[]): Promise<string> {
    return until(60_000, `docker ${args.join(" ")} shows ${pattern}`, async () => {
      const { out, err } = await this.run(args);
      if (pattern.test(out)) return out;
      throw new Error(`it shows ${JSON.stringify(out + err)}`);
    });
  }

  /** Removes services, and waits until nothing of them runs: the next test starts from nothing. */
  async removeServices(...names: readonly string[]): Promise<void> {
    const filters = names.flatMap((name) => [
      "--filter",
      `label=com.docker.swarm.service.name=${name}`,
    ]);
    await this.run(["service", "rm", ...names]);
    for (let at = 0; at < filters.length; at += 2) {
      await this.shows(/^$/, "ps", "-q", ...filters.slice(at, at + 2));
    }
  }
}

/** A port nobody listens on: several suites, and their users, share this machine. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" ? address?.port : undefined;
      server.close(() => (port === undefined ? reject(new Error("no port")) : resolve(port)));
    });
  });
}
