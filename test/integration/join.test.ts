/** Machines become nodes by one pasted line, and others do not: real processes and certificates. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { LinkEnd, LinkPath } from "@skein/common/io/network";
import { join as askToJoin, renew } from "@skein/common/node/ca-client";
import { newNodeKey } from "@skein/common/node/certificates";
import type { NodeIdentity } from "@skein/common/node/identity";
import { parseIdentity, readIdentity } from "@skein/common/node/identity";
import { systemClock } from "@skein/common/node/system-clock";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import { expect } from "chai";
import { Machine } from "../support/machine.ts";
import { until } from "../support/wait.ts";

const DEADLINE_MS = 20_000;

describe("joining by token", function () {
  this.timeout(60_000);
  const first = new Machine(1);
  const second = new Machine(2);

  before(async () => {
    await Promise.all([first.start(), second.start()]);
  });
  after(async () => {
    await Promise.all([second.remove(), first.remove()]);
  });

  it("refuses what needs a cluster, with Docker's texts", async () => {
    const rows = [
      ["GET /nodes", 503, 'This node is not a swarm manager. Use "docker swarm init"'],
      ["POST /swarm/leave", 503, "This node is not part of a swarm"],
    ] as const;
    for (const [what, status, part] of rows) {
      const answer = await first.ask(what);
      expect(answer.status).to.equal(status);
      expect(answer.message).to.include(part);
    }
    const { body } = await first.ask("GET /info");
    expect(body).to.have.nested.property("Swarm.LocalNodeState", "inactive");
  });

  it("makes a cluster of the first machine", async () => {
    const since = performance.now();
    const made = await first.init();
    expect(made.status, String(made.message)).to.equal(200);
    const { body } = await first.ask("GET /nodes");
    expect(body).to.have.nested.property("[0].ManagerStatus.Leader", true);
    expect(body).to.have.nested.property("[0].ID", made.body);
    expect((await first.init()).status).to.equal(503);
    console.log(`      init: ${Math.round(performance.now() - since)} ms`);
  });

  it("takes the authority's key off the disk once the store has it", async () => {
    const identity = join(first.directory, "identity");
    await until(DEADLINE_MS, "no ca.key", () => !existsSync(join(identity, "ca.key")));
    for (const name of readdirSync(identity)) {
      expect(statSync(join(identity, name)).mode & 0o077, name).to.equal(0);
    }
  });

  it("refuses a wrong, a foreign and a rotated token, and nothing is left of the try", async () => {
    const { Worker: token } = await first.tokens();
    const [, , digest = ""] = token.split("-");
    const bad: readonly (readonly [string, string])[] = [
      ["SWMTKN-1-x-y", "invalid join token"],
      [`SWMTKN-1-${digest}-${"a".repeat(25)}`, "rotated or never was valid"],
      [`SWMTKN-1-${"a".repeat(50)}-${"a".repeat(25)}`, "belongs to another cluster"],
    ];
    const version = await swarmVersion(first);
    const query = { version, rotateWorkerToken: "true" };
    expect((await first.ask("POST /swarm/update", { query, body: {} })).status).to.equal(200);
    for (const [text, part] of [...bad, [token, "rotated or never was valid"] as const]) {
      const refused = await second.join(first, text);
      expect(refused.status).to.equal(400);
      expect(refused.message).to.include(part);
    }
    expect(existsSync(join(second.directory, "node.json"))).to.equal(false);
    const { text } = await metrics(first);
    expect(text).to.match(/skein_ca_requests_total\{[^}]*result="refused"[^}]*\} [1-9]/);
  });

  it("joins a worker, which is ready at once", async () => {
    const since = performance.now();
    const joined = await second.join(first, (await first.tokens()).Worker);
    expect(joined.status, String(joined.message)).to.equal(200);
    console.log(`      join to ready: ${Math.round(performance.now() - since)} ms`);
    const { body } = await first.ask("GET /nodes");
    const states = (body as { Status: { State: string } }[]).map((node) => node.Status.State);
    expect(states).to.deep.equal(["ready", "ready"]);
    const identity = identityOf(second);
    expect(identity.role).to.equal("worker");
    expect(existsSync(join(second.directory, "identity", "store.key"))).to.equal(false);
  });

  it("lets a worker's certificate not speak as a manager", async () => {
    for (const path of ["/raft", "/snapshot", "/api"] as const) {
      const end = await dial(identityOf(second), first, path);
      expect(end.kind, path).to.equal("forbidden");
    }
  });

  it("answers a repeated join with the same node, and a stranger's key with nothing", async () => {
    const { Worker: token } = await first.tokens();
    const key = newNodeKey();
    const what = { remote: `${first.address}:2377`, token, name: "twice", key } as const;
    const twice = { ...what, availability: "active", addresses: [] } as const;
    const [one, two] = [await askToJoin(twice), await askToJoin(twice)];
    const id = one.ok && two.ok ? one.value.issued.nodeId : "";
    expect(two.ok && two.value.issued.nodeId).to.equal(id);
    const { body } = await first.ask(`GET /nodes/${id}`);
    expect(body).to.have.nested.property("Spec.Role", "worker");
    const proof = newNodeKey().publicKey.toString("base64");
    const asked = { token, publicKey: key.publicKey.toString("base64"), proof, name: "x" };
    const answer = await post(first, "/ca/join", {
      ...asked,
      availability: "active",
      addresses: [],
    });
    expect(answer).to.deep.include({ status: 403 });
    expect(answer.text).to.include("proof");
  });

  it("renews for who has a certificate, and for nobody else", async () => {
    const identity = identityOf(second);
    const renewed = await renew(identity, `${first.address}:2377`, [second.address]);
    expect(renewed.ok && renewed.value.issued.nodeId).to.equal(identity.nodeId);
    const stranger = await post(first, "/ca/renew", {
      publicKey: "AAAA",
      proof: "AAAA",
      addresses: [],
    });
    expect(stranger.status).to.equal(403);
    for (const [path, body, status] of [
      ["/ca/join", { token: "x" }, 400],
      ["/ca/nothing", {}, 404],
      ["/ca/join", { text: "x".repeat(20_000) }, 413],
    ] as const) {
      expect((await post(first, path, body)).status, path).to.equal(status);
    }
  });

  it("refuses a removed node on every path, at once", async () => {
    const identity = identityOf(second);
    const removed = await first.ask(`DELETE /nodes/${identity.nodeId}`, { query: { force: "1" } });
    expect(removed.status).to.equal(200);
    for (const path of ["/dispatch", "/raft", "/ping", "/api"] as const) {
      const end = await dial(identity, first, path);
      expect(end, path).to.deep.include({ kind: "forbidden" });
      expect(end.reason, path).to.include("was removed from the cluster");
    }
    const renewed = await renew(identity, `${first.address}:2377`, []);
    expect(renewed.ok).to.equal(false);
    expect((await metrics(first)).text).to.match(/skein_link_refusals_total\{[^}]*cause="removed"/);
  });

  it("lets it leave and come back as another node", async () => {
    const old = identityOf(second).nodeId;
    expect((await second.ask("POST /swarm/leave")).status).to.equal(200);
    expect(existsSync(join(second.directory, "identity"))).to.equal(false);
    const joined = await second.join(first, (await first.tokens()).Worker);
    expect(joined.status, String(joined.message)).to.equal(200);
    expect(identityOf(second).nodeId).not.to.equal(old);
  });

  it("writes no secret of its own into log or snapshot", async () => {
    const { Worker, Manager } = await first.tokens();
    const secrets = [Worker, Manager].map((token) => token.split("-").at(-1) ?? "?");
    const raft = join(first.directory, "manager");
    for (const name of readdirSync(raft, { recursive: true, encoding: "utf8" })) {
      if (!statSync(join(raft, name)).isFile()) continue;
      const bytes = readFileSync(join(raft, name));
      for (const secret of secrets) expect(bytes.includes(secret), name).to.equal(false);
      expect(bytes.includes("PRIVATE KEY"), name).to.equal(false);
    }
  });
});

function identityOf(machine: Machine): NodeIdentity {
  const read = readIdentity(join(machine.directory, "identity"));
  if (!read.ok) throw new Error(read.error.reason);
  const parsed = parseIdentity(read.value);
  if (!parsed.ok) throw new Error(parsed.error.reason);
  return parsed.value;
}

async function swarmVersion(machine: Machine): Promise<string> {
  const { body } = await machine.ask("GET /swarm");
  return String((body as { Version: { Index: number } }).Version.Index);
}

async function metrics(machine: Machine): Promise<{ readonly text: string }> {
  const { bytes } = await machine.ask("GET /metrics");
  return { text: bytes.toString("utf8") };
}

/** How a dial into a manager's path ends that ought not to open. */
function dial(identity: NodeIdentity, machine: Machine, path: LinkPath): Promise<LinkEnd> {
  const clock = systemClock();
  const network = createTlsNetwork({ identity, clock, log: silentLog, metrics: noMetrics });
  return new Promise<LinkEnd>((resolve) => {
    network.dial(
      { address: `${machine.address}:2377`, path },
      {
        opened: (link) => {
          link.close("it opened");
          resolve({ kind: "closed", reason: "it opened" });
        },
        message: () => undefined,
        closed: resolve,
      },
    );
  }).finally(() => network.close("done"));
}

function post(machine: Machine, path: string, body: object) {
  const text = JSON.stringify(body);
  return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const outgoing = request(
      `https://${machine.address}:2377${path}`,
      { method: "POST", rejectUnauthorized: false, agent: false },
      (response) => {
        let got = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          got += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: got }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}
