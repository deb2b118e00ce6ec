/**
 * `npm test` (quick) and `npm run test:full`: runs the suites, prints the time of each, what was
 * skipped and why, and ends with `N passed, N failed`. In CI a skip of something that is there is a
 * failure.
 */
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Capability, Suite } from "./suites.ts";
import { SUITES } from "./suites.ts";

interface Outcome {
  readonly suite: Suite;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly pending: number;
  readonly skipped?: string;
}

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
    return { suite, seconds: 0, passed: 0, failed: 0, pending: 0, skipped: lack };
  }
  console.log(`\n== ${suite.name}`);
  const startedAt = Date.now();
  const counts = suite.mocha === undefined ? await runCommand(suite) : await runMocha(suite);
  const seconds = (Date.now() - startedAt) / 1000;
  return { suite, seconds, ...counts };
}

type Counts = Pick<Outcome, "passed" | "failed" | "pending">;

async function runCommand(suite: Suite): Promise<Counts> {
  const { code } = await execute(suite.command ?? [], suite);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, pending: 0 };
}

async function runMocha(suite: Suite): Promise<Counts> {
  const files = (suite.mocha ?? []).flatMap((pattern) => findFiles(pattern)).sort();
  if (files.length === 0) {
    console.log(`no file matches ${(suite.mocha ?? []).join(" ")}`);
    return { passed: 0, failed: 1, pending: 0 };
  }
  const command = [process.execPath, "--import", "tsx", "node_modules/mocha/bin/mocha.js"];
  const options = ["--reporter", "dot", "--timeout", "120000", "--forbid-only", "--exit"];
  const { code, output } = await execute([...command, ...options, ...files], suite);
  const count = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}`, "m").exec(output)?.[1] ?? 0);
  const failed = count("failing");
  // A crash before the summary is a failure too, whatever was counted.
  return {
    passed: count("passing"),
    failed: code === 0 ? failed : Math.max(1, failed),
    pending: count("pending"),
  };
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

function execute(
  command: readonly string[],
  suite: Suite,
): Promise<{ readonly code: number; readonly output: string }> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...suite.env },
    });
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on("error", (error) => {
      console.log(error.message);
      resolve({ code: 127, output });
    });
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
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
  console.log(`${sum((outcome) => outcome.passed)} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
