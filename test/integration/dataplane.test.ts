/** Ingress, streams between nodes, probes and listening sockets of two nodes on one machine. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer } from "node:net";
import { expect } from "chai";
import type { TestTask as Task } from "./support/dataplane.ts";
import {
  BASE_PORT,
  dial,
  makeAuthority,
  makeIdentity,
  NET,
  readAll,
  routeTo,
  TestNode,
  TestTask,
} from "./support/dataplane.ts";

const MEBIBYTE = 1024 * 1024;

describe("data plane with real sockets", function () {
  this.timeout(30_000);
  let [a, b]: [TestNode, TestNode] = [placeholder(), placeholder()];
  const tasks: TestTask[] = [];
  let lastPort = BASE_PORT;

  before(async () => {
    const authority = await makeAuthority();
    a = new TestNode(await makeIdentity(authority, "node-a"), 1);
    b = new TestNode(await makeIdentity(authority, "node-b"), 2);
    await Promise.all([a.hear("ready"), b.hear("ready")]);
  });
  afterEach(() => {
    for (const node of [a, b]) node.tell({ kind: "routes", routes: [] });
    for (const task of tasks.splice(0)) task.close();
  });
  after(() => {
    a.close();
    b.close();
  });

  function task(node: TestNode, targetPort?: number): TestTask {
    const made = new TestTask(node, targetPort);
    tasks.push(made);
    return made;
  }

  /** Publishes a new port on both nodes for these tasks. */
  async function publish(...serving: readonly Task[]): Promise<number> {
    lastPort += 1;
    const port = lastPort;
    for (const node of [a, b]) {
      node.tell({ kind: "routes", routes: [routeTo(port, serving)] });
      await node.hear("listening", (message) => message.publishedPort === port);
    }
    return port;
  }

  it("serves a published port on every node, round robin over the tasks of all nodes", async () => {
    const three = [task(a), task(a), task(b)];
    for (const one of three) await one.start((socket) => socket.end(one.id));
    const port = await publish(...three);
    for (const node of [a, b]) {
      const answers: string[] = [];
      for (let i = 0; i < 6; i += 1) answers.push(await readAll(node.address, port));
      // Each node begins at a task of its own choice; from there on they take turns.
      const ids: readonly string[] = three.map((one) => one.id);
      const first = ids.indexOf(answers[0] ?? "");
      const turn = [...ids.slice(first), ...ids.slice(0, first)];
      expect(answers).to.deep.equal([...turn, ...turn]);
    }
  });

  it("skips backends that refuse, are unknown or gone: 200 requests, no error", async () => {
    const good = [task(a), task(b)];
    for (const one of good) await one.start((socket) => socket.end(one.id));
    const [refusing, refusingAfar, unknown] = [task(a), task(b), task(b)];
    refusing.tell();
    refusingAfar.tell();
    const nowhere = { ...unknown.backend(), dataAddress: `${NET}.99:${BASE_PORT}` };
    const port = await publish(...good, refusing, refusingAfar, unknown);
    const route = routeTo(port, [...good, refusing, refusingAfar]);
    a.tell({ kind: "routes", routes: [{ ...route, backends: [...route.backends, nowhere] }] });
    const answers = new Map<string, number>();
    for (let i = 0; i < 200; i += 1) {
      const answer = await readAll(a.address, port);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect([...answers.keys()].toSorted()).to.deep.equal(good.map((one) => one.id));
    expect(await a.scrape()).to.match(/skein_ingress_failures_total\{.*\} 0\n/);
  });

  for (const [name, node] of [
    ["a task of its own", (): TestNode => a],
    ["a task of another node", (): TestNode => b],
  ] as const) {
    describe(`to ${name}`, () => {
      it("carries half-close both ways", async () => {
        const one = task(node());
        await one.start((socket) => {
          let text = "";
          socket.on("data", (chunk: Buffer) => {
            text += chunk.toString();
          });
          // Answers only when it knows that the client is done.
          socket.on("end", () => socket.end(text.toUpperCase()));
        });
        const socket = await dial(a.address, await publish(one));
        socket.write("half a ");
        socket.end("question");
        expect(await textOf(socket)).to.equal("HALF A QUESTION");
      });

      it("lets a client write on after the task ended its half", async () => {
        const one = task(node());
        const heard: Promise<string>[] = [];
        await one.start((socket) => {
          socket.end("bye");
          // A probe breaks off.
          heard.push(textOf(socket).catch(() => ""));
        });
        await Promise.all(heard.splice(0));
        const socket = await dial(a.address, await publish(one));
        expect(await textOf(socket)).to.equal("bye");
        socket.end("still here");
        expect(await heard[0]).to.equal("still here");
      });

      it("carries a reset both ways", async () => {
        const one = task(node());
        const served: Socket[] = [];
        await one.start((socket) => {
          served.push(socket);
          socket.write("x");
        });
        const port = await publish(one);
        const first = await dial(a.address, port);
        await once(first, "data");
        served.at(-1)?.resetAndDestroy();
        const [error] = await once(first, "error");
        expect(error).to.include({ code: "ECONNRESET" });

        const second = await dial(a.address, port);
        await once(second, "data");
        const broken = once(served.at(-1) ?? second, "error");
        second.resetAndDestroy();
        expect((await broken)[0]).to.include({ code: "ECONNRESET" });
      });

      it("carries 64 MiB each way at once, unchanged", async () => {
        const one = task(node());
        await one.start((socket) => {
          socket.pipe(socket);
        });
        const socket = await dial(a.address, await publish(one));
        const [sent, received] = [createHash("sha256"), createHash("sha256")];
        let total = 0;
        socket.on("data", (chunk: Buffer) => {
          total += chunk.length;
          received.update(chunk);
        });
        const chunk = Buffer.alloc(MEBIBYTE);
        for (let i = 0; i < 64; i += 1) {
          for (let at = 0; at < chunk.length; at += 4) chunk.writeUInt32LE((i * 31 + at) >>> 0, at);
          sent.update(chunk);
          if (!socket.write(Buffer.from(chunk))) await once(socket, "drain");
        }
        socket.end();
        if (!socket.readableEnded) await once(socket, "end");
        expect(total).to.equal(64 * MEBIBYTE);
        expect(received.digest("hex")).to.equal(sent.digest("hex"));
      });

      it("holds back a task whose client does not read", async () => {
        const one = task(node());
        let written = 0;
        await one.start((socket) => {
          const chunk = Buffer.alloc(MEBIBYTE);
          function write(): void {
            while (!socket.destroyed) {
              written += chunk.length;
              if (!socket.write(chunk)) break;
            }
          }
          socket.on("drain", write);
          write();
        });
        const port = await publish(one);
        const socket = await dial(a.address, port);
        await once(socket, "readable");
        const least = await standsStill(() => written);
        // Two kernel buffers of loopback sockets per hop, and what we hold between them.
        expect(least).to.be.below(40 * MEBIBYTE);
        let read = 0;
        socket.on("data", (chunk: Buffer) => {
          read += chunk.length;
          if (read > 2 * least) socket.destroy();
        });
        await once(socket, "close");
        expect(read).to.be.above(2 * least);
      });

      it("lets connections of a draining task go on, and gives new ones to others", async () => {
        const [old, other] = [task(node()), task(b)];
        await old.start((socket) => {
          socket.on("data", (chunk: Buffer) => socket.write(chunk));
          socket.on("end", () => socket.end());
        });
        await other.start((socket) => socket.end(other.id));
        const port = await publish(old, other);
        const open = await dial(a.address, port);
        open.write("before");
        expect(String((await once(open, "data"))[0])).to.equal("before");
        old.tell({ draining: true });
        for (let i = 0; i < 6; i += 1) expect(await readAll(a.address, port)).to.equal(other.id);
        open.write("after");
        expect(String((await once(open, "data"))[0])).to.equal("after");
        open.end();
        await once(open, "end");
      });
    });
  }

  it("holds a client until a task is in rotation", async () => {
    const one = task(b);
    const port = await publish();
    const answer = readAll(a.address, port);
    await one.start((socket) => socket.end("late"));
    a.tell({ kind: "routes", routes: [routeTo(port, [one])] });
    expect(await answer).to.equal("late");
  });

  it("tells the system's reason when a port is in use, and serves it when it is free", async () => {
    lastPort += 1;
    const port = lastPort;
    const owner = createServer().listen(port, a.address);
    await once(owner, "listening");
    a.tell({ kind: "routes", routes: [routeTo(port, [])] });
    const failed = await a.hear("listen-failed", (message) => message.publishedPort === port);
    expect(failed.error).to.equal(`listen EADDRINUSE: address already in use ${a.address}:${port}`);
    owner.close();
    await a.hear("listening", (message) => message.publishedPort === port);
    const told = a.messages.filter((message) => message.kind === "listen-failed");
    expect(told).to.have.lengthOf(1);
    a.tell({ kind: "routes", routes: [] });
    await a.hear("unlistened", (message) => message.publishedPort === port);
  });

  it("takes a task that stopped listening out of rotation and back", async () => {
    const one = task(a);
    await one.start((socket) => socket.end());
    one.server?.close();
    const out = await a.hear("out-of-rotation", (message) => message.taskId === one.id);
    expect(out.reason).to.equal(`${one.hostAddress}:${one.port} refuses connections`);
    const seen = a.messages.length;
    await one.serve((socket) => socket.end());
    await a.hear("in-rotation", (message) => a.messages.indexOf(message) >= seen);
  });

  it("names a program that listens elsewhere", async () => {
    const one = task(a);
    const port = BASE_PORT + 700;
    const program = spawnListener(port, "0.0.0.0");
    try {
      await once(program.stdout, "data");
      one.tell({ name: "web.1", pid: program.pid ?? 0 });
      const warning = await a.hear("warning", (message) => message.taskId === one.id);
      const own = `${one.hostAddress}:${one.port}`;
      expect(warning.message).to.equal(
        `web.1 listens on 0.0.0.0:${port}, not on ${own}: use $HOST and $PORT`,
      );
    } finally {
      program.kill("SIGKILL");
      await once(program, "exit");
    }
  });

  it("does not take another program's answer for the task's", async () => {
    const port = BASE_PORT + 701;
    const one = task(a, port);
    const stranger = spawnListener(port, "0.0.0.0");
    const silent = spawn("sleep", ["60"], { stdio: "ignore" });
    try {
      await once(stranger.stdout, "data");
      one.tell({ name: "web.1", pid: silent.pid ?? 0 });
      const warning = await a.hear("warning", (message) => message.taskId === one.id);
      expect(warning.message).to.match(/is answered by a process that is not web\.1/);
      // The same listener is believed when it is the task's own.
      const own = task(a, port);
      own.tell({ pid: stranger.pid ?? 0 });
      await a.hear("in-rotation", (message) => message.taskId === own.id);
    } finally {
      for (const child of [stranger, silent]) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    }
  });

  it("reports figures in the Prometheus format, and shares few links", async () => {
    const one = task(b);
    await one.start((socket) => {
      socket.on("data", () => socket.end("12345"));
    });
    const port = await publish(one);
    const socket = await dial(a.address, port);
    socket.end("123");
    expect(await textOf(socket)).to.equal("12345");
    await once(socket, "close");
    const text = await a.scrape();
    const service = `service="web${port}"`;
    expect(text).to.include(`skein_ingress_connections_total{${service}} 1\n`);
    expect(text).to.include(`skein_ingress_bytes_total{direction="in",${service}} 3\n`);
    expect(text).to.include(`skein_ingress_bytes_total{direction="out",${service}} 5\n`);
    expect(text).to.include("skein_ingress_ports 1\n");
    expect(text).to.include('skein_ingress_open{state="active"} 0\n');
    // Both ends of at most two links each way, after all the tests before.
    expect(a.links() + b.links()).to.be.within(1, 8);
  });
});

/** Replaced in `before`; it keeps the variables free of `undefined`. */
function placeholder(): TestNode {
  return Object.create(TestNode.prototype);
}

async function textOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(socket, "end");
  return text;
}

/** The value once it did not change for half a second. */
async function standsStill(read: () => number): Promise<number> {
  for (let before = -1, now = read(); ; before = now, now = read()) {
    if (before === now) return now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function spawnListener(port: number, host: string) {
  const server = 'require("net").createServer((s) => s.end())';
  const script = `${server}.listen(${port}, "${host}", () => console.log("up"))`;
  return spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
}
