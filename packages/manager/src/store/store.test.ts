import { logIndex, requestId, serviceId } from "@skein/common/ids";
import { expect } from "chai";
import { REQUESTS_ANSWERED_MAX } from "../limits.ts";
import { HANDLERS } from "./apply/handlers.ts";
import { encodeEnvelope } from "./envelope.ts";
import { createStore } from "./store.ts";
import type { Bench } from "./testing.ts";
import {
  createBench,
  createCluster,
  createConfig,
  createService,
  fillSlots,
  initCluster,
  joinNode,
  serviceSpec,
} from "./testing.ts";

const key = (text: string) => ({ request: requestId(text) });

describe("a repeated request", () => {
  it("gets the first answer and has no second effect", () => {
    const bench = createCluster();
    const first = bench.run(createService("s1", serviceSpec("web")), key("k"));
    // A client that asks again is given another id by the manager it asks.
    expect(bench.run(createService("s2", serviceSpec("web")), key("k"))).to.deep.equal(first);
    expect(bench.store.view.services.list().map(({ id }) => id)).to.deep.equal(["s1"]);
    expect(bench.store.requests.answer(requestId("k"))).to.deep.equal(first);
  });

  it("gets the first refusal, too", () => {
    const bench = createCluster();
    bench.run(createConfig("f"));
    const refused = bench.say(createConfig("g", "f"), key("k"));
    bench.run({ kind: "remove-config", configId: createConfig("f").configId });
    expect(bench.say(createConfig("h", "f"), key("k"))).to.equal(refused);
  });

  it("is refused when it asks for something else", () => {
    const bench = createCluster();
    bench.run(createService("s1", serviceSpec("web")), key("k"));
    expect(bench.say(createService("s2", serviceSpec("api")), key("k"))).to.equal(
      'request-reused: Idempotency-Key k was already used for "create-service web"',
    );
  });

  it("is remembered by a replica that restored a snapshot", () => {
    const bench = createCluster();
    const first = bench.run(createService("s1", serviceSpec("web")), key("k"));
    const other = createBench();
    other.store.restore(logIndex(9), bench.store.snapshot());
    expect(other.run(createService("s2", serviceSpec("web")), key("k"))).to.deep.equal(first);
  });

  it("is forgotten when enough others came after it", () => {
    const bench = createCluster();
    const remove = { kind: "remove-service", serviceId: serviceId("none") } as const;
    for (let at = 0; at <= REQUESTS_ANSWERED_MAX; at += 1) bench.run(remove, key(`k${at}`));
    expect(bench.store.requests.size).to.equal(REQUESTS_ANSWERED_MAX);
    expect(bench.store.requests.answer(requestId("k0"))).to.equal(undefined);
    expect(bench.store.requests.answer(requestId("k1"))?.ok).to.equal(false);
  });
});

describe("command versions", () => {
  for (const version of [0, 2, Number.MAX_SAFE_INTEGER]) {
    it(`refuses version ${version}, whatever the command`, () => {
      const bench = createCluster();
      const before = bench.store.view.nodes.list();
      expect(bench.say(joinNode("n2"), { version })).to.match(/^newer-version: command version/);
      expect(bench.store.view.nodes.list()).to.equal(before);
      expect(bench.store.view.index).to.equal(3);
    });
  }

  const envelope = { version: 1, time: 5, wall: 5, command: { kind: "fold-sheep" } };
  const entries = [
    { name: "a newer command", value: { ...envelope, version: 2 }, says: "newer-version" },
    { name: "a command that never was", value: envelope, says: "bug" },
    { name: "no envelope", value: "hello", says: "bug" },
  ];
  for (const { name, value, says } of entries) {
    it(`answers an entry with ${name} with ${says}, and goes on`, () => {
      const bench = createCluster();
      // Bytes that this version cannot have written.
      const bytes = encodeEnvelope(value as never);
      const result = bench.store.applyEntry(logIndex(9), bytes);
      expect(result.ok || result.error.code).to.equal(says);
      expect(bench.store.view.index).to.equal(9);
      expect(bench.say(joinNode("n2"))).to.equal("accepted");
    });
  }

  it("applies an entry's bytes like the envelope", () => {
    const bench = createCluster();
    const bytes = encodeEnvelope({ version: 1, time: 1, wall: 1, command: joinNode("n2") });
    expect(bench.store.applyEntry(logIndex(3), bytes).ok).to.equal(true);
    expect(bench.store.view.nodes.size).to.equal(3);
  });
});

