/**
 * What the simulated network does beyond the contract: faults, and the same again from the same
 * seed.
 */
import { clusterId, nodeId } from "@skein/common/ids";
import type { Link, LinkEnd, LinkReceiver, PeerIdentity } from "@skein/common/io/network";
import { LINK_SILENCE_MAX_MS } from "@skein/common/limits";
import { expect } from "chai";
import { SimClock, type SimProcessClock } from "./sim-clock.ts";
import { type SimEndpoint, SimNetwork, type SimNetworkOptions } from "./sim-network.ts";
import { SimRandom } from "./sim-random.ts";

class Recorder implements LinkReceiver {
  readonly got: number[] = [];
  readonly ends: LinkEnd[] = [];
  link: Link | undefined;
  opened(link: Link): void {
    this.link = link;
  }
  message(bytes: Uint8Array): void {
    this.got.push(bytes[0] ?? -1);
  }
  closed(end: LinkEnd): void {
    this.ends.push(end);
  }
  kinds(): string[] {
    return this.ends.map((end) => end.kind);
  }
}

class World {
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly random: SimRandom;

  constructor(seed: number, options: Partial<SimNetworkOptions> = {}) {
    this.random = new SimRandom(seed);
    this.network = new SimNetwork({ clock: this.clock, random: this.random, ...options });
  }

  join(name: string): { endpoint: SimEndpoint; clock: SimProcessClock } {
    const clock = this.clock.process();
    const identity: PeerIdentity = {
      nodeId: nodeId(name),
      role: "manager",
      clusterId: clusterId("c"),
    };
    return { endpoint: this.network.join({ identity, host: name, clock }), clock };
  }

  /** b has dialled a. */
  pair() {
    const [a, b] = [this.join("a"), this.join("b")];
    const [server, client] = [new Recorder(), new Recorder()];
    a.endpoint.listen("a:1", { "/raft": () => server }, () => undefined);
    b.endpoint.dial({ address: "a:1", path: "/raft" }, client);
    this.clock.runFor(100);
    expect([server.link?.peer.nodeId, client.link?.peer.nodeId]).to.deep.equal(["b", "a"]);
    return { a, b, server, client };
  }

  dial(from: SimEndpoint, address: string): Recorder {
    const receiver = new Recorder();
    from.dial({ address, path: "/raft" }, receiver);
    return receiver;
  }
}

describe("simulated network", () => {
  it("closes the links of a killed process and refuses for it", () => {
    const world = new World(1);
    const { a, b, server, client } = world.pair();
    const underWay = world.dial(b.endpoint, "a:1");
    world.clock.runFor(1);
    a.endpoint.kill();
    world.clock.runFor(50);
    expect(client.kinds()).to.deep.equal(["closed"]);
    expect(underWay.kinds()).to.deep.equal(["closed"]);
    expect(server.ends).to.deep.equal([]);
    const again = world.dial(b.endpoint, "a:1");
    world.clock.runFor(50);
    expect(again.kinds()).to.deep.equal(["refused"]);
  });

  it("is silent for a stopped process, which then reads all before its late timers", () => {
    const world = new World(2);
    const { a, b, server, client } = world.pair();
    const order: string[] = [];
    server.message = () => order.push("message");
    a.clock.after(100, () => order.push("timer"));
    a.clock.stop();
    const dial = world.dial(b.endpoint, "a:1");
    client.link?.send(Uint8Array.of(1));
    world.clock.runFor(3000);
    client.link?.send(Uint8Array.of(2));
    world.clock.runFor(10);
    expect(dial.kinds()).to.deep.equal(["timeout"]);
    expect(order).to.deep.equal([]);
    a.clock.continue();
    expect(order).to.deep.equal(["message", "message", "timer"]);
    world.clock.runFor(60_000);
    expect(server.ends.length + client.ends.length).to.equal(0);
  });

  it("ends the links of a process stopped for long, at the others' side", () => {
    const world = new World(3);
    const { a, server, client } = world.pair();
    a.clock.stop();
    world.clock.runFor(LINK_SILENCE_MAX_MS + 6000);
    expect(client.kinds()).to.deep.equal(["timeout"]);
    a.clock.continue();
    world.clock.runFor(100);
    expect(server.kinds()).to.deep.equal(["closed"]);
  });

  it("cuts one way, holds what is sent, and delivers it in order when healed", () => {
    const world = new World(4);
    const { server, client } = world.pair();
    world.network.cut("b", "a");
    for (const value of [1, 2, 3]) client.link?.send(Uint8Array.of(value));
    server.link?.send(Uint8Array.of(9));
    world.clock.runFor(2000);
    expect([server.got, client.got]).to.deep.equal([[], [9]]);
    world.network.heal("b", "a");
    client.link?.send(Uint8Array.of(4));
    world.clock.runFor(500);
    expect(server.got).to.deep.equal([1, 2, 3, 4]);
  });

  it("ends links over a wire that stays cut, and dials time out meanwhile", () => {
    const world = new World(5);
    const { b, server, client } = world.pair();
    world.network.partition([["a"], ["b"]]);
    const dial = world.dial(b.endpoint, "a:1");
    world.clock.runFor(LINK_SILENCE_MAX_MS + 6000);
    expect([...dial.kinds(), ...server.kinds(), ...client.kinds()]).to.deep.equal([
      ...["timeout", "timeout", "timeout"],
    ]);
    world.network.heal();
    const again = world.dial(b.endpoint, "a:1");
    world.clock.runFor(100);
    expect(again.link).not.to.equal(undefined);
  });

  it("is silent for a machine that is down, even when its processes are gone", () => {
    const world = new World(6);
    const { a, b, client } = world.pair();
    world.network.setDown("a", true);
    a.endpoint.kill();
    const dial = world.dial(b.endpoint, "a:1");
    world.clock.runFor(3000);
    expect([client.kinds(), dial.kinds()]).to.deep.equal([[], ["timeout"]]);
    world.clock.runFor(LINK_SILENCE_MAX_MS + 3000);
    expect(client.kinds()).to.deep.equal(["timeout"]);
  });

  it("shows a lost message as a broken link at both ends", () => {
    const world = new World(7);
    const { server, client } = world.pair();
    world.network.setLoss(1);
    client.link?.send(Uint8Array.of(1));
    world.clock.runFor(50);
    expect([server.got, server.kinds(), client.kinds()]).to.deep.equal([
      [],
      ["closed"],
      ["closed"],
    ]);
  });

  for (let seed = 1; seed <= 20; seed += 1) {
    it(`gives a prefix in order whatever happens, and the same twice (seed ${seed})`, () => {
      const first = chaos(seed);
      expect(chaos(seed)).to.deep.equal(first);
      expect(first.filter((line) => line.endsWith("got")).length).to.be.above(20);
    });
  }
  it("differs between seeds", () => {
    expect(chaos(1)).not.to.deep.equal(chaos(2));
  });
});

