import type { TaskId } from "@skein/common/ids";
import { nodeId, serviceId, taskId } from "@skein/common/ids";
import type { Policy } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import type { ServiceRoute } from "@skein/common/model/routes";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import * as fc from "fast-check";
import { EJECT_MAX_MS, EJECT_MIN_MS } from "../limits.ts";
import { Balancer } from "./balancer.ts";
import { stickyKey } from "./policies.ts";

const NONE: ReadonlySet<TaskId> = new Set();
const T0 = instant(1000);

describe("balancer", () => {
  it("gives each task its turn, in order of ids", () => {
    const balancer = balancing("c", "a", "b");
    expect(turns(balancer, 7).join("")).to.equal("abcabca");
  });

  it("begins elsewhere on each node, so that few requests to many nodes spread (B5)", () => {
    const firsts = ["n1", "n2", "n3"].map((self) => {
      const balancer = new Balancer(self);
      balancer.replace([route("web", ["a", "b", "c"])], T0);
      return turns(balancer, 1).join("");
    });
    expect(firsts.toSorted()).to.deep.equal(["a", "b", "c"]);
  });

  it("does not give what was tried", () => {
    const balancer = balancing("a", "b");
    expect(balancer.pick("8080/web", T0, new Set([taskId("a"), taskId("b")]))).to.equal(undefined);
    expect(balancer.pick("8080/web", T0, new Set([taskId("a")]))?.backend.taskId).to.equal("b");
  });

  it("knows nothing of a port that is not published", () => {
    expect(balancing("a").pick("81/web", T0, NONE)).to.equal(undefined);
    expect(balancing("a").publishes(81)).to.equal(false);
  });

  it("goes on after the task it stood at when the table changes", () => {
    const balancer = balancing("a", "b", "d");
    expect(turns(balancer, 2).join("")).to.equal("ab");
    balancer.replace([route("web", ["a", "b", "c", "d"])], T0);
    expect(turns(balancer, 3).join("")).to.equal("dab");
    balancer.replace([route("web", ["a", "d"])], T0);
    expect(turns(balancer, 3).join("")).to.equal("dad");
  });

  it("takes a task that failed last, and tries it again when all failed", () => {
    const balancer = balancing("a", "b", "c");
    balancer.failed(taskId("b"), T0);
    expect(turns(balancer, 4).join("")).to.equal("acac");
    balancer.failed(taskId("a"), T0);
    balancer.failed(taskId("c"), T0);
    expect(turns(balancer, 3).sort().join("")).to.equal("abc");
  });

  it("ejects 250 ms, doubling to 5 s, and forgets at the first answer", () => {
    const balancer = balancing("a", "b");
    let now = T0;
    for (const backoff of [EJECT_MIN_MS, 500, 1000, 2000, 4000, EJECT_MAX_MS, EJECT_MAX_MS]) {
      balancer.failed(taskId("a"), now);
      expect(balancer.counts(instant(now + backoff - 1)).ejected, `${backoff}`).to.equal(1);
      expect(balancer.counts(instant(now + backoff)).ejected, `${backoff}`).to.equal(0);
      now = instant(now + backoff);
    }
    balancer.answered(taskId("a"));
    balancer.failed(taskId("a"), now);
    expect(balancer.counts(instant(now + EJECT_MIN_MS)).ejected).to.equal(0);
  });

  it("counts failures that come together once", () => {
    const balancer = balancing("a", "b");
    for (let i = 0; i < 50; i += 1) balancer.failed(taskId("a"), T0);
    expect(balancer.counts(instant(T0 + EJECT_MIN_MS)).ejected).to.equal(0);
  });

  it("keeps no ejection of a task that left the table, nor of a stranger", () => {
    const balancer = balancing("a", "b");
    balancer.failed(taskId("a"), T0);
    balancer.failed(taskId("z"), T0);
    balancer.replace([route("web", ["b", "z"])], T0);
    expect(balancer.counts(T0).ejected).to.equal(0);
  });

  it("serves a port that two services claim from the first of them", () => {
    const balancer = new Balancer();
    balancer.replace([route("zed", ["z"]), route("abc", ["a"])], T0);
    expect(balancer.find(8080)?.serviceName).to.equal("abc");
  });

  it("is fair to within one connection, whatever fails in one round", () => {
    const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 60 }), (names, count) => {
        const counts = new Map<string, number>();
        for (const name of turns(balancing(...names), count)) {
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        const least = names.length > counts.size ? 0 : Math.min(...counts.values());
        expect(Math.max(...counts.values()) - least).to.be.at.most(1);
      }),
    );
  });

  it("gives every task once in a round, however the ejections stand", () => {
    const names = ["a", "b", "c", "d", "e"];
    fc.assert(
      fc.property(fc.subarray(names), fc.nat(7), (failing, skip) => {
        const balancer = balancing(...names);
        turns(balancer, skip);
        for (const name of failing) balancer.failed(taskId(name), T0);
        const tried = new Set<TaskId>();
        for (let i = 0; i < names.length; i += 1) {
          const picked = balancer.pick("8080/web", T0, tried)?.backend.taskId;
          expect(picked).to.not.equal(undefined);
          if (picked !== undefined) tried.add(picked);
        }
        expect([...tried].sort()).to.deep.equal(names);
        expect(balancer.pick("8080/web", T0, tried)).to.equal(undefined);
      }),
    );
  });
});

