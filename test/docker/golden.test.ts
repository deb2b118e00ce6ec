/**
 * Recorded sessions of the docker CLI with Docker itself, run again with Skein: what a person sees
 * is the same, but for ids, times, names of nodes and images, and how far the progress had come
 * whenever the CLI looked.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { LocalCluster } from "../support/local-cluster.ts";

interface Recorded {
  readonly argv: readonly string[];
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

const SESSION: readonly Recorded[] = JSON.parse(
  readFileSync(new URL("../fixtures/docker-cli/service.json", import.meta.url), "utf8"),
);

describe("docker CLI, a recorded session", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("golden");
  before(async function () {
    const version = spawnSync("docker", ["version", "-f", "{{.Client.Version}}"]);
    if (!version.stdout.toString().startsWith("28.")) {
      console.log(
        "    skipped: it was recorded with docker CLI 28, whose words others do not have",
      );
      this.skip();
    }
    await cluster.up(1, 3);
  });
  after(() => cluster.down());

  for (const { argv, exit, out, err } of SESSION) {
    it(argv.join(" ").slice(0, 90), async () => {
      const ran = await run(cluster, argv);
      const seen = [...normal(ran.out), "--", ...normal(ran.err)];
      expect(seen).to.deep.equal([...normal(out), "--", ...normal(err)]);
      expect(ran.code).to.equal(exit);
    });
  }
});

/** The lines a person reads, in any order: that of tasks on several nodes is nobody's. */
function normal(text: string): readonly string[] {
  const lines = text
    .replaceAll("\r", "")
    .split("\n")
    .map((line) => normalLine(line))
    .filter((line) => line !== "" && !isPassing(line));
  return [...new Set(lines)].toSorted();
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/ \(x\d+\)$/, ""],
  [/(nginx:alpine|nginx:1\.25|busybox:latest)(@sha256:[0-9a-f]{64})?/g, "IMAGE"],
  [/\bhost(:latest)?(?![\w-])/g, "IMAGE"],
  [/\b(m1|w1|w2|manager-1|worker-\d)\b/g, "NODE"],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/(\d+|About an?|Less than a) (second|minute|hour)s? ago/g, "AGO"],
  [/\b[0-9a-z]{25}\b/g, "ID"],
  [/\b(?=[a-z]*\d)[0-9a-z]{12}\b/g, "ID"],
  [/"\d+\.\d+\.\d+\.\d+\/\d+"/g, '"ADDRESS"'],
  [/(TargetPort = |->|u003e)(80|3080)\b/g, "$1PORT"],
  [/\b(8080|18396)\b/g, "PORT"],

  [/\b(line|err) \d+/g, "$1 N"],
  [/\s+/g, " "],
];

function normalLine(line: string): string {
  return RULES.reduce((text, [pattern, by]) => text.replace(pattern, by), line).trim();
}

/** Where the progress stood at a look, and what differs since the programs do. */
function isPassing(line: string): boolean {
  const progress = /(\d+) out of (\d+) tasks/.exec(line);
  if (progress !== null && progress[1] !== progress[2]) return true;
  return /^\d+\/\d+:|^verify: Waiting|^active tasks|^(Args|Dir):|^Init:/.test(line);
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(cluster: LocalCluster, args: readonly string[]): Promise<Ran> {
  const host = `unix://${join(cluster.stateDir, "skein.sock")}`;
  return new Promise((resolve, reject) => {
    const child = spawn("docker", args, {
      env: { ...process.env, DOCKER_HOST: host },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, out, err }));
  });
}
