/**
 * Raft alone: members, each with the production machine, driver and log on a simulated disk, a
 * network that does what networks do, and clients with registers. Much faster than a whole cluster,
 * so it sees many more seeds.
 */
import { assert, must } from "@skein/common/assert";
import type { LogIndex, RaftId } from "@skein/common/ids";
import { raftId } from "@skein/common/ids";
import type { Configuration } from "@skein/manager/raft/protocol";
import { isMember, membersOf } from "@skein/manager/raft/quorum";
import type { RaftLimits } from "@skein/manager/raft/timing";
import type { ClientNode, ClientWorld } from "../clients/server.ts";
import { SimClock } from "../sim-clock.ts";
import { SimRandom } from "../sim-random.ts";
import { RaftChecks } from "../world/raft-checks.ts";
import { RaftMember } from "./raft-member.ts";
import { RaftNetwork } from "./raft-network.ts";
import { drawConfiguration, drawLimits, drawPace, drawRates } from "./raft-rates.ts";

/** Members that may join in one run, beyond the first ones. */
const JOINERS_MAX = 4;
const NOBODY: Configuration = { voters: [], learners: [], addresses: {} };

export class RaftWorld implements ClientWorld {
  readonly clock = new SimClock();
  readonly random: SimRandom;
  readonly network: RaftNetwork;
  readonly members: RaftMember[] = [];
  readonly raft = new RaftChecks();
  readonly trace: string[] = [];
  readonly first: Configuration;
  /** Members whose clocks run at another pace. */
  drifting = 0;
  readonly #limits: Partial<RaftLimits>;
  readonly #digests = new Map<LogIndex, number>();
  /** Only members are asked any more: whoever was removed answers nothing. */
  #ending = false;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    const draw = this.random.fork("world");
    this.first = drawConfiguration(draw);
    this.#limits = drawLimits(draw);
    this.network = new RaftNetwork({
      clock: this.clock,
      random: this.random.fork("network"),
      rates: drawRates(draw),
      member: (id) => this.members.find((member) => member.id === id),
    });
    for (const id of membersOf(this.first)) this.#add(id, this.first);
    this.note(`seed ${seed}: ${this.first.voters.join(" ")} ${JSON.stringify(this.network.rates)}`);
  }

  get clientNodes(): readonly ClientNode[] {
    const configuration = this.leader()?.process?.raft.status().configuration;
    if (!this.#ending || configuration === undefined) return this.members;
    return this.members.filter((member) => isMember(configuration, member.id));
  }

  /** Whoever leads in the latest term, and is not stopped. */
  leader(): RaftMember | undefined {
    return this.leaders().toSorted((a, b) => termOf(b) - termOf(a))[0];
  }

  leaders(): readonly RaftMember[] {
    return this.members.filter((member) => member.running?.raft.status().role === "leader");
  }

  any(random: SimRandom): RaftMember {
    return must(this.members[random.below(this.members.length)], "a member");
  }

  start(member: RaftMember): void {
    if (member.lives) return;
    member.start();
    for (const other of this.members) {
      if (other === member) continue;
      other.deliver(5, (process) => process.submit({ kind: "peer-linked", peer: member.id }));
      member.deliver(5, (process) => process.submit({ kind: "peer-linked", peer: other.id }));
    }
  }

  /** The others learn of it soon, or not. */
  kill(member: RaftMember, loss: "process" | "random"): void {
    if (!member.lives) return;
    member.kill(loss);
    this.#spread(member);
  }

  /** Somebody new, or one that joined before: it may be a member, or removed for good. */
  joiner(random: SimRandom): RaftId {
    const joined = this.members.length - membersOf(this.first).length;
    if (joined >= JOINERS_MAX) return this.any(random).id;
    const member = this.#add(raftId(`j${joined + 1}`), NOBODY);
    this.start(member);
    return member.id;
  }

  /** Every fault is over; from now on whoever is a member must serve. */
  heal(): void {
    this.#ending = true;
    this.network.heal();
    for (const member of this.members) {
      member.disk.disk.setFault(undefined);
      member.disk.disk.observe(undefined);
      member.disk.slowness = 1;
      member.continue();
      this.start(member);
    }
  }

  note(line: string): void {
    this.trace.push(`${this.clock.exactNow().toFixed(3)} ${line}`);
  }

  until(what: string, limitMs: number, done: () => boolean): void {
    const reached = this.clock.runWhileNot(done, limitMs);
    assert(reached, `${what}: not within ${limitMs} ms of virtual time`);
    this.note(what);
  }

  #add(id: RaftId, bootstrap: Configuration): RaftMember {
    const random = this.random.fork(id);
    const pace = drawPace(random);
    if (pace !== 100) this.drifting += 1;
    const member: RaftMember = new RaftMember({
      id,
      bootstrap,
      clock: this.clock,
      random,
      limits: this.#limits,
      pace,
      wire: this.network,
      createRaft: this.raft.create,
      ended: (reason) => {
        this.note(`${id} ended: ${reason}`);
        this.#spread(member);
      },
      applied: (index, digest) => this.#applied(id, index, digest),
      roleChanged: ({ role, term, ready }) =>
        this.note(`${id} ${role} term ${term}${ready ? " ready" : ""}`),
    });
    this.members.push(member);
    return member;
  }

  #spread(member: RaftMember): void {
    const random = this.random.fork(`death of ${member.id} at ${this.clock.now()}`);
    for (const other of this.members) {
      if (other === member || random.once(2)) continue;
      other.deliver(random.between(0, 30), (process) => {
        if (!member.lives) process.submit({ kind: "peer-gone", peer: member.id });
      });
    }
  }

  /** State machine safety, by what the state machines themselves hold. */
  #applied(id: RaftId, index: LogIndex, digest: number): void {
    const known = this.#digests.get(index) ?? digest;
    assert(known === digest, `${id} has another state at ${index}`);
    this.#digests.set(index, digest);
  }
}

function termOf(member: RaftMember): number {
  return member.process?.raft.status().term ?? 0;
}
