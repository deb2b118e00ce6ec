/**
 * A copy of the sources in which one bug after the other is planted, hunted and taken out again.
 * The dependencies are the repository's own; the packages of the workspace are the copy's.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Catch, Hunt, PlantedBug } from "./planted-bug.ts";

const ROOT = process.cwd();
const COPIED = ["packages", "test", "package.json", "tsconfig.base.json"];
const LEFT_OUT = ["node_modules", "dist"];

export class Lane {
  readonly #directory: string;
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#directory = mkdtempSync(join(tmpdir(), "skein-planted-"));
    for (const name of COPIED) {
      const filter = (from: string): boolean => !LEFT_OUT.includes(from.split("/").at(-1) ?? "");
      cpSync(join(ROOT, name), join(this.#directory, name), { recursive: true, filter });
    }
    this.#linkDependencies();
  }

  /** Plants the bug, hunts it, and takes it out, whatever happened. */
  async hunt(bug: PlantedBug): Promise<Catch> {
    const originals = new Map<string, string>();
    try {
      for (const { file, from, to } of bug.edits) {
        const path = join(this.#directory, file);
        const text = await readFile(path, "utf8");
        if (!originals.has(path)) originals.set(path, text);
        const places = text.split(from).length - 1;
        if (places !== 1)
          return { kind: "broken", message: `${file} has it ${places} times: ${from}` };
        await writeFile(
          path,
          text.replace(from, () => to),
        );
      }
      return await this.run(bug.hunt);
    } finally {
      for (const [path, text] of originals) await writeFile(path, text);
    }
  }

  run(hunt: Hunt): Promise<Catch> {
    const script = ["--import", "tsx", "test/canary/hunt.ts", JSON.stringify(hunt)];
    return new Promise((resolve) => {
      const child = spawn(process.execPath, script, { cwd: this.#directory });
      child.stdin.end();
      let output = "";
      let errors = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
      const timer = setTimeout(() => child.kill("SIGKILL"), this.#timeoutMs);
      child.on("close", (code, signal) => {
        clearTimeout(timer);
        resolve(lastLine(output) ?? broken(`exit ${code ?? signal}: ${errors.slice(-2000)}`));
      });
    });
  }

  remove(): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true });
  }

  #linkDependencies(): void {
    const modules = join(this.#directory, "node_modules");
    mkdirSync(join(modules, "@skein"), { recursive: true });
    for (const name of readdirSync(join(ROOT, "node_modules"))) {
      if (name === "@skein") continue;
      symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
    for (const name of readdirSync(join(this.#directory, "packages"))) {
      symlinkSync(join(this.#directory, "packages", name), join(modules, "@skein", name));
    }
  }
}

function lastLine(output: string): Catch | undefined {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  // What hunt.ts prints is a `Catch`.
  return line.startsWith("{") ? (JSON.parse(line) as Catch) : undefined;
}

function broken(message: string): Catch {
  return { kind: "broken", message };
}
