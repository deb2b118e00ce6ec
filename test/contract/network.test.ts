/** One suite for the network port: the real adapter on 127.0.0.1, and the simulated one. */
import { clusterId, nodeId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type {
  Accept,
  Link,
  LinkEnd,
  LinkPath,
  LinkReceiver,
  Network,
  PeerIdentity,
} from "@skein/common/io/network";
import { LINK_QUEUE_BYTES_MAX, MESSAGE_BYTES_MAX } from "@skein/common/limits";
import type { Authority } from "@skein/common/node/certificates";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import { systemClock } from "@skein/common/node/system-clock";
import { createTlsNetwork, type TlsNetwork } from "@skein/common/node/tls-network";
import { expect } from "chai";
import { SimClock, type SimProcessClock } from "../sim/sim-clock.ts";
import { type SimEndpoint, SimNetwork } from "../sim/sim-network.ts";
import { SimRandom } from "../sim/sim-random.ts";

interface Party {
  readonly network: TlsNetwork | SimEndpoint;
  readonly host: string;
  /** Makes it read nothing, as a stopped process. */
  deafen(): void;
  /** Cuts, or heals, the wire between this party and another. */
  cut(other: Party, cut: boolean): void;
}

interface World {
  readonly name: string;
  party(node: string, more?: Partial<PeerIdentity>): Promise<Party>;
  /** Lets things happen until it holds. */
  until(what: string, done: () => boolean): Promise<void>;
  close(): void;
}

const CLUSTER = clusterId("cluster1");

function realWorld(): World {
  const authorities = new Map<string, Promise<Authority>>();
  const networks: TlsNetwork[] = [];
  const clock = systemClock();
  const authorityOf = (cluster: PeerIdentity["clusterId"]) => {
    const known = authorities.get(cluster);
    const authority = known ?? createAuthority({ clusterId: cluster, now: clock.wall() });
    authorities.set(cluster, authority);
    return authority;
  };
  const party = async (node: string, more: Partial<PeerIdentity> = {}): Promise<Party> => {
    const who = { nodeId: nodeId(node), role: "manager", clusterId: CLUSTER, ...more } as const;
    const identity = await issueNodeCertificate(await authorityOf(who.clusterId), {
      ...who,
      addresses: ["127.0.0.1"],
      now: clock.wall(),
    });
    const options = { identity, clock, log: silentLog, metrics: noMetrics, host: node };
    const network = createTlsNetwork(options);
    networks.push(network);
    // Listeners are all on 127.0.0.1, whence a party knows whom it dials; dialled ones go by name.
    const cut = (other: Party, on: boolean) => network.setCut(on ? [other.host, "127.0.0.1"] : []);
    return { network, host: node, deafen: () => network.setCut(["127.0.0.1", "a", "b"]), cut };
  };
  return {
    name: "real",
    party,
    until: async (what, done) => {
      const deadline = clock.now() + 4500;
      while (!done()) {
        if (clock.now() > deadline) throw new Error(`not within 4.5 s: ${what}`);
        await new Promise((resolve) => clock.after(1, () => resolve(undefined)));
      }
    },
    close: () => {
      for (const network of networks) network.close("the test is over");
    },
  };
}

function simulatedWorld(): World {
  const clock = new SimClock();
  const network = new SimNetwork({ clock, random: new SimRandom(1) });
  return {
    name: "simulated",
    party: (node, more = {}) => {
      const process: SimProcessClock = clock.process();
      const who = { nodeId: nodeId(node), role: "manager", clusterId: CLUSTER, ...more } as const;
      const host = `host-${node}`;
      const endpoint: SimEndpoint = network.join({ identity: who, host, clock: process });
      const cut = (other: Party, on: boolean) => {
        for (const [from, to] of [
          [host, other.host],
          [other.host, host],
        ] as const) {
          if (on) network.cut(from, to);
          else network.heal(from, to);
        }
      };
      return Promise.resolve({ network: endpoint, host, deafen: () => process.stop(), cut });
    },
    until: (what, done) => {
      if (!clock.runWhileNot(done, 60_000)) throw new Error(`not within a minute: ${what}`);
      return Promise.resolve();
    },
    close: () => undefined,
  };
}

/** Records what a receiver is told, and that it is told in order and never from within a call. */
class Recorder implements LinkReceiver {
  readonly got: Uint8Array[] = [];
  readonly ends: LinkEnd[] = [];
  links: Link[] = [];
  late = 0;
  onOpen: ((link: Link) => void) | undefined;
  onMessage: ((bytes: Uint8Array) => void) | undefined;

  opened(link: Link): void {
    if (this.ends.length > 0) this.late += 1;
    this.links.push(link);
    this.onOpen?.(link);
  }
  message(bytes: Uint8Array): void {
    if (this.ends.length > 0 || this.links.length === 0) this.late += 1;
    this.got.push(Uint8Array.from(bytes));
    this.onMessage?.(bytes);
  }
  closed(end: LinkEnd): void {
    this.ends.push(end);
  }
  get link(): Link {
    const link = this.links[0];
    if (link === undefined) throw new Error("no link has opened");
    return link;
  }
  texts(): string[] {
    return this.got.map((bytes) => Buffer.from(bytes).toString());
  }
}

const text = (value: string) => new Uint8Array(Buffer.from(value));

for (const makeWorld of [realWorld, simulatedWorld]) {
  const world = makeWorld();

  describe(`network: ${world.name}`, function () {
    this.timeout(10_000);
    after(() => world.close());

    const serve = async (party: Party, accept: Partial<Record<LinkPath, Accept>>) => {
      let ready: string | undefined | null = null;
      const host = world.name === "real" ? "127.0.0.1" : party.host;
      const listener = party.network.listen(`${host}:0`, accept, (error) => {
        ready = error;
      });
      expect(ready).to.equal(null);
      await world.until("listening", () => ready !== null);
      expect(ready).to.equal(undefined);
      return `${host}:${listener.port()}`;
    };

    /** A pair that is connected, b having dialled a. */
    const pair = async () => {
      const [a, b] = [await world.party("a"), await world.party("b", { role: "worker" })];
      const [server, client] = [new Recorder(), new Recorder()];
      const address = await serve(a, { "/raft": () => server });
      b.network.dial({ address, path: "/raft" }, client);
      await world.until("open", () => server.links.length + client.links.length === 2);
      return { a, b, server, client, address };
    };

    const dialled = async (party: Party, target: Parameters<Network["dial"]>[0]) => {
      const client = new Recorder();
      party.network.dial(target, client);
      expect(client.ends).to.deep.equal([]);
      await world.until("an end", () => client.ends.length > 0);
      expect(client.links).to.deep.equal([]);
      expect(client.ends).to.have.length(1);
      return client.ends[0];
    };

    it("proves both identities and carries the query", async () => {
      const [a, b] = [await world.party("a"), await world.party("b", { role: "worker" })];
      const seen: string[] = [];
      const [server, client] = [new Recorder(), new Recorder()];
      const address = await serve(a, {
        "/dispatch": (peer, query) => {
          seen.push(`${peer.nodeId} ${peer.role} ${peer.clusterId} ${query.get("session")}`);
          return server;
        },
      });
      const query = "session=s%201";
      b.network.dial(
        { address, path: "/dispatch", query, expect: nodeId("a"), expectRole: "manager" },
        client,
      );
      await world.until("open", () => server.links.length + client.links.length === 2);
      expect(seen).to.deep.equal(["b worker cluster1 s 1"]);
      expect(client.link.peer).to.deep.equal({ nodeId: "a", role: "manager", clusterId: CLUSTER });
      expect(server.link.peer.nodeId).to.equal("b");
    });

    it("keeps messages whole and in order both ways, from the first instant", async () => {
      const [a, b] = [await world.party("a"), await world.party("b")];
      const [server, client] = [new Recorder(), new Recorder()];
      const sizes = [0, 1, 340, 125, 126, 65_535, 65_536, 1_000_000, MESSAGE_BYTES_MAX, 3];
      const messages = sizes.map((size, at) => new Uint8Array(size).fill(at + 1));
      let during = 0;
      for (const recorder of [server, client]) {
        recorder.onOpen = (link) => {
          const before = recorder.got.length;
          for (const message of messages) expect(link.send(message)).to.equal(true);
          during += recorder.got.length - before;
        };
      }
      const address = await serve(a, { "/raft": () => server });
      b.network.dial({ address, path: "/raft" }, client);
      const both = [server, client];
      await world.until("messages", () => both.every((end) => end.got.length === sizes.length));
      for (const { got } of both) {
        expect(got.map((bytes) => bytes.length)).to.deep.equal(sizes);
        expect(got.every((bytes, at) => bytes.every((byte) => byte === at + 1))).to.equal(true);
      }
      expect(during + client.late + server.late).to.equal(0);
    });

    it("delivers what was sent before a close, then the reason, once on either side", async () => {
      const { server, client } = await pair();
      server.link.send(text("one"));
      server.link.send(text("two"));
      server.link.close("moved on");
      expect(server.ends).to.deep.equal([]);
      expect(server.link.send(text("three"))).to.equal(false);
      server.link.close("again");
      client.link.send(text("too late"));
      await world.until("ends", () => server.ends.length + client.ends.length === 2);
      expect(client.texts()).to.deep.equal(["one", "two"]);
      expect(client.ends).to.deep.equal([{ kind: "closed", reason: "moved on" }]);
      expect(server.ends).to.deep.equal([{ kind: "closed", reason: "moved on" }]);
      expect(server.got).to.deep.equal([]);
      expect(client.link.send(text("x"))).to.equal(false);
      expect(client.late + server.late).to.equal(0);
    });

    it("says refused where nobody listens", async () => {
      const { a, b, address } = await pair();
      const other = a.network.listen(address.replace(/\d+$/, "0"), {}, () => undefined);
      await world.until("bound", () => other.port() !== 0);
      const free = address.replace(/\d+$/, String(other.port()));
      other.close();
      expect(await dialled(b, { address: free, path: "/raft" })).to.have.property(
        "kind",
        "refused",
      );
    });

    it("tells the reason of a refusal, and what does not fit", async () => {
      const [a, b] = [await world.party("a"), await world.party("b", { role: "worker" })];
      const never = new Recorder();
      const address = await serve(a, {
        "/raft": (peer) => `Cannot open /raft: node ${peer.nodeId} is a ${peer.role}, ä`,
        "/ping": () => never,
      });
      expect(await dialled(b, { address, path: "/raft" })).to.deep.equal({
        kind: "forbidden",
        reason: "Cannot open /raft: node b is a worker, ä",
      });
      const unserved = await dialled(b, { address, path: "/logs" });
      expect(unserved).to.deep.equal({
        kind: "protocol",
        reason: "Nothing is served at /logs here.",
      });
      const wrongNode = await dialled(b, { address, path: "/ping", expect: nodeId("c") });
      expect(wrongNode).to.deep.equal({
        kind: "forbidden",
        reason: `${address}: node a answers there, not c`,
      });
      const wrongRole = await dialled(b, { address, path: "/ping", expectRole: "worker" });
      expect(wrongRole).to.deep.equal({
        kind: "forbidden",
        reason: `${address}: node a is a manager, not a worker`,
      });
      await world.until("the other side's ends", () => never.ends.length === never.links.length);
    });

    it("forbids a node of another cluster", async () => {
      const { address } = await pair();
      const stranger = await world.party("b", { clusterId: clusterId("cluster2") });
      const end = await dialled(stranger, { address, path: "/raft" });
      expect(end).to.have.property("kind", "forbidden");
    });

    it("reports a port in use", async () => {
      const { a, address } = await pair();
      let error: string | undefined;
      a.network.listen(address, {}, (text) => {
        error = text ?? "none";
      });
      expect(error).to.equal(undefined);
      await world.until("answer", () => error !== undefined);
      expect(error).to.contain("EADDRINUSE").and.contain(address);
    });

    it("cancels a dial once, before and after it opened", async () => {
      const { b, address } = await pair();
      const early = new Recorder();
      b.network.dial({ address, path: "/raft" }, early).cancel();
      expect(early.ends).to.deep.equal([]);
      const open = new Recorder();
      const dial = b.network.dial({ address, path: "/raft" }, open);
      await world.until("open", () => open.links.length === 1);
      dial.cancel();
      dial.cancel();
      await world.until("ends", () => early.ends.length + open.ends.length === 2);
      expect(early.links).to.deep.equal([]);
      expect(early.ends).to.deep.equal([{ kind: "closed", reason: "cancelled" }]);
      expect(open.ends).to.deep.equal([{ kind: "closed", reason: "cancelled" }]);
    });

    it("ends a link whose peer does not read, with bounded memory", async () => {
      const { b, server } = await pair();
      b.deafen();
      const chunk = new Uint8Array(1024 * 1024);
      let sent = 0;
      let deepest = 0;
      while (server.link.send(chunk)) {
        sent += 1;
        deepest = Math.max(deepest, server.link.queuedBytes());
        if (sent > 1000) break;
      }
      expect(server.ends).to.deep.equal([]);
      expect(deepest).to.be.within(LINK_QUEUE_BYTES_MAX / 2, LINK_QUEUE_BYTES_MAX + 1024);
      await world.until("overflow", () => server.ends.length > 0);
      expect(server.ends.map((end) => end.kind)).to.deep.equal(["overflow"]);
    });

    it("refuses to send a message that no peer would take", async () => {
      const { server } = await pair();
      expect(server.link.send(new Uint8Array(MESSAGE_BYTES_MAX + 1))).to.equal(false);
      await world.until("end", () => server.ends.length > 0);
      expect(server.ends[0]?.kind).to.equal("protocol");
    });

    it("is silent while the wire is cut, and loses nothing when it heals", async () => {
      const { a, b, server, client, address } = await pair();
      client.link.send(text("before"));
      await world.until("before", () => server.got.length === 1);
      a.cut(b, true);
      b.cut(a, true);
      server.link.send(text("down"));
      client.link.send(text("up 1"));
      client.link.send(text("up 2"));
      expect(await dialled(b, { address, path: "/raft" })).to.have.property("kind", "timeout");
      expect([server.texts(), client.texts()]).to.deep.equal([["before"], []]);
      a.cut(b, false);
      b.cut(a, false);
      client.link.send(text("after"));
      await world.until("healed", () => server.got.length === 4 && client.got.length === 1);
      expect(server.texts()).to.deep.equal(["before", "up 1", "up 2", "after"]);
      expect(server.ends.length + client.ends.length).to.equal(0);
    });
  });
}
