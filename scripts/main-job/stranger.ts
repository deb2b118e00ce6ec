/**
 * Someone at a shell: runs commands in their clone, with their own home and nothing else of ours.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class Stranger {
  readonly home: string;
  readonly clone: string;
  readonly #uid: number | undefined;

  constructor(home: string, uid: number | undefined) {
    this.home = home;
    this.clone = join(home, "skein");
    this.#uid = uid;
  }

  /** Runs a command in the clone; never throws for what the command says. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
    const { PATH, npm_config_registry: registry } = process.env;
    const base = { PATH, HOME: this.home, npm_config_registry: registry, LANG: "C.UTF-8" };
    const known = Object.entries({ ...base, ...env }).filter(([, value]) => value !== undefined);
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        cwd: this.clone,
        env: Object.fromEntries(known),
        stdio: ["ignore", "pipe", "pipe"],
        ...(this.#uid === undefined ? {} : { uid: this.#uid, gid: this.#uid }),
      });
      let out = "";
      let err = "";
      child.stdout.on("data", (chunk) => (out += String(chunk)));
      child.stderr.on("data", (chunk) => (err += String(chunk)));
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        // A detached grandchild may hold the pipes: what was said by now is what counts.
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code: code ?? (signal === null ? 1 : 128), out, err });
      });
    });
  }

  /** Runs a command that must succeed; gives what it printed. */
  async ok(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const said = await this.run(program, args, env);
    if (said.code === 0) return said.out;
    throw new Error(`${program} ${args.join(" ")}: exit ${said.code}: ${said.err || said.out}`);
  }

  skein(args: readonly string[]): Promise<string> {
    return this.ok(process.execPath, ["packages/cli/bin/skein.mjs", ...args]);
  }

  docker(args: readonly string[]): Promise<string> {
    return this.ok("docker", args, { DOCKER_HOST: this.cluster().api });
  }

  cluster(): ClusterJson {
    const path = join(this.home, ".local/state/skein/default/cluster.json");
    return JSON.parse(readFileSync(path, "utf8"));
  }
}

export interface ClusterJson {
  readonly api: string;
  readonly launcher?: { readonly pid: number };
  readonly nodes: readonly {
    readonly name: string;
    readonly role: string;
    readonly id: string;
    readonly address: string;
    readonly pids: { readonly manager?: number; readonly worker?: number };
  }[];
}
