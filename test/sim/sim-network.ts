/**
 * The simulated network: the `Network` port for every process of a world, under one virtual clock and one
 * seed. Hosts can be cut from each other, each way on its own; processes are killed or stopped; links break.
 *
 * What a dialler learns is what the real network tells it: `refused` only when the host is there and nobody
 * listens; a stopped process, a host that is down and a cut wire are all silence, and end in `timeout`.
 */
import { must } from "@skein/common/assert";
import type {
  Accept,
  Link,
  LinkEnd,
  LinkPath,
  LinkReceiver,
  Listener,
  Network,
  PeerIdentity,
} from "@skein/common/io/network";
import { DIAL_TIMEOUT_MS } from "@skein/common/limits";
import type { SimClock, SimProcessClock } from "./sim-clock.ts";
import { Pipe, SimLink, type Wire } from "./sim-link.ts";
import type { SimRandom } from "./sim-random.ts";

export interface SimNetworkOptions {
  readonly clock: SimClock;
  readonly random: SimRandom;
  /** One way, in milliseconds; uniform between the two. */
  readonly latencyMs?: readonly [number, number];
  readonly bytesPerMs?: number;
  /** One message in so many breaks its link; 0: none. */
  readonly lossOneIn?: number;
}

export interface SimProcess {
  readonly identity: PeerIdentity;
  /** "10.0.0.1": processes of one node share it. */
  readonly host: string;
  readonly clock: SimProcessClock;
}

export interface SimEndpoint extends Network {
  listen(
    address: string,
    accept: Partial<Record<LinkPath, Accept>>,
    ready: (error: string | undefined) => void,
  ): Listener & { port(): number };
  /** kill -9: nothing of the process runs any more, its ports refuse, its links close. */
  kill(): void;
}

type DialTarget = Parameters<Network["dial"]>[0];

interface Service {
  readonly owner: Endpoint;
  readonly accept: Partial<Record<LinkPath, Accept>>;
}

/** SYN, SYN-ACK, TLS there, back, and the upgrade request: then the listener judges. */
const HANDSHAKE_TRIPS = 5;
const FIRST_EPHEMERAL_PORT = 40_000;
const RETRY_MS_MAX = 200;

export class SimNetwork {
  readonly #options: SimNetworkOptions;
  readonly #random: SimRandom;
  /** "from to", one way each. */
  readonly #cuts = new Set<string>();
  readonly #down = new Set<string>();
  readonly services = new Map<string, Service>();
  readonly #pipes = new Set<Pipe>();
  #lossOneIn: number;
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(options: SimNetworkOptions) {
    this.#options = options;
    this.#random = options.random.fork("network");
    this.#lossOneIn = options.lossOneIn ?? 0;
  }

  /** A process joins the world; a restarted one joins anew, with a new clock. */
  join(process: SimProcess): SimEndpoint {
    return new Endpoint(this, process);
  }

