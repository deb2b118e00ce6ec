/**
 * A world of gossip members under one clock and one seed, and what it observes: who believes what
 * and since when, and every live member that was taken for dead.
 */
import { memberFact } from "@skein/common/gossip/member-facts";
import type { Fact, GossipEffect } from "@skein/common/gossip/protocol";
import { MEMBERS_OWNER } from "@skein/common/gossip/protocol";
import { rootOf } from "@skein/common/gossip/state";
import type { NodeId } from "@skein/common/ids";
import { nodeId } from "@skein/common/ids";
import { SimClock } from "../sim-clock.ts";
import { SimRandom } from "../sim-random.ts";
import { Fabric } from "./fabric.ts";
import { SimMember } from "./sim-member.ts";

export interface FalseDeath {
  readonly at: number;
  readonly by: NodeId;
  readonly subject: NodeId;
}

export class GossipWorld {
  readonly clock = new SimClock();
  readonly random: SimRandom;
  readonly fabric: Fabric;
  readonly members: SimMember[] = [];
  /** Members taken for dead that ran, or had stood still for less than three seconds. */
  readonly falseDeaths: FalseDeath[] = [];
  readonly #byId = new Map<NodeId, SimMember>();
  #index = 0;
  #roster: NodeId[] = [];
  /** The roster as facts: one list for all, or a large world does not fit into memory. */
  #facts: readonly Fact[] | undefined;
  /** Called at each change of what a member shows its readers. */
  onChange: (member: SimMember, effect: Extract<GossipEffect, { kind: "changed" }>) => void = () =>
    undefined;

  constructor(seed: number, count: number) {
    this.random = new SimRandom(seed);
    this.fabric = new Fabric(this.clock, this.random);
    for (let number = 0; number < count; number += 1) this.add();
  }

  /** A process is there; `admit` makes it a member. */
  add(): SimMember {
    const id = nodeId(`n${String(this.members.length).padStart(4, "0")}`);
    const member = new SimMember(id, this.fabric, {
      find: (other) => this.#byId.get(other),
      noted: (by, effect) => this.#noted(by, effect),
    });
    this.members.push(member);
    this.#byId.set(id, member);
    this.#roster.push(id);
    this.#facts = undefined;
    member.start();
    return member;
  }

  member(number: number): SimMember {
    const member = this.members[number];
    if (member === undefined) throw new Error(`no member ${number}`);
    return member;
  }

  /** The store's word reaches these, all by default. */
  admit(to: readonly SimMember[] = this.members): void {
    this.#index += 1;
    for (const member of to) this.tellRoster(member);
  }

  tellRoster(member: SimMember): void {
    this.#facts ??= this.#roster.map((id) =>
      memberFact(id, { name: id, role: "worker", address: id }),
    );
    const put = this.#facts;
    const told = { kind: "store", owner: MEMBERS_OWNER, complete: true, remove: [] } as const;
    member.submit({ ...told, index: this.#index, put });
  }

  remove(member: SimMember): void {
    this.#roster = this.#roster.filter((id) => id !== member.id);
    this.#facts = undefined;
  }

  settle(milliseconds = 5000): void {
    this.clock.runFor(milliseconds, 1e9);
  }

  live(): readonly SimMember[] {
    return this.members.filter((member) => member.isUp() && this.#roster.includes(member.id));
  }

  believes(by: SimMember, subject: SimMember): "alive" | "suspect" | "dead" | "unknown" {
    return by.gossip.inspect().members.get(subject.id)?.state ?? "unknown";
  }

  /** Milliseconds until every live member but the subject takes it for dead; undefined: never. */
  untilAllBelieveDead(subject: SimMember, limitMs: number): number | undefined {
    const began = this.clock.exactNow();
    const knows = (by: SimMember): boolean =>
      by === subject || !by.isRunning() || this.believes(by, subject) === "dead";
    const done = allOf(this.live(), knows);
    return this.clock.runWhileNot(done, limitMs) ? this.clock.exactNow() - began : undefined;
  }

  /** Milliseconds until every live member shows this value. */
  untilAllSee(owner: SimMember, key: string, value: string, limitMs: number): number | undefined {
    const began = this.clock.exactNow();
    const sees = (by: SimMember): boolean =>
      by.gossip.inspect().spaces.value(owner.id, key) === value && !this.#isHidden(by, owner);
    const done = allOf(this.live(), sees);
    return this.clock.runWhileNot(done, limitMs) ? this.clock.exactNow() - began : undefined;
  }

  /** Undefined: all live members know the same, and it is the truth. Else what differs. */
  difference(): string | undefined {
    const live = this.live();
    const [first] = live;
    if (first === undefined) return undefined;
    const root = rootOf(first.gossip.inspect()).join();
    for (const by of live) {
      if (rootOf(by.gossip.inspect()).join() !== root) return `${by.id} differs from ${first.id}`;
      for (const id of this.#roster) {
        const subject = this.#byId.get(id);
        const up = subject?.isUp() === true;
        const state = by.gossip.inspect().members.get(id)?.state;
        if ((state === "alive") !== up) return `${by.id} takes ${id} for ${state}`;
        // Equal roots are equal versions: of a large world a sample of the values will do.
        const looksAt = live.length <= 200 || this.random.below(live.length) === 0;
        if (up && looksAt && this.#valuesAt(by, id) !== this.#valuesAt(subject, id)) {
          return `${by.id} has other values of ${id}`;
        }
      }
    }
    return undefined;
  }

  /** Milliseconds until `difference` finds none; looked at every 50 ms. */
  untilEqual(limitMs: number): number | undefined {
    const began = this.clock.exactNow();
    while (this.clock.exactNow() - began <= limitMs) {
      if (this.difference() === undefined) return this.clock.exactNow() - began;
      this.clock.runFor(50, 1e9);
    }
    return undefined;
  }

  check(): void {
    for (const member of this.live()) member.check();
  }

  #valuesAt(by: SimMember, owner: NodeId): string {
    return JSON.stringify(by.gossip.values(owner));
  }

  #isHidden(by: SimMember, owner: SimMember): boolean {
    return this.believes(by, owner) === "dead";
  }

  #noted(by: SimMember, effect: GossipEffect): void {
    if (effect.kind === "changed") {
      this.onChange(by, effect);
      if (!effect.members) return;
      for (const subject of effect.owners) this.#watch(by, subject);
    }
  }

  #watch(by: SimMember, subject: NodeId): void {
    if (subject === MEMBERS_OWNER || this.#byId.get(subject)?.isWell() !== true) return;
    const { members } = by.gossip.inspect();
    const believed = members.get(subject);
    if (believed?.state !== "dead" || believed.evidence === "left") return;
    this.falseDeaths.push({ at: this.clock.exactNow(), by: by.id, subject });
  }
}

/** True once each was found to satisfy it. Looks at one at a time, for it is asked often. */
function allOf<T>(items: readonly T[], holds: (item: T) => boolean): () => boolean {
  const missing = [...items];
  return () => {
    for (let last = missing.at(-1); last !== undefined; last = missing.at(-1)) {
      if (!holds(last)) return false;
      missing.pop();
    }
    return true;
  };
}
