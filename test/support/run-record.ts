/** docs/sim-runs.jsonl: what ran, on which commit, and what came of it; a line for each run. */
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface RunRecord {
  readonly kind: "raft" | "cluster" | "chaos";
  /** The first seed; seeds follow each other. */
  readonly start: number;
  readonly seeds: number;
  readonly result: "ok" | "failed";
  /** Seeds that failed; absent when none did. */
  readonly failed?: readonly number[];
  readonly operations: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Of the simulated clusters; absent where time was real. */
  readonly virtualHours?: number;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function appendRun(record: RunRecord): void {
  const at = new Date().toISOString().slice(0, 16);
  const line = JSON.stringify({ at, commit: commitOf(), ...record });
  appendFileSync(new URL("../../docs/sim-runs.jsonl", import.meta.url), `${line}\n`);
}

/** With a "+" when the sources are not those of the commit. */
function commitOf(): string {
  const git = (...args: readonly string[]): string =>
    spawnSync("git", args, { cwd: ROOT, encoding: "utf8" }).stdout.trim();
  const changed = git("status", "--porcelain", "packages", "test", "scripts");
  return `${git("rev-parse", "--short", "HEAD")}${changed === "" ? "" : "+"}`;
}
