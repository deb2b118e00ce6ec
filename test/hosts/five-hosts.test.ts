/**
 * A cluster of five hosts with addresses of their own, from the first `swarm init` to a host that
 * was removed and is back, with requests through every host all the while.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { at, listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import { failures, Load, send, withoutCaughtBy } from "../failures/support/load.ts";
import { Machine } from "../support/machine.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { BridgedHosts } from "./network.ts";

const DEADLINE_MS = 60_000;
const PORT = 8080;
const HELLO = fileURLToPath(new URL("../../examples/hello/server.js", import.meta.url));
const hosts = new BridgedHosts(5);

describe("five hosts", function fiveHosts() {
  this.timeout(180_000);
  const machines = [1, 2, 3, 4, 5].map((host) => {
    return new Machine(host, { address: hosts.address(host), inside: hosts.inside(host) });
  });
  const [first, second, third, fourth, fifth] = machines as [
    Machine,
    Machine,
    Machine,
    Machine,
    Machine,
  ];
  let load: Load;
  /** Hosts that clients use at the moment. */
  let addresses: readonly string[] = [];

  before("network", async () => {
    await hosts.make();
    await Promise.all(machines.map((machine) => machine.start()));
  });
  after("no trace", async () => {
    await Promise.all(machines.slice(1).map((machine) => machine.remove()));
    await first.remove();
    await hosts.remove();
  });
  afterEach("logs of a failure", function logs() {
    if (this.currentTest?.state !== "failed") return;
    for (const machine of machines) {
      console.log(`--- ${machine.name}\n${machine.output().split("\n").slice(-30).join("\n")}`);
    }
  });

  it("init on the first, two managers and two workers by token", async () => {
    expect((await first.init()).status).to.equal(200);
    await until(
      DEADLINE_MS,
      "an authority",
      async () => (await first.ask("GET /swarm")).status === 200,
    );
    const { Manager, Worker } = await first.tokens();
    for (const [machine, token] of [
      [second, Manager],
      [third, Manager],
      [fourth, Worker],
      [fifth, Worker],
    ] as const) {
      const since = performance.now();
      const joined = await machine.join(first, token);
      expect(joined.status, String(joined.message)).to.equal(200);
      console.log(`      ${machine.name} joined: ${Math.round(performance.now() - since)} ms`);
    }
    await until(DEADLINE_MS, "three voters", async () => (await voters(first)) === 3);
  });

  it("a service on every host's published port", async () => {
    const created = await first.ask("POST /services/create", { body: web(5) });
    expect(created.status, String(created.message)).to.equal(201);
    for (const machine of machines) {
      await until(DEADLINE_MS, `${machine.name} serves`, async () => {
        return (await send(machine.address, PORT)).error === undefined;
      });
    }
    await until(DEADLINE_MS, "five tasks run", async () => (await running(first)) === 5);
    const seen = new Set<string>();
    for (const { taskId } of await Promise.all(
      Array.from({ length: 40 }, () => send(fourth.address, PORT)),
    )) {
      seen.add(taskId);
    }
    expect(seen.size, "tasks that answer through one host").to.equal(5);
    addresses = machines.map(({ address }) => address);
    load = new Load({ port: PORT, perSecond: 20, addresses: () => addresses });
  });

  it("the root and both tokens are replaced under load: no request fails", async () => {
    const swarm = (await first.ask("GET /swarm")).body;
    const version = String(numberAt(swarm, "Version", "Index"));
    const query = { version, rotateWorkerToken: "true", rotateManagerToken: "true" };
    const before = await first.tokens();
    const spec = { Name: "default", CAConfig: { ForceRotate: 1 } };
    const asked = await first.ask("POST /swarm/update", { query, body: spec });
    expect(asked.status, String(asked.message)).to.equal(200);
    const tookMs = await timeUntil(DEADLINE_MS, "one root", async () => {
      return at((await first.ask("GET /swarm")).body, "RootRotationInProgress") === false;
    });
    console.log(`      root replaced: ${tookMs} ms`);
    const after = await first.tokens();
    expect(after.Worker).to.not.equal(before.Worker);
    expect(after.Manager).to.not.equal(before.Manager);
    const root = textAt((await first.ask("GET /swarm")).body, "TLSInfo", "TrustRoot");
    await until(DEADLINE_MS, "every host trusts the new root alone", () => {
      return machines.every(({ directory }) => {
        return readFileSync(join(directory, "identity", "ca.crt"), "utf8").trim() === root.trim();
      });
    });
    expect(failures(await settle())).to.deep.equal([]);
  });

  it("a host is cut off and heals: requests through the others go on", async () => {
    addresses = [first, second, third, fourth].map(({ address }) => address);
    const cut = { from: performance.now(), to: 0 };
    await hosts.setCable(5, "down");
    await until(DEADLINE_MS, "it is down", async () => (await state(first, fifth)) === "down");
    await until(DEADLINE_MS, "its task runs elsewhere", async () => {
      return (await running(first, await idOf(first, fifth))) === 5;
    });
    cut.to = performance.now();
    await hosts.setCable(5, "up");
    await until(DEADLINE_MS, "it is back", async () => (await state(first, fifth)) === "ready");
    addresses = machines.map(({ address }) => address);
    await until(DEADLINE_MS, "it serves", async () => {
      return (await send(fifth.address, PORT)).error === undefined;
    });
    expect(failures(withoutCaughtBy(cut, await settle()))).to.deep.equal([]);
  });

  it("the leader is demoted: another leads, no request fails", async () => {
    const id = await idOf(second, first);
    await until(DEADLINE_MS, "the demotion", async () => {
      const { body } = await second.ask(`GET /nodes/${id}`);
      const query = { version: String(numberAt(body, "Version", "Index")) };
      const spec = { Role: "worker", Availability: "active" };
      return (await second.ask(`POST /nodes/${id}/update`, { query, body: spec })).status === 200;
    });
    await until(DEADLINE_MS, "two voters", async () => (await voters(second)) === 2);
    await until(DEADLINE_MS, "a worker's API", async () => {
      return (await first.ask("GET /nodes")).status === 503;
    });
    expect(failures(await settle())).to.deep.equal([]);
  });

  it("a removed host ends its tasks, and joins again as another node", async () => {
    const id = await idOf(second, fifth);
    addresses = [first, second, third, fourth].map(({ address }) => address);
    await pause(500); // Requests through it are over; what its tasks answer is the removal's.
    const removal = { from: performance.now(), to: 0 };
    const query = { force: "1" };
    expect((await second.ask(`DELETE /nodes/${id}`, { query })).status).to.equal(200);
    await until(DEADLINE_MS, "it serves no more", async () => {
      return (await send(fifth.address, PORT)).error !== undefined;
    });
    await until(DEADLINE_MS, "five tasks elsewhere", async () => (await running(second)) === 5);
    removal.to = performance.now();
    expect((await fifth.ask("POST /swarm/leave")).status).to.equal(200);
    const joined = await fifth.join(second, (await second.tokens()).Worker);
    expect(joined.status, String(joined.message)).to.equal(200);
    expect(await idOf(second, fifth)).to.not.equal(id);
    const sent = await settle();
    expect(failures(withoutCaughtBy(removal, sent))).to.deep.equal([]);
    console.log(`      requests: ${sent.length}, failed: ${failures(sent).length}`);
  });

  /** What was sent since the last time; the load goes on. */
  async function settle() {
    const sent = await load.atLeast(60);
    load = new Load({ port: PORT, perSecond: 20, addresses: () => addresses });
    return sent;
  }

  after("load", async () => {
    await load?.atLeast(0);
  });
});

