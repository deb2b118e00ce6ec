/**
 * The simulated network: the `Network` port for every process of a world, under one virtual clock
 * and one seed. Hosts can be cut from each other, each way on its own; processes are killed or
 * stopped; links break.
 *
 * What a dialler learns is what the real network tells it: `refused` only when the host is there
 * and nobody listens; a stopped process, a host that is down and a cut wire are all silence, and
 * end in `timeout`.
 */
import type {
  Accept,
  LinkPath,
  LinkReceiver,
  Listener,
  Network,
  PeerIdentity,
} from "@skein/common/io/network";
import type { SimClock, SimProcessClock } from "./sim-clock.ts";
import { SimDial } from "./sim-dial.ts";
import { Pipe, type SimLink, type Wire } from "./sim-link.ts";
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

export type DialTarget = Parameters<Network["dial"]>[0];

export interface Service {
  readonly owner: Endpoint;
  readonly accept: Partial<Record<LinkPath, Accept>>;
}

const FIRST_EPHEMERAL_PORT = 40_000;
const RETRY_MS_MAX = 200;
const LATENCY_MS = [0.1, 1] as const;

export class SimNetwork {
  readonly #options: SimNetworkOptions;
  readonly #random: SimRandom;
  /** "from to", one way each. */
  readonly #cuts = new Set<string>();
  readonly #down = new Set<string>();
  readonly services = new Map<string, Service>();
  readonly #pipes = new Set<Pipe>();
  #lossOneIn: number;
  #latencyMs: readonly [number, number];
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(options: SimNetworkOptions) {
    this.#options = options;
    this.#random = options.random.fork("network");
    this.#lossOneIn = options.lossOneIn ?? 0;
    this.#latencyMs = options.latencyMs ?? LATENCY_MS;
  }

  /** A process joins the world; a restarted one joins anew, with a new clock. */
  join(process: SimProcess): SimEndpoint {
    return new Endpoint(this, process);
  }

  /** Cuts the wire one way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  /**
   * Cuts every wire between hosts of different groups, both ways; within a group all are healed.
   */
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

  /** One way; undefined: as at the beginning. */
  setLatency(latencyMs: readonly [number, number] | undefined): void {
    this.#latencyMs = latencyMs ?? this.#options.latencyMs ?? LATENCY_MS;
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
    const [min, max] = this.#latencyMs;
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

export class Endpoint implements SimEndpoint {
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
