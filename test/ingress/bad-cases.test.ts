/** What clients, tasks and nodes do wrong, with real sockets. Slow by nature: time-outs run out. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import { expect } from "chai";
import {
  BASE_PORT,
  makeAuthority,
  makeIdentity,
  readAll,
  routeTo,
  TestNode,
  TestTask,
} from "../integration/support/dataplane.ts";
import { raw } from "../integration/support/http.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const IDLE_CLIENTS = 5000;

describe("ingress, bad cases", function () {
  this.timeout(90_000);
  const nodes: TestNode[] = [];
  const tasks: TestTask[] = [];
  let lastPort = BASE_PORT + 1500;

  before(async () => {
    const authority = await makeAuthority();
    for (const number of [61, 62]) {
      nodes.push(new TestNode(await makeIdentity(authority, `node-${number}`), number));
    }
    await Promise.all(nodes.map((one) => one.hear("ready")));
  });
  afterEach(() => {
    for (const one of nodes) one.tell({ kind: "routes", routes: [] });
    for (const one of tasks.splice(0)) one.close();
  });
  after(() => {
    for (const one of nodes) one.close();
  });

  const node = (at: number): TestNode => nodes[at] ?? expect.fail("no such node");

  async function task(at: number, handler: (socket: Socket) => void): Promise<TestTask> {
    const made = new TestTask(node(at), BASE_PORT + 950);
    tasks.push(made);
    await made.start(handler);
    return made;
  }

  async function publish(
    serving: readonly TestTask[],
    options: Partial<IngressOptions>,
  ): Promise<{ host: string; port: number }> {
    lastPort += 1;
    const port = lastPort;
    const route = { ...routeTo(port, serving), ingress: { ...DEFAULT_INGRESS, ...options } };
    node(0).tell({ kind: "routes", routes: [route] });
    await node(0).hear("listening", (message) => message.publishedPort === port);
    return { host: node(0).address, port };
  }

  const answer = (socket: Socket): void => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  };

  it("all tasks down: a 503 and a reset at once, after the patience of the first", async () => {
    const http = await publish([], { protocol: "http" });
    expect((await raw(http, GET)).text).to.match(
      /^HTTP\/1\.1 503 [^]*no task of web\d+ answers\n$/,
    );
    const began = performance.now();
    expect((await raw(http, GET)).text).to.match(/^HTTP\/1\.1 503 [^]*Retry-After: 1/);
    expect(performance.now() - began).to.be.below(2000);
    const tcp = await publish([], { protocol: "tcp" });
    expect(await raw(tcp, "x")).to.deep.equal({ text: "", reset: true });
    const again = performance.now();
    expect(await raw(tcp, "x")).to.deep.equal({ text: "", reset: true });
    expect(performance.now() - again).to.be.below(2000);
  });

  it("a client that sends a byte now and then is told 408 and left", async () => {
    const at = await publish([await task(0, answer)], { protocol: "http" });
    const socket = connect(at);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const drip = setInterval(() => socket.write("G"), 1000);
    await closed;
    clearInterval(drip);
    expect(text).to.match(/^HTTP\/1\.1 408 Request Timeout/);
  });

  it("5,000 idle clients cost the others nothing", async () => {
    const at = await publish([await task(0, answer)], { protocol: "http" });
    const idle: Socket[] = [];
    for (let i = 0; i < IDLE_CLIENTS; i += 1) {
      const socket = connect(at);
      socket.on("error", () => undefined);
      idle.push(socket);
      if (i % 100 === 99) await once(socket, "connect");
    }
    try {
      for (let i = 0; i < 20; i += 1) {
        expect((await raw(at, GET)).text).to.match(/^HTTP\/1\.1 200/);
      }
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });

  it("a task that is stopped leaves rotation, and is back when it goes on", async function () {
    // Seen once to wait for ever behind the 5,000 clients on a busy machine, never alone.
    this.timeout(30_000);
    const made = new TestTask(node(0), BASE_PORT + 951);
    tasks.push(made);
    const server = 'require("net").createServer((s) => s.end("x"))';
    const where = `${made.port}, "${made.hostAddress}"`;
    const script = `${server}.listen(${where}, () => console.log("up"))`;
    const program = spawn(process.execPath, ["-e", script], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      await once(program.stdout, "data");
      made.tell({ pid: program.pid ?? 0 });
      await node(0).hear("in-rotation", (message) => message.taskId === made.id);
      const seen = node(0).messages.length;
      program.kill("SIGSTOP");
      const mine = (message: { readonly taskId: string }): boolean => message.taskId === made.id;
      const out = await node(0).hear("out-of-rotation", mine);
      expect(out.reason).to.match(/connections wait at .* and none is taken$/);
      program.kill("SIGCONT");
      await node(0).hear(
        "in-rotation",
        (message) => mine(message) && node(0).messages.indexOf(message) > seen,
      );
    } finally {
      program.kill("SIGKILL");
      await once(program, "exit");
    }
  });

  it("a node that went silent costs a moment, and is used again when it is back", async () => {
    const far = await task(1, (socket) => socket.end("far"));
    const near = await task(0, (socket) => socket.end("near"));
    const { host, port } = await publish([far, near], { protocol: "tcp" });
    const first = [await readAll(host, port), await readAll(host, port)];
    expect(first.toSorted()).to.deep.equal(["far", "near"]);
    node(0).cut([node(1).address]);
    for (let i = 0; i < 20; i += 1) {
      const began = performance.now();
      expect(await readAll(host, port)).to.equal("near");
      expect(performance.now() - began, `request ${i}`).to.be.below(1500);
    }
    node(0).cut([]);
    let answered = "";
    for (let i = 0; i < 200 && answered !== "far"; i += 1) {
      answered = await readAll(host, port);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(answered).to.equal("far");
  });
});