describe("balancing policies", () => {
  const three = ["a", "b", "c"];

  it("gives to the task with the fewest connections, in turn among equals", () => {
    const balancer = balancing.policy("least-connections", three);
    balancer.began(taskId("a"));
    balancer.began(taskId("a"));
    balancer.began(taskId("b"));
    expect(turns(balancer, 1).join("")).to.equal("c");
    balancer.began(taskId("c"));
    expect(turns(balancer, 4).join("")).to.equal("bcbc");
  });

  it("takes the less loaded of two at random: never the fullest of all", () => {
    const balancer = balancing.policy("power-of-two", three);
    for (let i = 0; i < 9; i += 1) balancer.began(taskId("b"));
    const taken = turns(balancer, 60);
    expect(taken).to.not.include("b");
    expect(new Set(taken).size).to.equal(2);
  });

  it("keeps a source with its task, and moves only those whose task went", () => {
    const sources = Array.from({ length: 60 }, (_, i) => `10.0.0.${i}`);
    const before = balancing.policy("source-hash", three);
    const homes = sources.map((source) => sourceTurn(before, source));
    expect(new Set(homes).size).to.equal(3);
    expect(sources.map((source) => sourceTurn(before, source))).to.deep.equal(homes);
    const after = balancing.policy("source-hash", ["a", "c"]);
    sources.forEach((source, i) => {
      if (homes[i] !== "b") expect(sourceTurn(after, source)).to.equal(homes[i]);
    });
  });

  it("keeps a client that has a cookie with its task while that is well", () => {
    const balancer = new Balancer();
    const ingress = { ...DEFAULT_INGRESS, stickyCookie: "at" };
    balancer.replace([{ ...route("web", three), ingress }], T0);
    const asker = { cookies: `x=y; at=${stickyKey(taskId("b"))}` };
    const pick = () => balancer.pick("8080/web", T0, NONE, asker)?.backend.taskId;
    expect([pick(), pick(), pick()]).to.deep.equal(["b", "b", "b"]);
    balancer.failed(taskId("b"), T0);
    expect(pick()).to.not.equal("b");
  });

  it("passes over ejections when most are ejected (B4), never over silence", () => {
    const balancer = balancing("a", "b", "c", "d");
    for (const task of ["a", "b"]) balancer.failed(taskId(task), T0);
    expect(new Set(turns(balancer, 8))).to.deep.equal(new Set(["c", "d"]));
    balancer.failed(taskId("c"), T0);
    expect(new Set(turns(balancer, 8)).size).to.equal(4);
    balancer.nodeSilent(nodeId("n1"));
    expect(balancer.pick("8080/web", T0, NONE), "silent is the last choice").to.not.equal(
      undefined,
    );
  });

  it("takes tasks of a silent node last, until it answers", () => {
    const balancer = new Balancer();
    const both = route("web", ["a", "b"]);
    const backends = both.backends.map((one, i) => ({ ...one, nodeId: nodeId(`n${i}`) }));
    balancer.replace([{ ...both, backends }], T0);
    balancer.nodeSilent(nodeId("n0"));
    expect(turns(balancer, 3).join("")).to.equal("bbb");
    balancer.nodeAnswers(nodeId("n0"));
    expect(turns(balancer, 2).sort().join("")).to.equal("ab");
  });

  it("gives a task that joins its share by and by", () => {
    const balancer = new Balancer();
    const slow = { ...DEFAULT_INGRESS, slowStartMs: 10_000 };
    balancer.replace([{ ...route("web", ["a"]), ingress: slow }], T0);
    balancer.replace([{ ...route("web", ["a", "b"]), ingress: slow }], T0);
    const share = (at: number): number =>
      Array.from({ length: 200 }, () => balancer.pick("8080/web", instant(T0 + at), NONE)).filter(
        (pick) => pick?.backend.taskId === "b",
      ).length;
    expect(share(0)).to.be.within(1, 40);
    expect(share(5000)).to.be.within(40, 95);
    expect(share(10_000)).to.equal(100);
  });
});

function sourceTurn(balancer: Balancer, source: string): string {
  return String(balancer.pick("8080/web", T0, NONE, { source })?.backend.taskId);
}

balancing.policy = (policy: Policy, tasks: readonly string[]): Balancer => {
  const balancer = new Balancer();
  balancer.replace([{ ...route("web", tasks), ingress: { ...DEFAULT_INGRESS, policy } }], T0);
  return balancer;
};

function balancing(...tasks: readonly string[]): Balancer {
  const balancer = new Balancer();
  balancer.replace([route("web", tasks)], T0);
  return balancer;
}

function turns(balancer: Balancer, count: number): string[] {
  return Array.from({ length: count }, () => {
    const pick = balancer.pick("8080/web", T0, NONE);
    return String(pick?.backend.taskId);
  });
}

function route(name: string, tasks: readonly string[]): ServiceRoute {
  return {
    serviceId: serviceId(name),
    name,
    ports: [{ publishedPort: 8080, targetPort: 3000 }],
    backends: tasks.map((task) => ({
      taskId: taskId(task),
      nodeId: nodeId("n1"),
      dataAddress: "127.0.1.1:4789",
      address: "10.65.0.1",
    })),
  };
}
