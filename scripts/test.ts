/**
 * `npm test` (quick) and `npm run test:full`: runs the suites, prints the time of each, what was
 * skipped and why, every failure once more, and ends with `N passed, N failed`.
 *
 * Suites of real processes share a noisy machine with their own load: their files with failures are
 * run again once, and what passes only then is named at the end. Everything else runs once.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Capability, Suite } from "./suites.ts";
import { SUITES } from "./suites.ts";
import type { FailedTest, MochaOutcome } from "./test-reporter.ts";

interface Outcome {
  readonly suite: Suite;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly pending: number;
  readonly failures: readonly FailedTest[];
  /** Failed, and passed when their file was run again. */
  readonly again: readonly FailedTest[];
  readonly skipped?: string;
}

type Counts = Omit<Outcome, "suite" | "seconds" | "skipped">;

// Before the course below, which uses it: a constant is not hoisted as functions are.
const NOTHING: Counts = { passed: 0, failed: 0, pending: 0, failures: [], again: [] };

const tier = process.argv[2] === "full" ? "full" : "quick";
const only = process.argv[3];
const capabilities = probe();
const outcomes: Outcome[] = [];

console.log(`capabilities: ${describeCapabilities()}; ${availableParallelism()} cores`);
for (const suite of SUITES) {
  if (suite.tier !== tier || (only !== undefined && suite.name !== only)) continue;
  outcomes.push(await run(suite));
}
report();

function probe(): ReadonlyMap<Capability, string | undefined> {
  const works = (command: string, args: readonly string[]): boolean =>
    spawnSync(command, args, { stdio: "ignore" }).status === 0;
  const root = process.getuid?.() === 0;
  return new Map<Capability, string | undefined>([
    ["root", root ? undefined : "not run as root"],
    ["docker", works("docker", ["--version"]) ? undefined : "no docker CLI on PATH"],
    ["python", works("python3", ["--version"]) ? undefined : "no python3 on PATH"],
    [
      "namespaces",
      root && works("unshare", ["-n", "true"]) ? undefined : "network namespaces need root",
    ],
  ]);
}

function describeCapabilities(): string {
  return [...capabilities]
    .map(([name, lack]) => (lack === undefined ? name : `no ${name}`))
    .join(", ");
}

async function run(suite: Suite): Promise<Outcome> {
  const lack = (suite.needs ?? []).map((need) => capabilities.get(need)).find((one) => one);
  if (lack !== undefined) {
    console.log(`\n== ${suite.name}: skipped, ${lack}`);
    return { suite, seconds: 0, ...NOTHING, skipped: lack };
  }
  console.log(`\n== ${suite.name}`);
  const startedAt = Date.now();
  const counts = suite.mocha === undefined ? await runCommand(suite) : await runMocha(suite);
  const seconds = (Date.now() - startedAt) / 1000;
  return { suite, seconds, ...counts };
}

async function runCommand(suite: Suite): Promise<Counts> {
  const command = suite.command ?? [];
  if ((await execute(command, suite)) === 0) return { ...NOTHING, passed: 1 };
  return crashed({ title: command.join(" "), file: "", message: "see its output above" });
}

function crashed(failure: FailedTest): Counts {
  return { ...NOTHING, failed: 1, failures: [failure] };
}

async function runMocha(suite: Suite): Promise<Counts> {
  const patterns = suite.mocha ?? [];
  const files = patterns.flatMap((pattern) => findFiles(pattern)).sort();
  if (files.length === 0) {
    return crashed({ title: patterns.join(" "), file: "", message: "no file matches" });
  }
  const first = suite.parts === undefined ? await mocha(files, suite) : await inParts(files, suite);
  const { passed, pending, failures } = first;
  const broken = [...new Set(failures.map(({ file }) => file))]
    .filter((file) => file !== "")
    .sort();
  if (suite.realProcesses !== true || broken.length === 0) {
    return { passed, failed: failures.length, pending, failures, again: [] };
  }
  console.log(`\n== ${suite.name}: again, ${broken.join(", ")}`);
  const second = await mocha(broken, suite);
  const titles = new Set(second.failures.map(({ title }) => title));
  const again = failures.filter(({ title }) => !titles.has(title));
  const failed = second.failures.length;
  // The count of the first run stands: what passed again counts once.
  return { passed: passed + again.length, failed, pending, failures: second.failures, again };
}

