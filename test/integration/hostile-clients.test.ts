/**
 * Clients that send what they should not, or read as they should not: each gets an answer or loses
 * its own connection, and everyone else is served meanwhile.
 */
import http from "node:http";
import net from "node:net";
import { API_CONNECTIONS_MAX } from "@skein/common/limits";
import { expect } from "chai";
import type { Answer } from "../support/api-client.ts";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { until } from "../support/wait.ts";

const SPEC = { Name: "web", TaskTemplate: { ContainerSpec: { Image: "host", Args: ["x"] } } };

describe("hostile clients", function () {
  this.timeout(60_000);
  let cluster: FakeCluster;
  let socket = "";
  before(async () => {
    cluster = await FakeCluster.start(2, 1);
    socket = cluster.managers[1]?.socket ?? "";
    const made = await ask(socket, "POST /services/create", { body: SPEC });
    expect(made.status).to.equal(201);
  });
  after(() => cluster.close());
  afterEach("everyone else is served", async () => {
    expect((await ask(socket, "GET /services/web")).status).to.equal(200);
  });

  it("headers of 10 MB are refused, and their connection is closed", async () => {
    const line = `X-Long: ${"x".repeat(10_000_000)}\r\n`;
    const said = await raw(socket, `GET /_ping HTTP/1.1\r\nHost: d\r\n${line}\r\n`);
    expect(said).to.match(/^HTTP\/1\.1 4\d\d /);
  });

  const rows = [
    { name: "no HTTP at all", text: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" },
    { name: "a length that is none", text: "POST /auth HTTP/1.1\r\nContent-Length: x\r\n\r\n" },
    {
      name: "two lengths (request smuggling)",
      text: "POST /auth HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\nabc",
    },
    { name: "a chunk that is none", text: `${chunkedHead()}zz\r\n` },
  ];
  for (const { name, text } of rows) {
    it(`${name}: 400, and the connection is closed`, async () => {
      expect(await raw(socket, text)).to.match(/^HTTP\/1\.1 400 /);
    });
  }

  it("unknown paths, wrong methods, foreign versions: Docker's words", async () => {
    const said = async (what: string): Promise<string> => {
      const { status, message } = await ask(socket, what);
      return `${status} ${String(message)}`;
    };
    expect(await said("GET /nosuch")).to.equal("404 page not found");
    expect(await said("PUT /services")).to.equal("404 page not found");
    expect(await said("DELETE /_ping")).to.equal("404 page not found");
    expect(await said("GET /v9.99/info")).to.match(/^400 client version 9\.99 is too new/);
    expect(await said("GET /v1.10/info")).to.match(/^400 client version 1\.10 is too old/);
    expect(await said("GET /services/%ff")).to.match(/^400 invalid URL escape/);
    expect(await said(`GET /services/${"a".repeat(4000)}`)).to.match(/^404 service a+ not found/);
    expect(await said("GET /containers/..%2f..%2fetc/json")).to.match(/^404 No such container/);
  });

  it("JSON of a million brackets, and keys with a meaning to JavaScript, do no harm", async () => {
    const deep = await ask(socket, "POST /services/create", { text: "[".repeat(1_000_000) });
    expect(deep.status).to.equal(400);
    const body =
      '{"Name":"proto","__proto__":{"x":1},"constructor":{"y":2},"Labels":{"toString":"a"}}';
    const odd = await ask(socket, "POST /services/create", { text: body });
    expect(odd.status).to.be.oneOf([201, 400]);
    expect(({} as Record<string, unknown>)["x"]).to.equal(undefined);
  });

  it("both encodings of filters mean the same; what is neither is refused", async () => {
    const names = async (filters: string): Promise<unknown> =>
      (await ask(socket, "GET /services", { query: { filters } })).body;
    expect(await names('{"name":{"web":true}}')).to.deep.equal(await names('{"name":["web"]}'));
    expect(await names('{"name":["nosuch"]}')).to.deep.equal([]);
    for (const filters of ['{"name":1}', "[1]", '{"name":[1]}', "{", '"x"']) {
      const answer = await ask(socket, "GET /services", { query: { filters } });
      expect(answer.status, filters).to.equal(400);
    }
  });

  it("the beginning of several ids is refused as ambiguous", async () => {
    const ids = cluster.store.view.nodes.list().map((node) => node.id);
    const letters = ids.map((id) => id.slice(0, 1));
    const shared = letters.find((letter, at) => letters.indexOf(letter) !== at);
    if (shared === undefined) return;
    const count = letters.filter((one) => one === shared).length;
    const answer = await ask(socket, `GET /nodes/${shared}`);
    expect([answer.status, answer.message]).to.deep.equal([
      400,
      `node ${shared} is ambiguous (${count} matches found)`,
    ]);
  });

  it("20 updates of one service at once: one of each version wins, all are answered", async () => {
    const before = cluster.store.view.serviceByName("web");
    const version = before?.version ?? 0;
    const update = (slot: number): Promise<Answer> => {
      const body = { ...SPEC, Labels: { writer: `${slot}` } };
      const target = cluster.managers[slot % 2]?.socket ?? socket;
      return ask(target, `POST /services/web/update?version=${version}`, { body });
    };
    const answers = await Promise.all(Array.from({ length: 20 }, (_, slot) => update(slot)));
    const won = answers.filter((answer) => answer.status === 200);
    const lost = answers.filter((answer) => answer.status !== 200);
    expect(won).to.have.length(1);
    for (const answer of lost) {
      expect(answer.status).to.equal(500);
      expect(answer.message).to.match(/update out of sequence$/);
    }
    const after = cluster.store.view.serviceByName("web");
    const writer = answers.findIndex((answer) => answer.status === 200);
    expect(after?.spec.labels["writer"]).to.equal(`${writer}`);
  });

  it("1,000 connections are served; those beyond the limit are closed, not queued", async () => {
    const open = await Promise.all(Array.from({ length: 1000 }, () => connect(socket)));
    const answers = await Promise.all(open.map((client) => pingOn(client)));
    expect(answers.every((answer) => answer.startsWith("HTTP/1.1 200 OK"))).to.equal(true);
    const more = await Promise.all(
      Array.from({ length: API_CONNECTIONS_MAX - 990 }, () => connect(socket)),
    );
    const closed = more.map((client) => new Promise((done) => client.on("close", done)));
    await Promise.race(closed);
    for (const client of [...open, ...more]) client.destroy();
    await until(10_000, "room for others", async () => {
      return (await ask(socket, "GET /_ping").catch(() => undefined))?.status === 200;
    });
  });

  it("a reader of logs that does not read is cut off, not kept in memory", async () => {
    const line = `${"x".repeat(60_000)}\n`;
    cluster.lines = () => Array.from({ length: 1600 }, () => ["stdout", line] as const);
    const client = await connect(cluster.managers[0]?.socket ?? "");
    client.pause();
    client.write("GET /services/web/logs?stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n");
    await until(20_000, "the log's end", () =>
      cluster.log.some(({ message }) => message.includes("log stream cut: its reader is too slow")),
    );
    client.destroy();
    cluster.lines = () => [];
  });

  it("a client that leaves in the middle of a stream leaves nothing behind", async () => {
    const dials = cluster.dials;
    for (let round = 0; round < 20; round += 1) {
      await new Promise<void>((resolve) => {
        const request = http.get({ socketPath: socket, path: "/events" }, () => {
          request.destroy();
          resolve();
        });
        request.on("error", () => resolve());
      });
    }
    expect(cluster.dials - dials).to.be.lessThan(25);
  });
});

function chunkedHead(): string {
  return "POST /services/create HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n";
}

function connect(path: string): Promise<net.Socket> {
  return new Promise((resolve) => {
    const client = net.connect(path, () => resolve(client));
    client.on("error", () => resolve(client));
  });
}

function pingOn(client: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    client.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    client.once("close", () => resolve("closed"));
    client.write("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n");
  });
}

/** Sends bytes, and gives what came back until the other side closed. */
function raw(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const client = net.connect(path, () => client.write(text, "latin1"));
    client.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    client.on("error", () => undefined);
    client.on("close", () => resolve(said));
  });
}
