/**
 * The first five minutes of a stranger, as a test: a fresh clone without `node_modules`, `npm run
 * up`, a web service with three replicas, `kill -9` of the leader, of a worker, of every manager.
 * `--as-user` runs it as an unprivileged user with a home of its own (needs root to become one).
 */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Experiment } from "./main-job/experiment.ts";
import { Stranger } from "./main-job/stranger.ts";

const USER = 64_000;
const asUser = process.argv.includes("--as-user");
if (asUser && process.getuid?.() !== 0) {
  console.log("skipped: only root can become another user");
  console.log("0 passed, 0 failed");
  process.exit(0);
}

const home = mkdtempSync(join(tmpdir(), "skein-main-job-"));
if (asUser) chownSync(home, USER, USER);
const stranger = new Stranger(home, asUser ? USER : undefined);
const experiment = new Experiment(stranger);
let passed = 0;
let failed = 0;

try {
  execFileSync("git", ["clone", "--quiet", ".", join(home, "skein")]);
  if (asUser) execFileSync("chown", ["-R", `${USER}:${USER}`, home]);
  for (const [name, step] of experiment.steps()) {
    const startedAt = Date.now();
    try {
      const said = await step();
      passed += 1;
      console.log(`  ok   ${name} (${Date.now() - startedAt} ms)${said === "" ? "" : `: ${said}`}`);
    } catch (error) {
      failed += 1;
      console.log(`  FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`);
      if (experiment.isFatal(name)) break;
    }
  }
} finally {
  await stranger.skein(["down", "--purge"]).catch(() => undefined);
  await settle();
  rmSync(home, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Lets the file system catch up with processes that have just ended. */
function settle(): Promise<void> {
  return new Promise((resolve) => spawn("sleep", ["0.2"]).on("exit", () => resolve()));
}