/** Three processes dial, send, cut, stop and kill at random; returns all that anyone was told. */
function chaos(seed: number): readonly string[] {
  const run = new Chaos(seed);
  for (let step = 0; step < 300; step += 1) run.step();
  return run.trace;
}

const NAMES = ["a", "b", "c"] as const;

class Chaos {
  readonly trace: string[] = [];
  readonly #world: World;
  readonly #links: { readonly link: Link; next: number }[] = [];
  readonly #living = new Map<string, ReturnType<World["join"]>>();
  #linkCount = 0;

  constructor(seed: number) {
    this.#world = new World(seed, { lossOneIn: 400, latencyMs: [0.2, 20] });
    for (const name of NAMES) this.#start(name);
  }

  step(): void {
    const { random, clock } = this.#world;
    if (random.once(4)) this.#act();
    for (let count = random.below(4); count > 0; count -= 1) this.#send();
    clock.runFor(random.below(60));
  }

  #act(): void {
    const { random, network } = this.#world;
    const acts: readonly (() => void)[] = [
      () => network.cut(this.#pick(), this.#pick()),
      () => network.heal(),
      () => this.#living.get(this.#pick())?.clock.stop(),
      () => NAMES.forEach((name) => this.#living.get(name)?.clock.continue()),
      () => this.#restart(this.#pick()),
    ];
    if (random.once(3)) acts[random.below(acts.length)]?.();
    else this.#dial(this.#pick(), this.#pick());
  }

  #pick(): string {
    return NAMES[this.#world.random.below(NAMES.length)] ?? "a";
  }

  #start(name: string): void {
    const process = this.#world.join(name);
    const accept = () => this.#follow(`at ${name}`);
    process.endpoint.listen(`${name}:1`, { "/raft": accept }, () => undefined);
    this.#living.set(name, process);
  }

  #restart(name: string): void {
    this.#living.get(name)?.endpoint.kill();
    this.#start(name);
  }

  #dial(from: string, to: string): void {
    const process = this.#living.get(from);
    if (from === to || process?.clock.state() !== "running") return;
    process.endpoint.dial({ address: `${to}:1`, path: "/raft" }, this.#follow(`from ${from}`));
  }

  #send(): void {
    const { random } = this.#world;
    const sender = this.#links[random.below(Math.max(1, this.#links.length))];
    const bytes = new Uint8Array(4 + random.below(2000));
    new DataView(bytes.buffer).setUint32(0, sender?.next ?? 0);
    if (sender?.link.send(bytes) === true) sender.next += 1;
  }

  /** Checks that what arrives is the beginning of what was sent, and that one end is told. */
  #follow(who: string): LinkReceiver {
    this.#linkCount += 1;
    const label = `${who} link ${this.#linkCount}`;
    const note = (text: string) => this.trace.push(`${this.#world.clock.now()} ${label} ${text}`);
    let expected = 0;
    let ended = false;
    return {
      opened: (link) => {
        this.#links.push({ link, next: 0 });
        note("opened");
      },
      message: (bytes) => {
        expect(ended, label).to.equal(false);
        expect(new DataView(bytes.buffer).getUint32(0), label).to.equal(expected);
        expected += 1;
        note("got");
      },
      closed: (end) => {
        expect(ended, label).to.equal(false);
        ended = true;
        note(`${end.kind} ${end.reason}`);
      },
    };
  }
}
