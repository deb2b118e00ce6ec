/**
 * The Engine API against recordings of dockerd: every route is there, refusals say what Docker
 * says.
 */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

interface Exchange {
  readonly n: number;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: { readonly [key: string]: unknown };
  readonly status: number;
  readonly message: string;
}

interface Asked {
  readonly method: string;
  readonly path: string;
}

function fixture(name: string) {
  const url = new URL(`../fixtures/engine-api/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"));
}

const errors: readonly Exchange[] = fixture("errors");
const requests: readonly Asked[] = fixture("requests");

/** Where we answer otherwise than dockerd 20.10, with what and why. */
const DIVERGENCES: Readonly<Record<number, { readonly status: number; readonly part: string }>> = {
  32: { status: 400, part: "unsupported Content-Type header (text/plain)" },
  95: { status: 503, part: "Cannot show the swarm" },
  98: { status: 400, part: "Maximum supported API version is 1.50" },
};

describe("engine-api: recorded refusals", () => {
  let cluster: FakeCluster;
  let socket: string;
  const ids = new Map<string, string>();
  before(async () => {
    cluster = await FakeCluster.start();
    socket = cluster.managers[0]?.socket ?? "";
    const spec = {
      Name: "p1",
      TaskTemplate: { ContainerSpec: { Image: "host", Command: ["x"] } },
      EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8888 }] },
    };
    let id = await createService(socket, spec);
    // The recording asks for a service "p", which is not there: an id that begins so is found.
    while (id.startsWith("p")) {
      expect((await ask(socket, `DELETE /services/${id}`)).status).to.equal(200);
      id = await createService(socket, spec);
    }
    ids.set("3ahv5tgzlzygnhhka9mzl9smt", id);
    ids.set("v5spf9lm9j4ee6gzd3y7ebiuu", cluster.managers[0]?.nodeId ?? "");
  });
  after(() => cluster.close());

  for (const exchange of errors) {
    it(`${exchange.n}: ${exchange.method} ${exchange.path}: ${exchange.message}`, async () => {
      const answer = await replay(socket, exchange, ids);
      const expected = DIVERGENCES[exchange.n];
      expect(answer.status).to.equal(expected?.status ?? exchange.status);
      if (expected !== undefined) expect(answer.message).to.include(expected.part);
      else expect(answer.message).to.equal(withIds(exchange.message, ids));
      expect(answer.headers["content-type"]).to.equal("application/json");
    });
  }
});

async function createService(socket: string, spec: unknown): Promise<string> {
  const created = await ask(socket, "POST /services/create", { body: spec });
  expect(created.status).to.equal(201);
  return idOf(created.body);
}

/** The recording's own ids and versions, and an image and command that run here. */
async function replay(socket: string, exchange: Exchange, ids: ReadonlyMap<string, string>) {
  const path = withIds(exchange.path, ids);
  const query = { ...exchange.query };
  // The version that was current in the recording; stale ones (67, 1) are far behind it.
  if (query["version"] === "68") query["version"] = await versionOf(socket, path);
  if (query["version"] === "67") query["version"] = "1";
  const body = exchange.body;
  const raw = body?.["$text"];
  const headers = exchange.n === 32 ? { "Content-Type": "text/plain" } : {};
  if (typeof raw === "string") {
    return ask(socket, `${exchange.method} ${path}`, { text: raw, query, headers });
  }
  const text = JSON.stringify(body)?.replaceAll(
    /"Image": ?"busybox"/g,
    '"Image":"host","Args":["x"]',
  );
  return ask(socket, `${exchange.method} ${path}`, {
    query,
    ...(text === undefined ? {} : { text }),
  });
}

async function versionOf(socket: string, path: string): Promise<string> {
  const { body } = await ask(socket, `GET ${path.replace(/\/update$/, "")}`);
  const { Version } = body as { Version: { Index: number } };
  return String(Version.Index);
}

function withIds(text: string, ids: ReadonlyMap<string, string>): string {
  return [...ids].reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

function idOf(body: unknown): string {
  return (body as { ID: string }).ID;
}

describe("engine-api: recorded requests", () => {
  let cluster: FakeCluster;
  before(async () => {
    cluster = await FakeCluster.start();
  });
  after(() => cluster.close());

  it("answers every one, and none with 'page not found'", async () => {
    const socket = cluster.managers[0]?.socket ?? "";
    const known = requests.filter(
      ({ path }) => !path.startsWith("/nosuchroute") && path !== "/services",
    );
    for (const { method, path } of known) {
      if (path === "/events" || path.endsWith("/logs")) continue;
      const answer = await ask(
        socket,
        `${method} /v1.41${path}`,
        method === "POST" ? { body: {} } : {},
      );
      expect(answer.message, `${method} ${path}`).not.to.equal("page not found");
      expect(answer.status, `${method} ${path}`).not.to.equal(500);
      if (answer.status >= 400 && method !== "HEAD") expect(answer.message).to.be.a("string");
    }
    expect(cluster.log).to.deep.equal([]);
  });
});
