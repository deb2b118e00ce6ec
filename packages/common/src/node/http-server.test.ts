import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { UnixServer, UnixServerOptions } from "./http-server.ts";
import { readBody, sendError, sendJson, serveUnix } from "./http-server.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

function ask(
  socketPath: string,
  options: { method?: string; headers?: OutgoingHttpHeaders; body?: Buffer } = {},
): Promise<Answer> {
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/", method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: text }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

describe("serveUnix", () => {
  let directory: string;
  let path: string;
  const servers: UnixServer[] = [];
  const start = async (options: Partial<UnixServerOptions>): Promise<UnixServer> => {
    const handler = options.handler ?? ((_request, response) => sendJson(response, 200, "hello"));
    const served = await serveUnix({ ...options, path, handler });
    if (!served.ok) throw new Error(served.error.reason);
    servers.push(served.value);
    return served.value;
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-http-"));
    path = join(directory, "skein.sock");
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    rmSync(directory, { recursive: true });
  });

  it("serves on a private socket and leaves nothing beside it", async () => {
    const server = await start({});
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(readdirSync(directory)).to.deep.equal(["skein.sock"]);
    const answer = await ask(path);
    expect(answer.headers["content-type"]).to.equal("application/json");
    expect(JSON.parse(answer.body)).to.equal("hello");
    await server.close();
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it("takes the path over while clients keep asking, and the loser leaves it alone", async () => {
    const named = (name: string): UnixServerOptions["handler"] => {
      return (_request, response) => sendJson(response, 200, name);
    };
    const first = await start({ handler: named("first") });
    const answers: string[] = [];
    let asking = true;
    const client = (async () => {
      while (asking) answers.push((await ask(path)).body.trim());
    })();
    await new Promise((resolve) => setImmediate(resolve));
    const second = await start({ handler: named("second") });
    await ask(path);
    asking = false;
    await client;
    await first.close();
    expect(existsSync(path)).to.equal(true);
    expect((await ask(path)).body).to.equal('"second"\n');
    const change = answers.indexOf('"second"');
    expect(answers.slice(change === -1 ? answers.length : change)).not.to.include('"first"');
    await second.close();
    expect(existsSync(path)).to.equal(false);
  });

  it("refuses a path that no socket can have, and a directory that is not there", async () => {
    const handler = () => undefined;
    const long = await serveUnix({ path: `/tmp/${"x".repeat(150)}/skein.sock`, handler });
    expect(long.ok ? "" : long.error.reason).to.match(
      /^Cannot listen on \/tmp\/x+\/skein.sock: 166 bytes, at most 107/,
    );
    const absent = await serveUnix({ path: join(directory, "no", "skein.sock"), handler });
    expect(absent).to.have.nested.property("error.code", "listen-failed");
  });

  it("hands upgrades over and ends them when it closes", async () => {
    const server = await start({
      onUpgrade: (_request, socket, head) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n");
        socket.write(head);
        socket.pipe(socket);
      },
    });
    const raw = connect(path);
    let text = "";
    raw.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    raw.write("POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw");
    while (!text.endsWith("raw")) await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise((resolve) => raw.once("close", resolve));
    await server.close();
    await closed;
  });

  it("answers garbage and lives on", async () => {
    await start({});
    const raw = connect(path);
    raw.write("\u0001garbage\r\n\r\n");
    let text = "";
    raw.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await new Promise((resolve) => raw.once("close", resolve));
    expect(text).to.match(/^HTTP\/1.1 400/);
    expect((await ask(path)).status).to.equal(200);
  });

  describe("readBody", () => {
    const handler: UnixServerOptions["handler"] = (asked, response) => {
      void readBody(asked, 1000).then((body) => {
        if (body.ok) sendJson(response, 200, body.value.length);
        else sendError(response, body.error.status, body.error.message);
      });
    };
    const chunked = { "Transfer-Encoding": "chunked" };
    const rows = [
      { name: "none", size: 0, headers: {}, status: 200 },
      { name: "one at the limit", size: 1000, headers: {}, status: 200 },
      { name: "a declared one over the limit", size: 1001, headers: {}, status: 413 },
      { name: "a chunked one over the limit", size: 900_000, headers: chunked, status: 413 },
    ];
    for (const { name, size, headers, status } of rows) {
      it(`answers ${status} for a body: ${name}`, async () => {
        await start({ handler });
        const answer = await ask(path, { method: "POST", headers, body: Buffer.alloc(size) });
        expect(answer.status).to.equal(status);
        const message = "the request body is longer than 1000 bytes";
        expect(JSON.parse(answer.body)).to.deep.equal(status === 200 ? size : { message });
        expect(answer.headers["content-type"]).to.equal("application/json");
      });
    }

    it("tells a body that broke off", async () => {
      const told = new Promise<unknown>((resolve) => {
        void start({ handler: (asked) => void readBody(asked, 1000).then(resolve) }).then(() => {
          const raw = connect(path);
          raw.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
          raw.end();
        });
      });
      expect(await told).to.have.nested.property("error.code", "body-aborted");
    });
  });
});
