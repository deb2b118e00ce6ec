/** The preload that moves a Node program's listen to its task's own address, in real processes. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const PRELOAD = fileURLToPath(new URL("../../packages/worker/preload/listen.cjs", import.meta.url));
/** Of this run alone, so that runs beside each other do not meet. */
const NET = `127.${100 + (process.pid % 100)}.${(process.pid >> 8) % 256}`;
const OWN = `${NET}.5`;
const PORT = 20_000 + (process.pid % 9000);
const TELL = "const tell = (s) => { console.log(JSON.stringify(s.address())); process.exit(0); };";
const IN_NET = `${TELL}
  const s = require("net").createServer();
  s.on("error", (e) => { console.log(JSON.stringify(e.code)); process.exit(0); });`;

const IN_THREAD = `${TELL}
  const s = require("net").createServer().listen(${PORT}, () => tell(s))`;

interface Row {
  readonly name: string;
  readonly script: string;
  /** Host, or host:port, or text of the whole answer. */
  readonly answer: string;
  readonly esm?: boolean;
}

const MAPPED: readonly Row[] = [
  row("port and callback", `s.listen(${PORT}, () => tell(s))`),
  row("port alone", `s.on("listening", () => tell(s)); s.listen(${PORT})`),
  row("port as text", `s.listen("${PORT}", () => tell(s))`),
  row("port and backlog", `s.listen(${PORT}, 5, () => tell(s))`),
  row("0.0.0.0", `s.listen(${PORT}, "0.0.0.0", () => tell(s))`),
  row("::", `s.listen(${PORT}, "::", 5, () => tell(s))`),
  row("localhost", `s.listen(${PORT}, "localhost", () => tell(s))`),
  row("127.0.0.1", `s.listen(${PORT}, "127.0.0.1", () => tell(s))`),
  row("host undefined", `s.listen(${PORT}, undefined, () => tell(s))`),
  row("options", `s.listen({ port: ${PORT} }, () => tell(s))`),
  row(
    "options with host",
    `s.listen({ port: ${PORT}, host: "::", ipv6Only: true }, () => tell(s))`,
  ),
  row("its own address", `s.listen(${PORT}, "${OWN}", () => tell(s))`),
  row(
    "options are not changed",
    `const o = { port: ${PORT} };
     s.listen(o, () => { if (Object.keys(o).length !== 1) throw o; tell(s); })`,
  ),
  row(
    "once listener",
    `s.listen({ port: ${PORT}, signal: new AbortController().signal }, () => tell(s))`,
  ),
  {
    name: "http",
    script: `${TELL} const s = require("http").createServer().listen(${PORT}, () => tell(s))`,
    answer: `${OWN}:${PORT}`,
  },
  {
    name: "https",
    script: `${TELL} const s = require("https").createServer().listen(${PORT}, () => tell(s))`,
    answer: `${OWN}:${PORT}`,
  },
  {
    name: "http2",
    script: `${TELL} const s = require("http2").createServer().listen(${PORT}, () => tell(s))`,
    answer: `${OWN}:${PORT}`,
  },
  {
    name: "an ES module",
    esm: true,
    script: `import { createServer } from "node:http"; ${TELL}
      const s = createServer().listen(${PORT}, () => tell(s));`,
    answer: `${OWN}:${PORT}`,
  },
  {
    name: "a worker thread",
    script: `new (require("worker_threads").Worker)(${JSON.stringify(IN_THREAD)}, { eval: true })`,
    answer: `${OWN}:${PORT}`,
  },
  {
    name: "an ephemeral port of every address",
    script: `${IN_NET} s.listen(0, () => tell(s))`,
    answer: OWN,
  },
  {
    name: "no argument at all",
    script: `${IN_NET} s.on("listening", () => tell(s)); s.listen()`,
    answer: OWN,
  },
  { name: "a callback alone", script: `${IN_NET} s.listen(() => tell(s))`, answer: OWN },
];

const LEFT_ALONE: readonly Row[] = [
  {
    name: "another address",
    script: `${IN_NET} s.listen(${PORT}, "${NET}.77", () => tell(s))`,
    answer: `${NET}.77:${PORT}`,
  },
  {
    name: "an ephemeral port of localhost",
    script: `${IN_NET} s.listen(0, "127.0.0.1", () => tell(s))`,
    answer: "127.0.0.1",
  },
  {
    name: "an ephemeral port of localhost, by options",
    script: `${IN_NET} s.listen({ port: 0, host: "127.0.0.1" }, () => tell(s))`,
    answer: "127.0.0.1",
  },
  { name: "a pipe", script: `${IN_NET} s.listen(process.env.PIPE, () => tell(s))`, answer: "pipe" },
  {
    name: "a pipe by options",
    script: `${IN_NET} s.listen({ path: process.env.PIPE + "2" }, () => tell(s))`,
    answer: "pipe",
  },
  {
    name: "another server's handle",
    script: `${IN_NET} const a = require("net").createServer();
      a.listen(${PORT}, "${NET}.78", () => s.listen(a, () => tell(s)))`,
    answer: `${NET}.78:${PORT}`,
  },
  {
    name: "what node refuses",
    script: `${IN_NET} try { s.listen({}) } catch (e) { console.log(JSON.stringify(e.code)) }`,
    answer: '"ERR_INVALID_ARG_VALUE"',
  },
  {
    name: "a port out of range",
    script: `${IN_NET} try { s.listen(70000) } catch (e) { console.log(JSON.stringify(e.code)) }`,
    answer: '"ERR_SOCKET_BAD_PORT"',
  },
];