async function nodes(by: Machine): Promise<readonly unknown[]> {
  const { status, body } = await by.ask("GET /nodes");
  return status === 200 ? listAt({ body }, "body") : [];
}

async function nodeOf(by: Machine, machine: Machine): Promise<unknown> {
  const all = await nodes(by);
  const own = all.filter((node) => textAt(node, "Description", "Hostname") === machine.name);
  return own.at(-1);
}

async function idOf(by: Machine, machine: Machine): Promise<string> {
  return textAt(await nodeOf(by, machine), "ID");
}

async function state(by: Machine, machine: Machine): Promise<string> {
  return textAt(await nodeOf(by, machine), "Status", "State");
}

async function voters(by: Machine): Promise<number> {
  return numberAt((await by.ask("GET /skein/v1/status")).body, "quorum", "voters");
}

async function running(by: Machine, except = ""): Promise<number> {
  const filters = { service: ["web"], "desired-state": ["running"] };
  const { body } = await by.ask("GET /tasks", { query: { filters } });
  return listAt({ body }, "body").filter((task) => {
    return textAt(task, "Status", "State") === "running" && textAt(task, "NodeID") !== except;
  }).length;
}

function web(replicas: number): object {
  return {
    Name: "web",
    TaskTemplate: {
      ContainerSpec: { Image: "host", Command: [process.execPath, HELLO] },
    },
    Mode: { Replicated: { Replicas: replicas } },
    EndpointSpec: { Ports: [{ Protocol: "tcp", TargetPort: 3000, PublishedPort: PORT }] },
  };
}
