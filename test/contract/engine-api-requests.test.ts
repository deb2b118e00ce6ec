/** What a client can send that it should not, and what the API refuses or warns of. */
import http from "node:http";
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

const SPEC = { Name: "web", TaskTemplate: { ContainerSpec: { Image: "host", Args: ["x"] } } };

describe("engine-api: requests", () => {
  let cluster: FakeCluster;
  let socket = "";
  before(async () => {
    cluster = await FakeCluster.start(1, 1);
    socket = cluster.managers[0]?.socket ?? "";
  });
  after(() => cluster.close());

  it("answers a ping with all a client negotiates by", async () => {
    const { status, headers, bytes } = await ask(socket, "HEAD /_ping");
    expect(status).to.equal(200);
    expect(bytes).to.have.length(0);
    expect(headers).to.include({
      "api-version": "1.50",
      ostype: "linux",
      "docker-experimental": "false",
      "cache-control": "no-cache, no-store, must-revalidate",
      pragma: "no-cache",
      "content-type": "text/plain; charset=utf-8",
      swarm: "active/manager",
    });
    expect((await ask(socket, "GET /v1.41/_ping")).body).to.equal("OK");
  });

  it("is only the owner's to open", async () => {
    const { statSync } = await import("node:fs");
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
  });

  it("refuses a body beyond its bound, and lets its sender see why", async () => {
    const answer = await ask(socket, "POST /services/create", { text: "x".repeat(2 ** 21) });
    expect([answer.status, answer.message]).to.deep.equal([
      413,
      "the request body is longer than 1048576 bytes",
    ]);
    const build = await ask(socket, "POST /build", { text: "x".repeat(2 ** 23) });
    expect(build.status).to.equal(501);
  });

  it("takes a config of Docker's largest size, and no larger", async () => {
    const data = (bytes: number): string => Buffer.alloc(bytes, 1).toString("base64");
    const body = { Name: "large", Data: data(1_024_000) };
    expect((await ask(socket, "POST /configs/create", { body })).status).to.equal(201);
    const more = { Name: "larger", Data: data(1_024_001) };
    expect((await ask(socket, "POST /configs/create", { body: more })).message).to.equal(
      "rpc error: code = InvalidArgument desc = " +
        "config data must be larger than 0 and less than 1024000 bytes",
    );
    const bad = { Name: "bad", Data: "a*==" };
    expect((await ask(socket, "POST /configs/create", { body: bad })).message).to.equal(
      "illegal base64 data at input byte 1",
    );
  });

  it("accepts what docker-py sends in lower case, and warns of what nobody knows", async () => {
    const body = {
      name: "py",
      taskTemplate: { containerSpec: { image: "host", args: ["x"] } },
      mode: { replicated: { replicas: 2 } },
      colour: "red",
    };
    const answer = await ask(socket, "POST /services/create", { body });
    expect(answer.status).to.equal(201);
    expect(answer.body).to.have.deep.property("Warnings", ["unknown field colour ignored"]);
    const counts = cluster.managers[0]?.counts;
    expect(counts?.get("skein_api_unknown_fields_total")).to.equal(1);
    const read = await ask(socket, "GET /services/py");
    expect(read.body).to.have.nested.property("Spec.Mode.Replicated.Replicas", 2);
  });

  it("gives a service without a name one", async () => {
    const answer = await ask(socket, "POST /services/create", { body: { ...SPEC, Name: "" } });
    expect(answer.status).to.equal(201);
  });

  it("asks whether a new port is free, but not for one the cluster itself serves", async () => {
    cluster.busyPorts.set(9000, "in use on 127.0.0.1 by pid 7 (python3)");
    const ports = (port: number) => ({
      EndpointSpec: { Ports: [{ TargetPort: 1, PublishedPort: port }] },
    });
    const busy = await ask(socket, "POST /services/create", { body: { ...SPEC, ...ports(9000) } });
    expect([busy.status, busy.message]).to.deep.equal([
      400,
      "Cannot publish port 9000: it is in use on 127.0.0.1 by pid 7 (python3): " +
        "stop that program or choose another port with --publish",
    ]);
    const free = await ask(socket, "POST /services/create", { body: { ...SPEC, ...ports(9001) } });
    expect(free.status).to.equal(201);
    cluster.busyPorts.set(9001, "in use by ourselves");
    const again = { ...SPEC, Name: "other", ...ports(9001) };
    const taken = await ask(socket, "POST /services/create", { body: again });
    expect(taken.message).to.match(/port '9001' is already in use by service 'web'/);
    const same = await ask(socket, "POST /services/web/update", {
      body: { ...SPEC, ...ports(9001), Labels: { a: "b" } },
      query: { version: await version("web") },
    });
    expect(same.status).to.equal(200);
  });

  const version = async (name: string): Promise<string> => {
    const { body } = await ask(socket, `GET /services/${name}`);
    return String((body as { Version: { Index: number } }).Version.Index);
  };

  it("refuses parameters of its own routes by name, ignores those of Docker's", async () => {
    const own = await ask(socket, "GET /skein/v1/status", { query: { color: "1" } });
    expect([own.status, own.message]).to.deep.equal([
      400,
      "Cannot show the status: unknown parameter color: it takes none",
    ]);
    expect((await ask(socket, "GET /services", { query: { Name: "x" } })).status).to.equal(200);
  });

  it("tells apart what is not there and what is not supported", async () => {
    const rows = [
      ["GET /containers/json", 200],
      ["GET /containers/x/json", 404],
      ["GET /images/json", 200],
      ["GET /images/a/b:c/json", 404],
      ["GET /volumes", 200],
      ["GET /volumes/x", 404],
      ["GET /plugins", 200],
      ["GET /plugins/a/b/json", 404],
      ["GET /secrets", 200],
      ["GET /secrets/x", 404],
      ["GET /networks", 200],
      ["GET /networks/ingress", 200],
      ["GET /networks/x", 404],
      ["GET /distribution/host:latest/json", 200],
      ["GET /distribution/nginx/json", 404],
      ["POST /containers/create", 501],
      ["POST /secrets/create", 400],
      ["POST /networks/create", 400],
      ["POST /images/create", 501],
      ["GET /swarm", 503],
      ["GET /swarm/unlockkey", 200],
      ["OPTIONS /services", 200],
    ] as const;
    for (const [what, status] of rows) {
      const answer = await ask(socket, what, what.startsWith("POST") ? { body: {} } : {});
      expect(answer.status, what).to.equal(status);
    }
  });

  it("contains a bug of a handler: 500 with an id that is in the log", async () => {
    const broken = await FakeCluster.start(1, 0);
    try {
      // Not a table that the controllers look at, which run by themselves.
      Object.defineProperty(broken.store.view, "configs", {
        get: () => {
          throw new TypeError("planted");
        },
      });
      const at = broken.managers[0]?.socket ?? "";
      const answer = await ask(at, "GET /configs");
      expect(answer.status).to.equal(500);
      const logged = broken.log.find((line) => line.message === "bug in an API handler");
      const { id } = (logged?.fields ?? {}) as { id?: string };
      expect(answer.message).to.equal(
        `Cannot answer the request: a bug in Skein, logged by this manager as ${id}`,
      );
      expect((await ask(at, "GET /services")).status).to.equal(200);
    } finally {
      await broken.close();
    }
  });

  it("leaves nothing behind when a client goes in the middle of its request", async () => {
    await new Promise<void>((resolve) => {
      const headers = { "Content-Type": "application/json", "Content-Length": "100" };
      const options = { socketPath: socket, method: "POST", path: "/services/create", headers };
      const request = http.request(options);
      request.on("error", () => resolve());
      request.write("{");
      setTimeout(() => request.destroy(new Error("gone")), 20);
    });
    expect((await ask(socket, "GET /services")).status).to.equal(200);
  });
});