describe("preload/listen.cjs", function () {
  this.timeout(20_000);
  let directory = "";
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-preload-"));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const { name, script, answer, esm } of MAPPED) {
    it(`moves ${name}`, async () => {
      expect(await ask(directory, script, esm === true)).to.satisfy(startsWith(answer));
    });
  }
  for (const { name, script, answer } of LEFT_ALONE) {
    it(`leaves alone ${name}`, async () => {
      expect(await ask(directory, script, false)).to.satisfy(startsWith(answer));
    });
  }

  it("leaves alone a file descriptor", async () => {
    const server = createServer().listen(0, `${NET}.79`);
    await once(server, "listening");
    const script = `${IN_NET} s.listen({ fd: 3 }, () => tell(s))`;
    // The cast: a server's descriptor has no public name, and stdio takes it.
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const child = start(directory, ["-e", script], {}, fd);
    try {
      expect(JSON.parse(await firstLine(child))).to.deep.equal(server.address());
    } finally {
      await stop(child);
      server.close();
    }
  });

  it("does nothing outside of a task, or with an address that is not one", async () => {
    for (const host of [undefined, "", "10.0.0.1", "127.0.0.1; rm"]) {
      const script = `${IN_NET} s.listen(0, "0.0.0.0", () => tell(s))`;
      expect(await ask(directory, script, false, { SKEIN_HOST: host })).to.match(/^0\.0\.0\.0:/);
    }
  });

  it("lets three replicas of one hard-coded port run on three addresses", async () => {
    const script = `
      const s = require("http").createServer((q, r) => r.end(process.env.SKEIN_HOST));
      s.listen(${PORT}, "0.0.0.0", () => console.log("up"))`;
    const hosts = [1, 2, 3].map((n) => `${NET}.${n}`);
    const replicas = hosts.map((host) => start(directory, ["-e", script], { SKEIN_HOST: host }));
    try {
      for (const replica of replicas) await firstLine(replica);
      for (const host of hosts) {
        const response = await fetch(`http://${host}:${PORT}/`);
        expect(await response.text()).to.equal(host);
      }
    } finally {
      for (const replica of replicas) await stop(replica);
    }
  });

  it("lets the workers of a cluster share the task's address", async () => {
    const script = `
      const cluster = require("cluster");
      if (cluster.isPrimary) {
        let left = 2;
        cluster.on("listening", (_worker, where) => {
          left -= 1;
          if (left === 0) console.log(JSON.stringify({ address: where.address, port: where.port }));
        });
        cluster.fork(); cluster.fork();
        process.on("SIGTERM", () => {
          for (const id in cluster.workers) cluster.workers[id].kill();
          cluster.disconnect(() => process.exit(0));
        });
      } else require("http").createServer((q, r) => r.end("pid " + process.pid)).listen(${PORT});`;
    const file = join(directory, "cluster.cjs");
    writeFileSync(file, script);
    const primary = start(directory, [file], {});
    try {
      expect(await firstLine(primary)).to.equal(JSON.stringify({ address: OWN, port: PORT }));
      const response = await fetch(`http://${OWN}:${PORT}/`);
      expect(await response.text()).to.match(/^pid \d+$/);
      expect(await refuses("127.0.0.1", PORT)).to.equal(true);
    } finally {
      await stop(primary);
    }
  });

  it("prints nothing of its own", async () => {
    const child = start(directory, ["-p", "require('net').Server.prototype.listen.length"], {});
    expect(await firstLine(child)).to.equal("0");
    await stop(child);
  });
});

function row(name: string, script: string): Row {
  return { name, script: `${IN_NET} ${script}`, answer: `${OWN}:${PORT}` };
}

function startsWith(text: string): (answer: string) => boolean {
  return (answer) => answer === text || answer.startsWith(`${text}:`);
}

/** Runs a script and gives the address it told: "host:port", "pipe", or the line itself. */
async function ask(
  directory: string,
  script: string,
  esm: boolean,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  const type = esm ? ["--input-type=module"] : [];
  const child = start(directory, [...type, "-e", script], env);
  try {
    const line = await firstLine(child);
    const value: unknown = JSON.parse(line);
    if (typeof value === "string") return value.startsWith(join(directory, "pipe")) ? "pipe" : line;
    if (typeof value === "object" && value !== null && "address" in value && "port" in value) {
      return `${String(value.address)}:${String(value.port)}`;
    }
    return line;
  } finally {
    await stop(child);
  }
}

function start(
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  fd?: number,
): ChildProcess {
  const all: Record<string, string | undefined> = {
    PATH: process.env["PATH"],
    NODE_OPTIONS: `--require "${PRELOAD}"`,
    SKEIN_HOST: OWN,
    PIPE: join(directory, "pipe"),
    ...env,
  };
  return spawn(process.execPath, [...args], {
    env: all,
    stdio: ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])],
  });
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let [out, err] = ["", ""];
    child.stdout?.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes("\n")) resolve(out.slice(0, out.indexOf("\n")));
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${out}${err}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

function refuses(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}
