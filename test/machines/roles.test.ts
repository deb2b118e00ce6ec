/** Machines join as managers and change their role; the worker starts and stops the manager. */
import { expect } from "chai";
import { Machine } from "../support/machine.ts";
import { until } from "../support/wait.ts";

const DEADLINE_MS = 60_000;

interface ShownNode {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Role: string };
  readonly Description: { readonly Hostname: string };
  readonly ManagerStatus?: { readonly Reachability: string };
}

describe("roles of machines", function () {
  this.timeout(180_000);
  const machines = [1, 2, 3].map((at) => new Machine(at));
  const [first, second, third] = machines as [Machine, Machine, Machine];

  before(async () => {
    await Promise.all(machines.map((machine) => machine.start()));
    expect((await first.init()).status).to.equal(200);
    await until(DEADLINE_MS, "an authority", async () => {
      return (await first.ask("GET /swarm")).status === 200;
    });
  });
  after(async () => {
    await Promise.all([third.remove(), second.remove()]);
    await first.remove();
  });

  it("takes a second manager by its token", async () => {
    const joined = await second.join(first, (await first.tokens()).Manager);
    expect(joined.status, String(joined.message)).to.equal(200);
    await until(DEADLINE_MS, "two managers", async () => (await managers(first)).length === 2);
    await until(DEADLINE_MS, "its own API", async () => {
      return (await second.ask("GET /nodes")).status === 200;
    });
  });

  it("promotes a worker, and makes it a worker again", async () => {
    const joined = await third.join(first, (await first.tokens()).Worker);
    expect(joined.status, String(joined.message)).to.equal(200);
    expect((await third.ask("GET /nodes")).status).to.equal(503);
    await setRole(first, third, "manager");
    await until(DEADLINE_MS, "three managers", async () => (await managers(first)).length === 3);
    await until(DEADLINE_MS, "its own API", async () => {
      return (await third.ask("GET /nodes")).status === 200;
    });
    await setRole(first, third, "worker");
    await until(DEADLINE_MS, "two managers", async () => (await managers(first)).length === 2);
    await until(DEADLINE_MS, "a worker's API", async () => {
      return (await third.ask("GET /nodes")).status === 503;
    });
  });
});

async function nodes(machine: Machine): Promise<readonly ShownNode[]> {
  const { status, body } = await machine.ask("GET /nodes");
  return status === 200 ? (body as readonly ShownNode[]) : [];
}

/** Those that count and answer. */
async function managers(machine: Machine): Promise<readonly ShownNode[]> {
  const all = await nodes(machine);
  return all.filter(({ ManagerStatus }) => ManagerStatus?.Reachability === "reachable");
}

async function setRole(by: Machine, machine: Machine, role: string): Promise<void> {
  await until(DEADLINE_MS, `${machine.name} is a ${role}`, async () => {
    const node = (await nodes(by)).find((one) => one.Description.Hostname === machine.name);
    if (node === undefined) return false;
    const query = { version: String(node.Version.Index) };
    const body = { ...node.Spec, Role: role };
    return (await by.ask(`POST /nodes/${node.ID}/update`, { query, body })).status === 200;
  });
}