  /** Cuts the wire one way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  /** Cuts every wire between hosts of different groups, both ways; within a group all are healed. */
  partition(groups: readonly (readonly string[])[]): void {
    this.heal();
    for (const group of groups) {
      for (const other of groups) {
        if (other === group) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** Heals one way, or everything. */
  heal(from?: string, to?: string): void {
    if (from === undefined || to === undefined) this.#cuts.clear();
    else this.#cuts.delete(`${from} ${to}`);
    this.#resume();
  }

  /** A machine without power or cable: silence. Its processes are the world's to kill. */
  setDown(host: string, down: boolean): void {
    if (down) this.#down.add(host);
    else this.#down.delete(host);
    this.#resume();
  }

  setLoss(oneIn: number): void {
    this.#lossOneIn = oneIn;
  }

  readonly wire: Wire = {
    travelMs: (bytes) => this.#travelMs(bytes),
    isCut: (from, to) =>
      this.#cuts.has(`${from} ${to}`) ||
      (from !== to && (this.#down.has(from) || this.#down.has(to))),
    retryMs: () => this.#random.below(RETRY_MS_MAX),
    loses: () => this.#random.once(this.#lossOneIn),
    resets: () => this.#random.once(2),
  };

  /** A connection: the two pipes, registered until both ends are gone. */
  connect(client: PipeEnd, server: PipeEnd): { readonly toServer: Pipe; readonly toClient: Pipe } {
    const exactNow = () => this.#options.clock.exactNow();
    const shared = { wire: this.wire, exactNow };
    const toServer = new Pipe({ ...shared, from: client.host, to: server.host, ...server });
    const toClient = new Pipe({ ...shared, from: server.host, to: client.host, ...client });
    this.#pipes.add(toServer);
    this.#pipes.add(toClient);
    return { toServer, toClient };
  }

  disconnect(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) this.#pipes.delete(pipe);
  }

  freePort(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }

  #travelMs(bytes: number): number {
    const [min, max] = this.#options.latencyMs ?? [0.1, 1];
    const perMs = this.#options.bytesPerMs ?? 100_000;
    const microseconds = Math.round((max - min) * 1000);
    return min + this.#random.between(0, microseconds) / 1000 + bytes / perMs;
  }

  #resume(): void {
    for (const pipe of this.#pipes) pipe.resume();
  }
}

interface PipeEnd {
  readonly host: string;
  readonly clock: SimProcessClock;
  readonly arrived: ConstructorParameters<typeof Pipe>[0]["arrived"];
}

class Endpoint implements SimEndpoint {
  readonly network: SimNetwork;
  readonly process: SimProcess;
  readonly links = new Set<SimLink>();
  /** Dials that have reached this process and are not judged yet. */
  readonly knocking = new Set<SimDial>();
  readonly #addresses = new Set<string>();

  constructor(network: SimNetwork, process: SimProcess) {
    this.network = network;
    this.process = process;
  }

  listen(
    address: string,
    accept: Partial<Record<LinkPath, Accept>>,
    ready: (error: string | undefined) => void,
  ): Listener & { port(): number } {
    const [host = "", asked = "0"] = address.split(":");
    const port = asked === "0" ? this.network.freePort() : Number(asked);
    const key = `${host}:${port}`;
    const taken = this.network.services.has(key);
    if (!taken) {
      this.network.services.set(key, { owner: this, accept });
      this.#addresses.add(key);
    }
    const error = taken ? `listen EADDRINUSE: address already in use ${key}` : undefined;
    this.process.clock.deliver(0, () => ready(error));
    return {
      port: () => port,
      close: () => {
        if (!taken) this.#unlisten(key);
      },
    };
  }

  dial(target: DialTarget, receiver: LinkReceiver): { cancel(): void } {
    return new SimDial(this, target, receiver);
  }

  kill(): void {
    this.process.clock.kill();
    for (const address of this.#addresses) this.#unlisten(address);
    for (const link of this.links) link.die();
    for (const dial of this.knocking) dial.reset();
  }

  #unlisten(key: string): void {
    this.#addresses.delete(key);
    if (this.network.services.get(key)?.owner === this) this.network.services.delete(key);
  }
}

class SimDial {
  readonly #endpoint: Endpoint;
  readonly #target: DialTarget;
  readonly #receiver: LinkReceiver;
  readonly #timer: { cancel(): void };
  #link: SimLink | undefined;
  #done = false;

  constructor(endpoint: Endpoint, target: DialTarget, receiver: LinkReceiver) {
    this.#endpoint = endpoint;
    this.#target = target;
    this.#receiver = receiver;
    const { clock } = endpoint.process;
    const reason = `no answer from ${target.address} within ${DIAL_TIMEOUT_MS} ms`;
    this.#timer = clock.after(DIAL_TIMEOUT_MS, () => this.#fail({ kind: "timeout", reason }));
    clock.deliver(this.#trips(1), () => this.#arrive());
  }

  cancel(): void {
    this.#fail({ kind: "closed", reason: "cancelled" });
    if (this.#link?.isOpen() === true) this.#link.close("cancelled");
  }

  /** The process that was to answer was killed. */
  reset(): void {
    if (this.#silent()) return;
    const end: LinkEnd = { kind: "closed", reason: "the connection was lost while it opened" };
    this.#endpoint.process.clock.deliver(this.#trips(1), () => this.#fail(end));
  }

  #trips(count: number): number {
    let total = 0;
    for (let trip = 0; trip < count; trip += 1) total += this.#endpoint.network.wire.travelMs(0);
    return total;
  }

  #hosts(): readonly [string, string] {
    return [this.#endpoint.process.host, this.#target.address.split(":")[0] ?? ""];
  }

  #silent(): boolean {
    const [own, other] = this.#hosts();
    const { wire } = this.#endpoint.network;
    return wire.isCut(own, other) || wire.isCut(other, own);
  }

  /** The first packet is there. */
  #arrive(): void {
    const { network, process } = this.#endpoint;
    if (this.#done || this.#silent()) return;
    const service = network.services.get(this.#target.address);
    if (service === undefined) {
      const reason = `connect ECONNREFUSED ${this.#target.address}`;
      process.clock.deliver(this.#trips(1), () => this.#fail({ kind: "refused", reason }));
      return;
    }
    const { owner } = service;
    owner.knocking.add(this);
    owner.process.clock.deliver(this.#trips(HANDSHAKE_TRIPS - 1), () => this.#judged(service));
  }

  /** Runs in the listening process. */
  #judged(service: Service): void {
    service.owner.knocking.delete(this);
    if (this.#done || this.#silent()) return;
    const refusal = this.#judge(service);
    if (typeof refusal === "function") return this.#open(service, refusal());
    this.#endpoint.process.clock.deliver(this.#trips(1), () => this.#fail(refusal));
  }

  #judge(service: Service): LinkEnd | (() => LinkReceiver) {
    const dialler = this.#endpoint.process.identity;
    const own = service.owner.process.identity;
    const { path, query } = this.#target;
    if (dialler.clusterId !== own.clusterId) {
      const reason = `This node belongs to cluster ${own.clusterId}, not ${dialler.clusterId}.`;
      return { kind: "forbidden", reason };
    }
    const accept = service.accept[path];
    if (accept === undefined) {
      return { kind: "protocol", reason: `Nothing is served at ${path} here.` };
    }
    const receiver = accept(dialler, new URLSearchParams(query ?? ""));
    return typeof receiver === "string" ? { kind: "forbidden", reason: receiver } : () => receiver;
  }

  #open(service: Service, serverReceiver: LinkReceiver): void {
    const { toClient, serverEnd } = this.#pair(service.owner, serverReceiver);
    toClient.put({ kind: "open" });
    serverEnd.open();
  }

  #pair(server: Endpoint, serverReceiver: LinkReceiver) {
    const [client, network] = [this.#endpoint, this.#endpoint.network];
    let ended = 0;
    const released = (endpoint: Endpoint, end: () => SimLink) => () => {
      endpoint.links.delete(end());
      ended += 1;
      if (ended === 2) network.disconnect([pipes.toServer, pipes.toClient]);
    };
    const clientEnd: SimLink = new SimLink({
      ...this.#half(server, client.process.clock),
      remote: this.#target.address,
      receiver: { ...bound(this.#receiver), opened: (link) => this.#opened(link) },
      out: () => pipes.toServer,
      released: released(client, () => clientEnd),
    });
    const serverEnd: SimLink = new SimLink({
      ...this.#half(client, server.process.clock),
      remote: `${client.process.host}:0`,
      receiver: serverReceiver,
      out: () => pipes.toClient,
      released: released(server, () => serverEnd),
    });
    const pipes = network.connect(
      { ...client.process, arrived: (item) => clientEnd.take(item) },
      { ...server.process, arrived: (item) => serverEnd.take(item) },
    );
    client.links.add(clientEnd);
    server.links.add(serverEnd);
    this.#link = clientEnd;
    return { toClient: pipes.toClient, serverEnd };
  }

  #half(peer: Endpoint, clock: SimProcessClock) {
    const { wire } = this.#endpoint.network;
    const responsive = () => !this.#silent() && peer.process.clock.state() === "running";
    return { peer: peer.process.identity, clock, wire, responsive };
  }

  /** The answer is back at the dialler: it checks who answered. */
  #opened(link: Link): void {
    if (this.#done) return;
    const { expect, expectRole, address } = this.#target;
    const { nodeId, role } = link.peer;
    if (expect !== undefined && expect !== nodeId) {
      this.#misfit(`${address}: node ${nodeId} answers there, not ${expect}`);
    } else if (expectRole !== undefined && expectRole !== role) {
      this.#misfit(`${address}: node ${nodeId} is a ${role}, not a ${expectRole}`);
    } else {
      this.#finish();
      this.#receiver.opened(link);
    }
  }

  #misfit(reason: string): void {
    this.#finish();
    must(this.#link, "the link that opened").fail({ kind: "forbidden", reason });
  }

  #fail(end: LinkEnd): void {
    if (!this.#finish()) return;
    // A link half made ends at both sides; its end is then the dial's.
    if (this.#link !== undefined) this.#link.fail(end);
    else this.#endpoint.process.clock.deliver(0, () => this.#receiver.closed(end));
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#timer.cancel();
    return true;
  }
}

/** The receiver's methods as plain functions: a spread would leave those of a class behind. */
function bound(receiver: LinkReceiver): LinkReceiver {
  return {
    opened: (link) => receiver.opened(link),
    message: (bytes) => receiver.message(bytes),
    closed: (end) => receiver.closed(end),
  };
}
