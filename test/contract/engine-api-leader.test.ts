/**
 * Any manager answers: forwarding, waiting for a leader, one effect for one request, honest doubt.
 */
import http from "node:http";
import { NO_LEADER } from "@skein/common/api/api-version";
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

const CONFIG = { Name: "cf", Data: "eA==" };

describe("engine-api: leadership", () => {
  let cluster: FakeCluster;
  const socket = (index: number): string => cluster.managers[index]?.socket ?? "";
  beforeEach(async () => {
    cluster = await FakeCluster.start(3, 1);
  });
  afterEach(() => cluster.close());

  it("forwards reads and writes to the leader, byte for byte", async () => {
    const created = await ask(socket(1), "POST /configs/create", { body: CONFIG });
    expect(created.status).to.equal(201);
    const here = await ask(socket(0), "GET /configs/cf");
    const there = await ask(socket(2), "GET /configs/cf");
    expect(there.bytes.equals(here.bytes)).to.equal(true);
    expect(there.headers["content-type"]).to.equal("application/json");
    const refused = await ask(socket(1), "POST /configs/create", { body: CONFIG });
    expect([refused.status, refused.message]).to.deep.equal([
      409,
      "rpc error: code = AlreadyExists desc = config cf already exists",
    ]);
  });

  it("reuses a connection to the leader for many requests", async () => {
    for (let index = 0; index < 30; index += 1) {
      const answer = await ask(socket(1), "GET /nodes");
      expect(answer.status).to.equal(200);
    }
    expect(cluster.dials).to.be.lessThan(5);
  });

  it("carries many writes at once over one link, each with its own answer", async () => {
    const names = Array.from({ length: 60 }, (_, n) => `c${n % 40}`);
    const answers = await Promise.all(
      names.map((Name) => ask(socket(1), "POST /configs/create", { body: { Name, Data: "eA==" } })),
    );
    expect(answers.filter(({ status }) => status === 201)).to.have.length(40);
    const twice = answers.filter(({ status }) => status === 409).map(({ message }) => message);
    expect(new Set(twice).size, "names refused").to.equal(20);
    expect(cluster.dials).to.equal(1);
  }).timeout(15_000);

  it("sends a long body, and one that breaks the form, as the leader would have them", async () => {
    const body = { Name: "long", Data: Buffer.alloc(200_000, "x").toString("base64") };
    expect((await ask(socket(1), "POST /configs/create", { body })).status).to.equal(201);
    const [here, there] = await Promise.all(
      [0, 1].map((n) => ask(socket(n), "POST /configs/create", { body: { Name: 7 } })),
    );
    expect([there?.status, there?.message]).to.deep.equal([here?.status, here?.message]);
  });

  it("waits for a leader to appear, so that a client does not see the failover", async () => {
    cluster.leader = undefined;
    setTimeout(() => (cluster.leader = 2), 300);
    const answer = await ask(socket(0), "POST /configs/create", { body: CONFIG });
    expect(answer.status).to.equal(201);
  });

  it("leaves a frozen leader for the next one as soon as there is one", async () => {
    cluster.frozen = 0;
    setTimeout(() => (cluster.leader = 2), 300);
    const since = performance.now();
    const answer = await ask(socket(1), "POST /configs/create", { body: CONFIG });
    expect(answer.status).to.equal(201);
    expect(performance.now() - since, "milliseconds").to.be.below(1500);
  });

  it("says Docker's words when none appears, and still answers what needs no quorum", async () => {
    cluster.leader = undefined;
    const answer = await ask(socket(0), "GET /services");
    expect([answer.status, answer.message]).to.deep.equal([500, NO_LEADER]);
    for (const path of ["/_ping", "/version", "/info", "/metrics", "/skein/v1/status"]) {
      expect((await ask(socket(0), `GET ${path}`)).status, path).to.equal(200);
    }
    const info = await ask(socket(0), "GET /info");
    expect(info.body).to.have.nested.property("Swarm.Error", NO_LEADER);
    const status = await ask(socket(0), "GET /skein/v1/status");
    expect(status.body).to.include({ stale: true, leader: null });
  }).timeout(10_000);

  it("does not send a request round in a circle", async () => {
    const headers = { "x-skein-forwarded-by": "someone" };
    const answer = await ask(socket(1), "GET /services", { headers });
    expect(answer.headers["x-skein-not-leader"]).to.equal("1");
    expect(answer.status).to.equal(500);
  });

  it("repeats a write whose answer was lost, with one effect", async () => {
    await ask(socket(1), "GET /nodes");
    cluster.dropConnections();
    cluster.breakAfterDelivery = 1;
    const answer = await ask(socket(1), "POST /configs/create", { body: CONFIG });
    expect(answer.status).to.equal(201);
    expect(cluster.breakAfterDelivery).to.equal(0);
    const list = await ask(socket(0), "GET /configs");
    expect(list.body).to.have.length(1);
  });

  it("repeats a removal whose answer was lost, and gives the first answer", async () => {
    await ask(socket(0), "POST /configs/create", { body: CONFIG });
    cluster.breakAfterDelivery = 1;
    const answer = await ask(socket(1), "DELETE /configs/cf");
    expect(answer.status).to.equal(204);
  });

  it("gives a client that repeats its key the first answer, and no second effect", async () => {
    const headers = { "Idempotency-Key": "mine-1" };
    const first = await ask(socket(0), "POST /configs/create", { body: CONFIG, headers });
    const second = await ask(socket(2), "POST /configs/create", { body: CONFIG, headers });
    expect(second.body).to.deep.equal(first.body);
    expect(second.headers["x-skein-request-id"]).to.equal("mine-1");
    const bad = await ask(socket(0), "GET /nodes", { headers: { "Idempotency-Key": "a b" } });
    expect(bad.status).to.equal(400);
  });

  it("never calls a write that may have happened failed", async () => {
    const message = "not committed within 5 s";
    cluster.refusals.push({ code: "outcome-unknown", message });
    const headers = { "Idempotency-Key": "mine-2" };
    const answer = await ask(socket(0), "POST /configs/create", { body: CONFIG, headers });
    expect(answer.status).to.equal(500);
    expect(answer.message).to.equal(
      "Cannot confirm creation of config cf: outcome unknown (not committed within 5 s), " +
        "request id mine-2: look whether it took effect, or send it again with this id as " +
        "Idempotency-Key",
    );
  });

  it("tells a client to come back when too many writes wait", async () => {
    cluster.refusals.push({ code: "overloaded", message: "too many writes are under way" });
    const answer = await ask(socket(0), "POST /configs/create", { body: CONFIG });
    expect([answer.status, answer.headers["retry-after"]]).to.deep.equal([503, "1"]);
  });

  it("streams through the forward, and stops the stream with its client", async () => {
    const seen = await new Promise<string>((resolve, reject) => {
      const request = http.get({ socketPath: socket(1), path: "/events" }, (response) => {
        response.once("data", (chunk: Buffer) => {
          request.destroy();
          resolve(chunk.toString());
        });
        void ask(socket(2), "POST /configs/create", { body: CONFIG });
      });
      request.on("error", reject);
    });
    expect(JSON.parse(seen)).to.deep.include({ Type: "config", Action: "create", scope: "swarm" });
    expect(seen).to.match(/"timeNano":\d{13}000000\}\n$/);
  });
});
