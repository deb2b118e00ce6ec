import { configId, networkId, serviceId, stackId } from "@skein/common/ids";
import { expect } from "chai";
import { STACK_REVISIONS_MAX } from "../../limits.ts";
import type { CommandOf } from "../command.ts";
import type { Bench } from "../testing.ts";
import { createCluster, createConfig, createService, serviceSpec } from "../testing.ts";

type WriteStack = CommandOf<"write-stack">;

function deploy(steps: WriteStack["steps"], more: Partial<WriteStack> = {}): WriteStack {
  return {
    kind: "write-stack",
    stackId: stackId("k1"),
    name: "app",
    version: 0,
    revision: { note: "deployed", compose: "{}", files: [] },
    steps,
    ...more,
  };
}

function network(name: string): WriteStack["steps"][number] {
  const flags = { internal: false, attachable: false, encrypted: false };
  const spec = { name, labels: {}, options: {}, ...flags };
  return { kind: "create-network", networkId: networkId(name), spec };
}

function onNetwork(name: string, of: string): WriteStack["steps"][number] {
  const spec = serviceSpec(name);
  const networks = [{ networkId: networkId(of), aliases: [] }];
  return createService(name, { ...spec, task: { ...spec.task, networks } });
}

const stack = (bench: Bench) => bench.store.view.stacks.get(stackId("k1"));
const version = (bench: Bench) => stack(bench)?.version ?? 0;

describe("stacks", () => {
  it("take effect as a whole, each step seeing those before it", () => {
    const bench = createCluster();
    const steps = [network("app_net"), onNetwork("app_web", "app_net"), createConfig("app_c")];
    expect(bench.say(deploy(steps))).to.equal("accepted");
    const { view } = bench.store;
    expect(stack(bench)?.revisions.map(({ number }) => number)).to.deep.equal([1]);
    expect(view.networkByName("app_net")).to.not.equal(undefined);
    expect(view.configByName("app_c")).to.not.equal(undefined);
    const service = view.services.get(serviceId("app_web"));
    expect(service?.vips?.map((vip) => vip.networkId)).to.deep.equal(["app_net"]);
    // The network was made and changed in one entry: readers hear of it once.
    const told = bench.store.changesSince(bench.store.view.index)?.length;
    expect(told).to.equal(0);
  });

  it("that another client made by label go without a row", () => {
    const bench = createCluster();
    const theirs = { version: 0, isLabelOnly: true } as const;
    bench.run(createConfig("app_c"));
    const { revision: _none, ...removal } = deploy([], theirs);
    const steps = [{ kind: "remove-config", configId: configId("app_c") }] as const;
    expect(bench.say({ ...removal, steps: [...steps] })).to.equal("accepted");
    expect(bench.store.view.configByName("app_c")).to.equal(undefined);
    expect(stack(bench)).to.equal(undefined);
  });

  it("have no effect at all when a step is refused, and give its reason", () => {
    const bench = createCluster();
    bench.run(createService("web", serviceSpec("web")));
    const before = bench.store.view.services.list();
    const digest = () =>
      JSON.stringify([...bench.store.view.networks.list(), stack(bench) ?? null]);
    const rest = digest();
    const steps = [
      network("app_net"),
      onNetwork("app_api", "app_net"),
      onNetwork("web", "app_net"),
    ];
    expect(bench.say(deploy(steps))).to.match(/^service-name-taken/);
    expect(digest()).to.equal(rest);
    expect(bench.store.view.services.list()).to.deep.equal(before);
    expect(bench.store.view.networkByName("app_net")).to.equal(undefined);
    // Nothing was taken: the same steps get the same addresses afterwards.
    expect(bench.say(deploy(steps.slice(0, 2)))).to.equal("accepted");
    const api = bench.store.view.services.get(serviceId("app_api"));
    expect(api?.vips?.[0]?.address).to.equal("10.65.128.2");
  });

  it("refuse steps that are nobody's to ask for", () => {
    const bench = createCluster();
    const odd = { kind: "delete-tasks", taskIds: [] } as const;
    expect(bench.say(deploy([odd]))).to.equal(
      "stack-step-refused: delete-tasks is no part of a stack",
    );
  });

  it("are changed by whoever read the last revision only", () => {
    const bench = createCluster();
    bench.run(deploy([]));
    const read = version(bench);
    expect(bench.say(deploy([], { version: read }))).to.equal("accepted");
    expect(bench.say(deploy([], { version: read }))).to.match(/^version-conflict/);
    expect(bench.say(deploy([]))).to.equal("stack-name-taken: stack app already exists");
    expect(stack(bench)?.revisions.map(({ number }) => number)).to.deep.equal([1, 2]);
  });

  it(`keep ${STACK_REVISIONS_MAX} revisions, and number on`, () => {
    const bench = createCluster();
    bench.run(deploy([]));
    for (let at = 0; at < STACK_REVISIONS_MAX; at += 1) {
      bench.run(deploy([], { version: version(bench) }));
    }
    const numbers = stack(bench)?.revisions.map(({ number }) => number) ?? [];
    expect(numbers.length).to.equal(STACK_REVISIONS_MAX);
    expect(numbers.at(-1)).to.equal(STACK_REVISIONS_MAX + 1);
  });

  it("go with what they made, in one entry", () => {
    const bench = createCluster();
    bench.run(deploy([network("app_net"), onNetwork("app_web", "app_net")]));
    const { revision: _kept, ...removal } = deploy([], { version: version(bench) });
    const steps: WriteStack["steps"] = [
      { kind: "remove-service", serviceId: serviceId("app_web") },
      { kind: "remove-network", networkId: networkId("app_net") },
    ];
    expect(bench.say({ ...removal, steps })).to.equal("accepted");
    expect(stack(bench)).to.equal(undefined);
    expect(bench.store.view.networkByName("app_net")).to.equal(undefined);
  });
});
