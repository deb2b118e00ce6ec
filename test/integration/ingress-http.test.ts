/** HTTP on published ports, with real sockets, against tasks that behave and tasks that do not. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, get } from "node:http";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import { expect } from "chai";
import {
  BASE_PORT,
  makeAuthority,
  makeIdentity,
  routeTo,
  TestNode,
  TestTask,
} from "./support/dataplane.ts";
import { raw } from "./support/http.ts";

const POST = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
const LINE = new RegExp(
  "^127\\.0\\.0\\.1 - - \\[\\d\\d/\\w{3}/\\d{4}:[\\d:]{8} \\+0000\\] " +
    '"GET /x HTTP/1\\.1" 200 \\d+ "-" "-" task\\d+ [\\d.]+ms$',
);

describe("ingress with HTTP", function () {
  this.timeout(30_000);
  const nodes: TestNode[] = [];
  const tasks: TestTask[] = [];
  let lastPort = BASE_PORT + 1000;

  before(async () => {
    const authority = await makeAuthority();
    for (const number of [41, 42]) {
      nodes.push(new TestNode(await makeIdentity(authority, `node-${number}`), number));
    }
    await Promise.all(nodes.map((node) => node.hear("ready")));
  });
  afterEach(() => {
    for (const node of nodes) node.tell({ kind: "routes", routes: [] });
    for (const task of tasks.splice(0)) task.close();
  });
  after(() => {
    for (const node of nodes) node.close();
  });

  const node = (at: number): TestNode => nodes[at] ?? expect.fail("no such node");

  /** A task that answers by Node's HTTP server. */
  async function web(
    at: number,
    handler: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<TestTask> {
    const server: HttpServer = createServer(handler);
    return task(at, (socket) => server.emit("connection", socket), server);
  }

  async function task(
    at: number,
    handler: (socket: Socket) => void,
    http?: HttpServer,
  ): Promise<TestTask> {
    const made = new TestTask(node(at), BASE_PORT + 900);
    tasks.push(made);
    await made.start(handler);
    if (http !== undefined) made.server?.on("close", () => http.closeAllConnections());
    return made;
  }

  async function publish(
    serving: readonly TestTask[],
    options: Partial<IngressOptions> = {},
  ): Promise<{ host: string; port: number }> {
    lastPort += 1;
    const port = lastPort;
    const route = { ...routeTo(port, serving), ingress: { ...DEFAULT_INGRESS, ...options } };
    node(0).tell({ kind: "routes", routes: [route] });
    await node(0).hear("listening", (message) => message.publishedPort === port);
    return { host: node(0).address, port };
  }

  const echo = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      const body = Buffer.concat(chunks).toString();
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  };
  const GET = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

  it("tells the task who asks, and drops what a client says of itself", async () => {
    const at = await publish([await web(0, echo)]);
    const spoof = "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-A: b\r\n";
    const { text } = await raw(at, GET.replace("Connection", `${spoof}Connection`));
    const { headers } = JSON.parse(text.slice(text.indexOf("{")).replace(/\r\n0\r\n[^]*$/, ""));
    expect(headers).to.include({
      host: "a.example",
      "x-a": "b",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "a.example",
    });
    expect(headers).to.not.have.property("forwarded");
    expect(headers.connection).to.not.equal("close");
  });

  it("spreads the requests of one connection over tasks of both nodes, and logs each", async () => {
    const two = [await web(0, echo), await web(1, echo)];
    const at = await publish(two);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 6; i += 1) expect(await fetchText(at, agent)).to.include('"url":"/x"');
    agent.destroy();
    await eventually(() => {
      const lines = accessLines(node(0), at.port);
      expect(lines).to.have.lengthOf(6);
      expect(lines[0]).to.match(LINE);
      for (const one of two) {
        expect(lines.filter((line) => line.includes(one.id))).to.have.lengthOf(3);
      }
    });
    const text = await node(0).scrape();
    expect(text).to.include(`service="web${at.port}",code="2xx"} 6`);
    expect(text).to.match(/skein_request_seconds_count\{.*\} 6/);
    expect(text).to.include(`task="${two[0]?.id}"} 3`);
  });

  it("carries bodies both ways: a length, chunks, and until the end", async () => {
    const at = await publish([await web(1, echo)]);
    const length = "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    const chunks =
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
      "3;x=y\r\nwor\r\n2\r\nld\r\n0\r\nTrailer: t\r\n\r\n";
    const { text } = await raw(at, length + chunks);
    expect(text.match(/"body":"hello"/g)).to.have.lengthOf(1);
    expect(text.match(/"body":"world"/g)).to.have.lengthOf(1);
    const plain = await task(0, (socket) => {
      socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nto the end"));
    });
    const old = await raw(await publish([plain]), GET.replace("Connection: close\r\n", ""));
    expect(old.text).to.match(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n\r\nto the end$/);
  });

  it("repeats a GET whose task broke off before its answer, never a POST", async () => {
    const broken = await task(1, (socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const good = await web(0, echo);
    const at = await publish([broken, good]);
    for (let i = 0; i < 6; i += 1) expect((await raw(at, GET)).text).to.match(/^HTTP\/1\.1 200/);
    const alone = await publish([broken]);
    const post = GET.replace("GET", "POST").replace("Host", "Content-Length: 0\r\nHost");
    const { text } = await raw(alone, post);
    expect(text).to.match(/^HTTP\/1\.1 502 Bad Gateway\r\n[^]*the task broke off\n$/);
  });

  it("breaks the client off when the task dies in the middle of an answer", async () => {
    const half = await task(0, (socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        setTimeout(() => socket.resetAndDestroy(), 20);
      });
    });
    const { text, reset } = await raw(await publish([half]), GET);
    expect(text).to.match(/half$/);
    expect(reset).to.equal(true);
  });

  it("answers 504 for a task that accepts and never answers", async () => {
    const mute = await task(0, (socket) => void socket.resume());
    const at = await publish([mute], { answerWithinMs: 500 });
    expect((await raw(at, GET)).text).to.match(/^HTTP\/1\.1 504 Gateway Timeout/);
  });

  const refused: readonly (readonly [string, string, number])[] = [
    ["two lengths", `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    ["length and chunks", `${POST}Content-Length: 4\r\n${CHUNKED}0\r\n\r\n`, 400],
    ["a veiled encoding", `${POST}Transfer-Encoding: xchunked\r\n\r\n`, 400],
    ["a space before a colon", `${POST}Transfer-Encoding : chunked\r\n\r\n`, 400],
    ["a bare line feed", "GET / HTTP/1.1\nHost: a\n\n", 400],
    ["a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400],
    ["a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400],
    ["a bad chunk", `${POST}${CHUNKED}zz\r\n`, 400],
    ["a head that is too long", `${POST}X: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    ["HTTP/2 in clear on a port of HTTP", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ];
  for (const [name, request, status] of refused) {
    it(`refuses ${name}: ${status}, and ends the connection`, async () => {
      let asked = 0;
      const quiet = await web(0, (_request, response) => {
        asked += 1;
        response.end();
      });
      const at = await publish([quiet], { protocol: "http" });
      const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
      const { text } = await raw(at, request + smuggled);
      expect(text.match(/HTTP\/1\.1 \d+/g)).to.deep.equal([`HTTP/1.1 ${status}`]);
      expect(asked).to.equal(0);
    });
  }

  it("changes to WebSocket, and passes on what both say", async () => {
    const server = createServer();
    server.on("upgrade", (request, socket: Socket) => {
      expect(request.headers).to.include({ upgrade: "websocket", connection: "Upgrade" });
      socket.write(`${SWITCH}\r\nearly`);
      socket.on("data", (chunk: Buffer) => socket.write(chunk));
    });
    const one = await task(1, (socket) => server.emit("connection", socket), server);
    const socket = connect(await publish([one]));
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await eventually(() => expect(text).to.match(/^HTTP\/1\.1 101 [^]*\r\n\r\nearly$/));
    socket.write("ping");
    await eventually(() => expect(text).to.match(/earlyping$/));
    socket.destroy();
  });

  it("keeps a client with its task by a cookie, until the task goes", async () => {
    const two = [await web(0, echo), await web(0, echo)];
    const at = await publish(two, { stickyCookie: "at", protocol: "http" });
    const first = await raw(at, GET);
    const set = /Set-Cookie: (at=[0-9a-f]{16}); Path=\/; HttpOnly; SameSite=Lax\r\n/;
    const cookie = set.exec(first.text);
    const mine = GET.replace("Connection", `Cookie: a=b; ${cookie?.[1]}\r\nConnection`);
    for (let i = 0; i < 5; i += 1) expect((await raw(at, mine)).text).to.not.include("Set-Cookie");
    await eventually(() => {
      const its = accessLines(node(0), at.port).map((line) => /task\d+/.exec(line)?.[0]);
      expect(its).to.have.lengthOf(6);
      expect(new Set(its).size).to.equal(1);
    });
  });

  it("lets a task speak first, and passes on what is no HTTP", async () => {
    const smtp = await task(1, (socket) => {
      socket.write("220 hello\r\n");
      socket.on("data", (chunk: Buffer) => socket.end(`250 ${chunk}`));
    });
    const socket = connect(await publish([smtp]));
    expect(String((await once(socket, "data"))[0])).to.equal("220 hello\r\n");
    socket.write("EHLO me\r\n");
    expect(String((await once(socket, "data"))[0])).to.equal("250 EHLO me\r\n");
    socket.destroy();
    const binary = await task(0, (one) => {
      one.once("data", (chunk: Buffer) => one.end(chunk));
    });
    expect((await raw(await publish([binary]), "\0\u0001PING")).text).to.equal("\0\u0001PING");
  });

  it("chooses the service by host and path, and answers 404 where none fits", async () => {
    const [shop, api] = [await web(0, tell("shop")), await web(0, tell("api"))];
    lastPort += 1;
    const port = lastPort;
    const rule = (name: string, one: TestTask, rest: Partial<IngressOptions>) => ({
      ...routeTo(port, [one]),
      serviceId: routeTo(name === "shop" ? 1 : 2, []).serviceId,
      name,
      ingress: { ...DEFAULT_INGRESS, protocol: "http" as const, ...rest },
    });
    const routes = [
      rule("shop", shop, { host: "shop.example" }),
      rule("api", api, { path: "/api" }),
    ];
    node(0).tell({ kind: "routes", routes });
    await node(0).hear("listening", (message) => message.publishedPort === port);
    const at = { host: node(0).address, port };
    const ask = async (host: string, path: string): Promise<string> => {
      return (await raw(at, GET.replace("a.example", host).replace("GET /", `GET ${path}`))).text;
    };
    expect(await ask("Shop.Example:80", "/api")).to.include("shop");
    expect(await ask("other", "/api/x?y")).to.include("api");
    expect(await ask("other", "/")).to.match(/^HTTP\/1\.1 404 Not Found/);
  });
});

const tell = (name: string) => (_request: IncomingMessage, response: ServerResponse) => {
  response.end(name);
};

function fetchText(at: { host: string; port: number }, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ ...at, agent, path: "/x" }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}

function accessLines(node: TestNode, port: number): readonly string[] {
  const path = join(node.accessDirectory, `web${port}.log`);
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

/** Tries until it holds, for five seconds. */
async function eventually(check: () => void): Promise<void> {
  for (let i = 0; ; i += 1) {
    try {
      return check();
    } catch (error) {
      if (i === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
