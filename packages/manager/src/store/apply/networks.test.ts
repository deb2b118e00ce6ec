import { networkId, serviceId, taskId } from "@skein/common/ids";
import type { ServiceSpec } from "@skein/common/model/service";
import { storeTime } from "@skein/common/time";
import { expect } from "chai";
import { allocator } from "../../allocator/allocator.ts";
import type { Bench } from "../testing.ts";
import {
  assign,
  createCluster,
  createService,
  fillSlots,
  report,
  serviceSpec,
  setDesired,
  updateService,
} from "../testing.ts";

const REST = 60_000;

/** A cluster with the network blue of five addresses. */
function withBlue(): Bench {
  const bench = createCluster();
  expect(create(bench, "blue", { subnet: "10.65.128.0/29" })).to.equal("accepted");
  return bench;
}

function create(bench: Bench, name: string, more: object = {}): string {
  const flags = { internal: false, attachable: false, encrypted: false };
  const spec = { name, labels: {}, options: {}, ...flags, ...more };
  return bench.say({ kind: "create-network", networkId: networkId(name), spec });
}

function on(name: string, networks: readonly string[], more: Partial<ServiceSpec> = {}) {
  const spec = serviceSpec(name);
  const wishes = networks.map((one) => ({ networkId: networkId(one), aliases: [] }));
  return { ...spec, task: { ...spec.task, networks: wishes }, ...more };
}

const task = (bench: Bench, id: string) => bench.store.view.tasks.get(taskId(id));
const service = (bench: Bench, id: string) => bench.store.view.services.get(serviceId(id));
const decide = (bench: Bench, now: number) => {
  const context = { view: bench.store.view, now: storeTime(now), newId: () => "x", wall: now };
  return allocator(context);
};

describe("networks", () => {
  it("give a service a virtual address and each of its tasks one of its own", () => {
    const bench = withBlue();
    bench.run(createService("web", on("web", ["blue"])));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2" }));
    expect(service(bench, "web")?.vips).to.deep.equal([
      { networkId: "blue", address: "10.65.128.2" },
    ]);
    expect(["t1", "t2"].map((id) => task(bench, id)?.networks?.[0]?.address)).to.deep.equal([
      "10.65.128.3",
      "10.65.128.4",
    ]);
    expect(task(bench, "t1")?.address).to.equal("10.65.0.2");
  });

  it("give none to names that resolve to the tasks themselves (dnsrr)", () => {
    const bench = withBlue();
    bench.run(createService("web", on("web", ["blue"], { endpointMode: "dnsrr" })));
    expect(service(bench, "web")).not.to.have.property("vips");
  });

  it("keep a service's address over updates, until it leaves the network", () => {
    const bench = withBlue();
    create(bench, "red");
    bench.run(createService("web", on("web", ["blue"])));
    const update = (spec: ServiceSpec) =>
      bench.say(updateService("web", service(bench, "web")?.version ?? 0, spec));
    expect(update(on("web", ["red", "blue"]))).to.equal("accepted");
    expect(service(bench, "web")?.vips).to.deep.equal([
      { networkId: "red", address: "10.65.130.2" },
      { networkId: "blue", address: "10.65.128.2" },
    ]);
    expect(update(on("web", ["red"]))).to.equal("accepted");
    expect(bench.store.view.networkHeld(networkId("blue"))).to.equal(0);
  });

  it("tell a task at once that no address is free, and the pool's is not taken either", () => {
    const bench = withBlue();
    bench.run(createService("web", on("web", ["blue"])));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2", 3: "t3", 4: "t4", 5: "t5" }));
    const last = task(bench, "t5");
    expect(last?.status.state).to.equal("new");
    expect(last?.status.error).to.equal(
      "no address free in network blue (10.65.128.0/29): 5 in use",
    );
    expect(last).not.to.have.property("address");
    const refused = bench.say(createService("api", on("api", ["blue"])));
    expect(refused).to.match(/^addresses-exhausted: no address free in network blue/);
  });

  it("let an address rest for 60 s; then the allocator gives it to who waits", () => {
    const bench = withBlue();
    bench.run(createService("web", on("web", ["blue"])));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2", 3: "t3", 4: "t4", 5: "t5" }));
    bench.run(assign("t1", "n1"));
    bench.run(report("t1", "n1", "failed"));
    bench.run(fillSlots(bench.store, "web", { 1: "t6" }));
    bench.run(setDesired("t5", "shutdown"));
    expect(decide(bench, 50).commands).to.deep.equal([]);
    const freedAt = 1000;
    bench.run({ kind: "delete-tasks", taskIds: [taskId("t1")] }, { time: freedAt });
    expect(task(bench, "t6")?.status.state).to.equal("new");
    expect(decide(bench, freedAt + REST - 1)).to.deep.equal({
      commands: [],
      again: freedAt + REST,
    });
    const { commands } = decide(bench, freedAt + REST);
    expect(commands).to.deep.equal([{ kind: "allocate-tasks", taskIds: ["t6"] }]);
    const [command] = commands;
    if (command === undefined) throw new Error("nothing decided");
    expect(bench.say(command, { time: freedAt + REST })).to.equal("accepted");
    expect(task(bench, "t6")?.status.state).to.equal("pending");
    expect(task(bench, "t6")?.networks?.[0]?.address).to.equal("10.65.128.3");
    expect(decide(bench, freedAt + REST).commands).to.deep.equal([]);
    // Decided on an older state, it is a counted no-op.
    expect(bench.say(command)).to.equal("accepted; t6: does not wait");
  });

  it("are removed only when no service is on them; the subnet rests with its addresses", () => {
    const bench = withBlue();
    bench.run(createService("web", on("web", ["blue"])));
    const remove = { kind: "remove-network", networkId: networkId("blue") } as const;
    expect(bench.say(remove)).to.equal("network-in-use: network blue is in use by service web");
    bench.run({ kind: "remove-service", serviceId: serviceId("web") });
    expect(bench.say(remove, { time: 5000 })).to.equal("accepted");
    expect(bench.say(remove)).to.equal("network-not-found: network blue not found");
    expect(bench.say(createService("api", on("api", ["blue"])))).to.match(/^network-not-found/);
    expect(create(bench, "again", { subnet: "10.65.128.0/29" })).to.match(/addresses still rest$/);
    const forget = { kind: "forget-network", networkId: networkId("blue") } as const;
    expect(bench.say(forget)).to.equal("accepted; blue: addresses rest");
    expect(decide(bench, 5000)).to.deep.equal({ commands: [], again: 5000 + REST });
    expect(decide(bench, 5000 + REST).commands).to.deep.equal([forget]);
    expect(bench.say(forget, { time: 5000 + REST })).to.equal("accepted");
    expect(create(bench, "again", { subnet: "10.65.128.0/29" })).to.equal("accepted");
  });

  it("have names and numbers of their own; a name is free once its network is removed", () => {
    const bench = withBlue();
    expect(create(bench, "blue")).to.equal(
      "network-name-taken: network with name blue already exists",
    );
    create(bench, "red");
    const vnis = bench.store.view.networks.list().map(({ vni }) => vni);
    expect(vnis).to.deep.equal([4097, 4098]);
  });
});
