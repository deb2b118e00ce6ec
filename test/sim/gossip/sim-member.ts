/** One simulated gossip member: the production machine and driver on a process of the world. */

import { describeGossip } from "@skein/common/gossip/describe";
import { createGossip, type Gossip } from "@skein/common/gossip/gossip";
import { checkGossipInvariants } from "@skein/common/gossip/invariants";
import type { GossipEffect, GossipInput } from "@skein/common/gossip/protocol";
import { Driver } from "@skein/common/host/driver";
import type { NodeId } from "@skein/common/ids";
import type { LinkEnd } from "@skein/common/io/network";
import type { GossipMessage } from "@skein/common/wire/gossip-messages";
import type { SimProcessClock } from "../sim-clock.ts";
import type { Fabric, Pair } from "./fabric.ts";

/** What README and the tests promise: a process stopped for less is not taken for dead. */
const WELL_MS = 3000;

export interface MemberHooks {
  readonly find: (id: NodeId) => SimMember | undefined;
  readonly noted: (member: SimMember, effect: GossipEffect) => void;
}

export class SimMember {
  readonly id: NodeId;
  readonly #fabric: Fabric;
  readonly #hooks: MemberHooks;
  readonly #pairs = new Map<number, Pair>();
  #clock: SimProcessClock | undefined;
  #driver: Driver<GossipInput, GossipEffect> | undefined;
  #gossip: Gossip | undefined;
  #incoming = 0;
  #lives = 0;
  stoppedAt: number | undefined;
  /** Everything reaches it so much later: a machine without processor time. */
  slowMs = 0;
  sent = 0;

  constructor(id: NodeId, fabric: Fabric, hooks: MemberHooks) {
    this.id = id;
    this.#fabric = fabric;
    this.#hooks = hooks;
  }

  get gossip(): Gossip {
    if (this.#gossip === undefined) throw new Error(`${this.id} was never started`);
    return this.#gossip;
  }

  start(): void {
    this.#lives += 1;
    const clock = this.#fabric.clock.process({ instantOffsetMs: 1000 * this.#lives });
    const random = this.#fabric.random.fork(`${this.id} ${this.#lives}`);
    const epoch = 1_000_000 + Math.floor(this.#fabric.clock.exactNow());
    this.#clock = clock;
    this.#gossip = createGossip({ self: this.id, epoch, now: clock.now(), random });
    const host = {
      timing: () => "now" as const,
      perform: (effect: GossipEffect) => this.#perform(effect),
    };
    this.#driver = new Driver(this.#gossip, host, clock);
    this.#driver.submit({ kind: "wake" });
  }

  submit(input: GossipInput): void {
    if (this.isUp()) this.#driver?.submit(input);
  }

  isUp(): boolean {
    return this.#clock !== undefined && this.#clock.state() !== "dead";
  }

  isRunning(): boolean {
    return this.#clock?.state() === "running";
  }

  /** kill -9. */
  kill(): void {
    this.#driver?.close();
    for (const pair of this.#pairs.values()) pair.close(this);
    this.#pairs.clear();
    this.#clock?.kill();
  }

  /** SIGSTOP, or an event loop that does not turn. */
  stop(): void {
    this.stoppedAt ??= this.#fabric.clock.exactNow();
    this.#clock?.stop();
  }

  continue(): void {
    this.stoppedAt = undefined;
    this.#clock?.continue();
  }

  /** Runs, or has stood still for a shorter time than anybody may be condemned for. */
  isWell(): boolean {
    const { stoppedAt } = this;
    return this.isUp() && (stoppedAt === undefined || this.#now() - stoppedAt < WELL_MS);
  }

  #now(): number {
    return this.#fabric.clock.exactNow();
  }

  deliver(delayMs: number, what: () => void): void {
    this.#clock?.deliver(delayMs + this.slowMs, what);
  }

  incoming(): number {
    this.#incoming += 2;
    return this.#incoming;
  }

  opened(pair: Pair, link: number, peer: SimMember, dialled: boolean): void {
    this.#pairs.set(link, pair);
    this.submit({ kind: "opened", link, nodeId: peer.id, dialled });
  }

  received(link: number, message: GossipMessage): void {
    this.submit({ kind: "received", link, message });
  }

  closed(link: number, end: LinkEnd["kind"]): void {
    this.#pairs.delete(link);
    this.submit({ kind: "closed", link, end });
  }

  /** A broken invariant is shown with all that the member knows. */
  check(): void {
    try {
      checkGossipInvariants(this.gossip);
    } catch (error) {
      throw new Error(describeGossip(this.gossip), { cause: error });
    }
  }

  #perform(effect: GossipEffect): void {
    switch (effect.kind) {
      case "dial": {
        const peer = this.#hooks.find(effect.nodeId);
        if (peer !== undefined) this.#fabric.dial(this, peer, effect.link);
        return;
      }
      case "send":
        this.sent += 1;
        this.#pairs.get(effect.link)?.send(this, effect.message);
        return;
      case "close":
        this.#pairs.get(effect.link)?.close(this);
        this.#pairs.delete(effect.link);
        return;
      default:
        this.#hooks.noted(this, effect);
    }
  }
}
