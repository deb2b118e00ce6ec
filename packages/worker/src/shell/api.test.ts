import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterId, nodeId } from "@skein/common/ids";
import { noMetrics } from "@skein/common/io/metrics";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { UnixServer } from "@skein/common/node/http-server";
import { serveUnix } from "@skein/common/node/http-server";
import { expect } from "chai";
import { createWorkerApi } from "./api.ts";
import { ContainerApi } from "./containers/container-api.ts";

const CONFIG: NodeConfig = {
  schema: 1,
  clusterId: clusterId("c1"),
  clusterName: "default",
  nodeId: nodeId("node1"),
  name: "worker-1",
  role: "worker",
  availability: "active",
  address: "127.0.1.4",
  managerPort: 2377,
  controlPort: 7946,
  dataPort: 4789,
  apiSocket: "",
  plane: "loopback",
  taskPool: "10.65.0.0/16",
  managers: [],
  local: true,
};

const NOT_A_MANAGER = /^This node is not a swarm manager\. Worker nodes can't be used to view/;

describe("the Engine API of a worker node", () => {
  const directory = mkdtempSync(join(tmpdir(), "skein-api-"));
  const path = join(directory, "skein.sock");
  const bugs: unknown[] = [];
  let server: UnixServer | undefined;
  let metrics: () => Promise<string> = async () => "# TYPE a counter\na 1\n";

  before(async () => {
    const nothing = { cancel: () => undefined };
    const containers = new ContainerApi({
      config: CONFIG,
      worker: {
        tasks: () => [],
        watchTasks: () => nothing,
        readLogs: () => ({ close: () => undefined }),
      },
      engine: {
        signal: () => Promise.resolve(false),
        members: () => Promise.resolve([]),
        directory: (task) => join(directory, task),
      },
      gossip: () => ({}),
      metricsText: () => Promise.resolve(""),
      defaults: { env: {} },
      log: { write: () => undefined },
      metrics: noMetrics,
      bug: (error) => bugs.push(error),
    });
    const handler = createWorkerApi({
      config: CONFIG,
      containers,
      facts: () => ({ connected: true, managers: ["127.0.1.1:2377"], running: 0, ended: 0 }),
      metricsText: () => metrics(),
      bug: (error) => bugs.push(error),
    });
    const result = await serveUnix({ path, handler });
    if (result.ok) server = result.value;
  });
  after(async () => {
    await server?.close();
    rmSync(directory, { recursive: true });
  });

  interface Answer {
    readonly status: number;
    readonly type: string;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly text: string;
  }

  function ask(method: string, url: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: path, method, path: url }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode: status = 0, headers } = response;
          const text = Buffer.concat(chunks).toString();
          resolve({ status, headers, type: headers["content-type"] ?? "", text });
        });
      });
      sent.on("error", reject);
      sent.end(method === "POST" ? "{}" : undefined);
    });
  }

  async function message(method: string, url: string): Promise<readonly [number, string]> {
    const { status, type, text } = await ask(method, url);
    expect(type).to.equal("application/json");
    return [status, JSON.parse(text).message];
  }

  it("answers a ping with what clients negotiate by", async () => {
    const get = await ask("GET", "/_ping");
    expect([get.status, get.text]).to.deep.equal([200, "OK"]);
    const head = await ask("HEAD", "/_ping");
    expect(head.headers).to.include({ "api-version": "1.50", swarm: "active/worker" });
  });

  it("says of itself that it is a worker", async () => {
    const { text } = await ask("GET", "/v1.41/info");
    expect(JSON.parse(text).Swarm).to.deep.equal({
      NodeID: "node1",
      NodeAddr: "127.0.1.4",
      LocalNodeState: "active",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: [{ NodeID: "", Addr: "127.0.1.1:2377" }],
    });
  });

  it("tells its version", async () => {
    const { text } = await ask("GET", "/version");
    expect(JSON.parse(text)).to.include({ ApiVersion: "1.50", MinAPIVersion: "1.24" });
  });

  for (const [method, url] of [
    ["GET", "/nodes"],
    ["GET", "/v1.50/services/web/logs?stdout=1"],
    ["POST", "/v1.41/services/create"],
    ["GET", "/tasks"],
    ["POST", "/configs/create"],
    ["GET", "/swarm"],
  ] as const) {
    it(`refuses ${method} ${url} with Docker's text`, async () => {
      const [status, text] = await message(method, url);
      expect(status).to.equal(503);
      expect(text).to.match(NOT_A_MANAGER);
    });
  }

  const others: readonly (readonly [string, string, number, string])[] = [
    ["GET", "/nosuch", 404, "page not found"],
    ["POST", "/swarm/init", 503, "This node is already part of a swarm."],
    ["GET", "/containers/x/json", 404, "No such container: x"],
    ["GET", "/images/a/b/json", 404, "No such image: a/b"],
    ["GET", "/v1.99/info", 400, "client version 1.99 is too new."],
  ];
  for (const [method, url, status, text] of others) {
    it(`answers ${method} ${url} with ${status}`, async () => {
      const answer = await message(method, url);
      expect(answer[0]).to.equal(status);
      expect(answer[1]).to.include(text);
    });
  }

  it("lists no containers", async () => {
    expect((await ask("GET", "/containers/json")).text.trim()).to.equal("[]");
  });

  it("gives its metrics in the Prometheus format", async () => {
    const { type, text } = await ask("GET", "/metrics");
    expect(type).to.equal("text/plain; version=0.0.4; charset=utf-8");
    expect(text).to.equal("# TYPE a counter\na 1\n");
  });

  it("contains a bug of a handler", async () => {
    metrics = () => Promise.reject(new Error("planted"));
    const [status, text] = await message("GET", "/metrics");
    expect(status).to.equal(500);
    expect(text).to.include("a bug in Skein");
    expect(bugs).to.have.length(1);
  });
});