async function inParts(files: readonly string[], suite: Suite): Promise<MochaOutcome> {
  const count = suite.parts ?? 1;
  const parts = Array.from({ length: count }, (_, at) => `${at + 1}/${count}`);
  const outcomes = await Promise.all(
    parts.map((part) => mocha(files, { ...suite, env: { ...suite.env, SKEIN_PART: part } })),
  );
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    pending: outcomes.reduce((sum, { pending }) => sum + pending, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
    slowest: outcomes.flatMap(({ slowest }) => slowest),
  };
}

async function mocha(files: readonly string[], suite: Suite): Promise<MochaOutcome> {
  const directory = mkdtempSync(join(tmpdir(), "skein-test-"));
  const outcomeFile = join(directory, "outcome.json");
  const command = [process.execPath, "--import", "tsx", "node_modules/mocha/bin/mocha.js"];
  const reporter = ["--reporter", "./scripts/test-reporter.ts"];
  const options = [...reporter, "--timeout", "120000", "--forbid-only", "--exit"];
  const env = { ...suite.env, SKEIN_TEST_OUTCOME: outcomeFile };
  const code = await execute([...command, ...options, ...files], { ...suite, env });
  try {
    const outcome = readOutcome(outcomeFile);
    if (code === 0 || outcome.failures.length > 0) return outcome;
    throw new Error("no test failed, and yet");
  } catch {
    // A crash before the end is a failure, whatever was counted.
    const message = `ended with ${code} before its last test`;
    const failures = [{ title: suite.name, file: "", message }];
    return { passed: 0, pending: 0, failures, slowest: [] };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function readOutcome(file: string): MochaOutcome {
  const outcome = JSON.parse(readFileSync(file, "utf8")) as MochaOutcome;
  const local = (failure: FailedTest): FailedTest => ({
    ...failure,
    file: failure.file === "" ? "" : relative(process.cwd(), failure.file),
  });
  if (process.env["SKEIN_TEST_SLOWEST"] !== undefined) {
    for (const { title, ms } of outcome.slowest) console.log(`  slow: ${ms} ms: ${title}`);
  }
  return { ...outcome, failures: outcome.failures.map(local) };
}

/** Node 20 has no `globSync`; git knows the files, tracked and new. */
function findFiles(pattern: string): string[] {
  const listed = spawnSync("git", [
    "ls-files",
    "-co",
    "--exclude-standard",
    "--",
    `:(glob)${pattern}`,
  ]);
  return listed.stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}

function execute(command: readonly string[], suite: Suite): Promise<number> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...suite.env },
    });
    child.on("error", (error) => {
      console.log(error.message);
      resolve(127);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

function report(): void {
  console.log("\nsuite                     seconds  passed  failed  pending");
  for (const { suite, seconds, passed, failed, pending, skipped } of outcomes) {
    const numbers = [seconds.toFixed(1), passed, failed, pending].map((n) => String(n).padStart(8));
    const line = skipped === undefined ? numbers.join("") : `  skipped: ${skipped}`;
    console.log(`${suite.name.padEnd(25)}${line}`);
  }
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const failed = sum((outcome) => outcome.failed);
  console.log(
    `${"total".padEnd(25)}${sum((outcome) => outcome.seconds)
      .toFixed(1)
      .padStart(8)}`,
  );
  for (const { suite, failures } of outcomes) tell("failed", suite, failures);
  for (const { suite, again } of outcomes) tell("passed only when run again", suite, again);
  console.log(`${sum((outcome) => outcome.passed)} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function tell(how: string, suite: Suite, tests: readonly FailedTest[]): void {
  for (const { title, file, message } of tests) {
    console.log(`${how}: ${suite.name}: ${title} (${file}): ${message.slice(0, 500)}`);
  }
}
