/**
 * Recorded sessions of the docker CLI with Docker itself, run again with Skein: what a person sees
 * is the same, but for ids, times, names of nodes and images, and how far the progress had come
 * whenever the CLI looked.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { Ran } from "../support/docker-cli.ts";
import { CLIS, DockerCli, freePort, isRecordedVersion } from "../support/docker-cli.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { pause } from "../support/wait.ts";

interface Recorded {
  readonly argv: readonly string[];
  readonly exit: number;
  /** Absent: only the exit code counts, for it stands for something else that was recorded. */
  readonly out?: string;
  readonly err?: string;
  readonly stdin?: string;
  /** It waits for one service after another: what the later ones show depends on the time. */
  readonly anyProgress?: true;
  /** The node whose own socket is asked. */
  readonly node?: string;
}

const FIXTURES = fileURLToPath(new URL("../fixtures/docker-cli", import.meta.url));
const SESSIONS = [
  ...["service", "stored-data", "network", "stack", "container"],
  ...["worker", "node", "swarm", "promotion"],
] as const;
/** A command that only reads is asked until it shows what was recorded, as a person would. */
const READS =
  /^(service|stack|node|network|config|secret|volume|plugin) (ls|ps|services|inspect)\b/;
const SETTLE_MS = 60_000;

describe("docker CLI, recorded sessions", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("golden");
  const directory = mkdtempSync(join(tmpdir(), "skein-golden-"));
  const docker = new DockerCli(cluster);
  let port = 0;
  before(async function () {
    if (!isRecordedVersion(CLIS[0] ?? "docker")) {
      console.log(
        "    skipped: they were recorded with docker CLI 28, whose words others do not have",
      );
      this.skip();
    }
    port = await freePort();
    for (const file of readdirSync(join(FIXTURES, "stack"))) {
      const text = readFileSync(join(FIXTURES, "stack", file), "utf8");
      writeFileSync(join(directory, file), text.replaceAll("18396", String(port)));
    }
    await cluster.up(1, 3);
  });
  after(async () => {
    await cluster.down();
    rmSync(directory, { recursive: true });
  });

  for (const name of SESSIONS) {
    describe(name, () => {
      const session: readonly Recorded[] = JSON.parse(
        readFileSync(join(FIXTURES, `${name}.json`), "utf8"),
      );
      after(() => docker.removeServices("web", "talk", "glob", "job", "s", "n", "dn", "c1"));
      for (const step of session) {
        it(step.argv.join(" ").slice(0, 90), async () => {
          const argv = step.argv.map((word) => local(word));
          const ran = await settled(argv, step);
          if (step.out !== undefined) expect(seen(ran, step)).to.deep.equal(recorded(step));
          expect(ran.code, ran.err).to.equal(step.exit);
        });
      }
    });
  }

  function local(word: string): string {
    if (/^c\d?\.yml$|^ext\.yml$/.test(word)) return join(directory, word);
    return word.replace("18396", String(port));
  }

  async function settled(argv: readonly string[], step: Recorded): Promise<Ran> {
    const until = performance.now() + SETTLE_MS;
    for (;;) {
      const ran = await docker.run(argv, step.stdin, step.node);
      const isThere = String(seen(ran, step)) === String(recorded(step));
      if (!READS.test(argv.join(" "))) return ran;
      if (isThere || performance.now() > until) return ran;
      await pause(100);
    }
  }

  function seen(ran: Ran, step: Recorded): readonly string[] {
    const own = (text: string): string => text.replaceAll(String(port), "18396");
    return recorded({ ...step, out: own(ran.out), err: own(ran.err) });
  }
});

function recorded({ out = "", err = "", anyProgress }: Recorded): readonly string[] {
  const lines = normal(out).filter((line) => anyProgress !== true || !line.startsWith("overall"));
  return [...lines, "--", ...normal(err)];
}

/** The lines a person reads, in any order: that of tasks on several nodes is nobody's. */
function normal(text: string): readonly string[] {
  const lines = text
    .replaceAll("\r", "")
    .replaceAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, "CERTIFICATE")
    .split("\n")
    .map((line) => normalLine(line))
    .filter((line) => line !== "" && !isPassing(line));
  return [...new Set(lines)].toSorted();
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/ \(x\d+\)$/, ""],
  [/((nginx|redis):alpine|nginx:1\.25|busybox:latest)(@sha256:[0-9a-f]{64})?/g, "IMAGE"],
  [/\bhost(:latest)?(?= *$| +(\*:|"|\w+-\d\b))/g, "IMAGE"],
  [/(Image": ?"|Image:\s+)host(:latest)?/g, "$1IMAGE"],
  [/\b(m1|w1|w2|manager-1|worker-\d)\b/g, "NODE"],
  [/\b(10\.99\.0\.1\d|127\.0\.\d+\.\d+)(:2377)?/g, "ADDRESS"],
  [/\b(20\.10\.24\+dfsg1|0\.\d+\.\d+)(?= *$)/, "VERSION"],
  [/(Issuer (Subject|Public Key):\s+)\S+/, "$1..."],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 (UTC|utc)/g, "TIME"],
  [/(\d+|About an?|[Ll]ess than a) (second|minute|hour)s? ago/g, "AGO"],
  [/SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}/g, "TOKEN"],
  [/SWMKEY-1-[0-9A-Za-z+/=]+/g, "KEY"],
  [/\b[0-9a-f]{64}\b/g, "ID"],
  [/\b[0-9a-z]{25}\b/g, "ID"],
  [/\b(?=[a-z]*\d)[0-9a-z]{12}\b/g, "ID"],
  // One short id in fifty has no digit: those are known by where they stand.
  [/(^|"ID":"|\.\d+\.)[0-9a-z]{12}(?=$| |"|@)/g, "$1ID"],
  [/"\d+\.\d+\.\d+\.\d+(\/\d+)?"/g, '"ADDRESS"'],
  [/"Index": \d+/, '"Index": N'],
  [/(vxlanid_list": ")\d+/, "$1N"],
  // Of API 1.48; the daemon that was recorded speaks 1.41.
  [/"EnableIPv4": true,/, ""],
  [/"IPv4":"(true|false)"/, '"IPv4":"?"'],
  [/(TargetPort = |->|u003e)(80|3080)\b/g, "$1PORT"],
  [/\b(8080|8081|18396)\b/g, "PORT"],
  [/\b(line|err) \d+/g, "$1 N"],
  // Docker gives its id.
  [/(is in use by service) \S+/, "$1 NAME"],
  [/\s+/g, " "],
];

function normalLine(line: string): string {
  return RULES.reduce((text, [pattern, by]) => text.replace(pattern, by), line).trim();
}

const PASSING =
  /^\d+\/\d+:|^verify: Waiting|progress: waiting|^active tasks|^(Args|Dir|Init):|^Name: NODE$/;

/** Where the progress stood at a look, and what differs since the programs do. */
function isPassing(line: string): boolean {
  const progress = /(\d+) out of (\d+) tasks/.exec(line);
  if (progress !== null && progress[1] !== progress[2]) return true;
  return PASSING.test(line);
}
