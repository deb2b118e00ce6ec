/**
 * Several members on one virtual clock, with a network the test can cut. Messages arrive at once
 * and in order unless the test holds them back; every step is checked against the cluster's
 * invariants.
 */
import { must } from "@skein/common/assert";
import { compareIds } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";
import { instant, later } from "@skein/common/time";
import type { ClusterInvariants } from "../invariants.ts";
import { createClusterInvariants } from "../invariants.ts";
import type { RaftMessage } from "../protocol.ts";
import { seededRandom } from "./random.ts";
import type { MemberOptions, Sent } from "./test-member.ts";
import { TestMember } from "./test-member.ts";

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly message: RaftMessage;
}

/** A cluster does not come to rest within this many messages: it would never. */
const DELIVERIES_MAX = 20_000;

export class TestCluster {
  now: Instant = instant(0);
  /** Packets under way. A test may take some out and put them back later. */
  packets: Packet[] = [];
  readonly members = new Map<string, TestMember>();
  readonly invariants: ClusterInvariants;
  readonly #cuts = new Set<string>();

  /** One member per id; `each` changes the options of single ones. */
  constructor(
    ids: readonly string[],
    shared: MemberOptions = {},
    each: Readonly<Record<string, MemberOptions>> = {},
  ) {
    this.invariants = createClusterInvariants(
      (id, index, term) => this.members.get(id)?.disk.holds(index, term) ?? false,
    );
    const learners = shared.learners ?? [];
    const voters = ids.filter((id) => !learners.includes(id));
    ids.forEach((id, at) => {
      const random = seededRandom(at + 1);
      this.add(new TestMember({ voters, random, ...shared, ...each[id], id }));
    });
  }

  add(member: TestMember): void {
    this.members.set(member.id, member);
    member.now = this.now;
    this.invariants.started(member.raft);
    member.observer = {
      stepped: (raft, effects) => this.invariants.stepped(raft, effects),
      released: (from, sent) => this.#released(from, sent),
    };
    member.step({ kind: "wake" });
  }

  member(id: string): TestMember {
    return must(this.members.get(id), id);
  }

  /** Cuts one direction. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  isolate(id: string): void {
    for (const other of this.members.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** Delivers what is under way, and what it causes, until nothing is. */
  settle(): void {
    for (let count = 0; this.packets.length > 0; count += 1) {
      if (count > DELIVERIES_MAX) throw new Error("the cluster does not come to rest");
      const packet = must(this.packets.shift(), "a packet");
      this.deliver(packet);
    }
  }

  deliver(packet: Packet): void {
    if (this.#cuts.has(`${packet.from}>${packet.to}`)) return;
    const member = this.members.get(packet.to);
    if (member === undefined) return;
    member.now = this.now;
    member.receive(packet.from, packet.message);
  }

  /** Takes packets out of the network. */
  hold(which: (packet: Packet) => boolean): readonly Packet[] {
    const held = this.packets.filter(which);
    this.packets = this.packets.filter((packet) => !which(packet));
    return held;
  }

  /** Lets time pass for everybody, delivering as it goes. */
  advance(milliseconds: number): void {
    const end = later(this.now, milliseconds);
    this.settle();
    for (let next = this.#nextWake(); next !== undefined; next = this.#nextWake()) {
      const at = must(next.raft.wakeAt(), "a wake");
      if (at > end) break;
      if (at > this.now) this.now = at;
      next.now = this.now;
      next.step({ kind: "wake" });
      this.settle();
    }
    this.now = end;
    for (const member of this.members.values()) member.now = end;
  }

  /** Lets `id` campaign until it leads, while nobody else wakes. */
  elect(id: string): TestMember {
    const member = this.member(id);
    for (let tries = 0; tries < 4 && member.status.role !== "leader"; tries += 1) {
      const at = must(member.raft.wakeAt(), "an election timeout");
      if (at > this.now) this.now = at;
      member.now = this.now;
      member.step({ kind: "wake" });
      this.settle();
    }
    if (member.status.role !== "leader") throw new Error(`${id} was not elected`);
    return member;
  }

  leaders(): readonly string[] {
    const leaders = [...this.members.values()].filter((member) => member.status.role === "leader");
    return leaders.map((member) => member.id).sort(compareIds);
  }

  /** The one leader of the highest term. */
  leader(): TestMember {
    const leaders = this.leaders().map((id) => this.member(id));
    leaders.sort((a, b) => b.status.term - a.status.term);
    return must(leaders[0], "a leader");
  }

  #nextWake(): TestMember | undefined {
    let first: TestMember | undefined;
    let firstAt = Number.POSITIVE_INFINITY;
    for (const member of this.members.values()) {
      const at = member.raft.wakeAt();
      if (at === undefined || at >= firstAt) continue;
      [first, firstAt] = [member, at];
    }
    return first;
  }

  #released(from: string, sent: Sent): void {
    const { to, message } = sent;
    this.invariants.released(must(this.members.get(from), from).id, to, message);
    this.packets.push({ from, to, message });
  }
}