describe("a handler that throws", () => {
  function broken(): Bench {
    const handlers = {
      ...HANDLERS,
      "create-config": (
        ...[view, facts, command]: Parameters<(typeof HANDLERS)["create-config"]>
      ) => {
        HANDLERS["create-config"](view, facts, command);
        throw new TypeError("nobody thought of this");
      },
    };
    return createBench(createStore(handlers));
  }

  it("is a refusal without effect, equal on every replica, and counted", () => {
    const bench = broken();
    bench.run(initCluster());
    const digest = bench.store.digest();
    expect(bench.say(createConfig("f"), { ...key("k"), time: 1 })).to.equal(
      "bug: internal error while applying create-config at log index 2",
    );
    expect(bench.store.bugs.count).to.equal(1);
    expect(bench.store.bugs.last).to.deep.include({ command: "create-config", index: 2 });
    expect(String(bench.store.bugs.last?.error)).to.match(/nobody thought of this/);
    expect(bench.store.view.configs.size).to.equal(0);
    expect(bench.store.requests.size).to.equal(0);
    expect(bench.store.digest()).not.to.equal(digest); // the index moved
    expect(bench.say(joinNode("n1"))).to.equal("accepted");
  });
});

describe("store time", () => {
  it("never goes back", () => {
    const bench = createCluster();
    bench.run(joinNode("n2"), { time: 500 });
    bench.run(createService("web"), { time: 3 });
    bench.run(fillSlots(bench.store, "web", { 1: "t1" }), { time: 400 });
    expect(bench.store.view.time).to.equal(500);
    expect(bench.store.view.tasks.list().map(({ stateSince }) => stateSince)).to.deep.equal([500]);
  });
});

describe("what the shell gets wrong", () => {
  it("an index that was applied stops the replica", () => {
    const { store } = createCluster();
    const envelope = { version: 1, time: 1, wall: 1, command: joinNode("n2") };
    expect(() => store.apply(logIndex(2), envelope)).to.throw(/apply of 2 after 2/);
  });

  it("applying from within a listener stops the replica", () => {
    const bench = createCluster();
    const { store } = bench;
    store.onChange(() => bench.run(joinNode("n3")));
    expect(() => bench.run(joinNode("n2"))).to.throw(/within a listener/);
  });
});

describe("listeners", () => {
  it("hear each command's changes once, until they leave", () => {
    const { store, run } = createCluster();
    const heard: string[] = [];
    const leave = store.onChange((changes) => heard.push(...changes.map(({ id }) => id)));
    run(joinNode("n2"));
    run(joinNode("n2"));
    leave();
    run(joinNode("n3"));
    expect(heard).to.deep.equal(["n2"]);
  });

  it("hear after a restore what is different now", () => {
    const lagging = createCluster();
    const ahead = createCluster();
    for (const bench of [lagging, ahead]) bench.run(createConfig("gone"));
    ahead.run({ kind: "remove-config", configId: createConfig("gone").configId });
    ahead.run(joinNode("n1", "s2"));
    ahead.run(createService("web"));
    const told = lagging.changes.length;
    const n1 = lagging.store.view.nodes.list().at(-1);
    expect(lagging.store.restore(logIndex(6), ahead.store.snapshot()).ok).to.equal(true);
    const lines = lagging.changes
      .slice(told)
      .map(({ index, action, id }) => `${index} ${action} ${id}`);
    expect(lines).to.deep.equal(["6 update n1", "6 create web", "6 remove gone"]);
    expect(lagging.changes.at(told)?.before).to.equal(n1);
    expect(lagging.store.changesSince(logIndex(5))).to.equal(undefined);
    expect(lagging.store.changesSince(logIndex(6))).to.deep.equal([]);
  });
});
