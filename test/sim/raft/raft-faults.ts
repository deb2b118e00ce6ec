/** What happens to the members of a Raft-only run: each kind on or off for the whole run. */
import type { MemberChange } from "@skein/manager/raft/protocol";
import type { SimRandom } from "../sim-random.ts";
import type { RaftMember } from "./raft-member.ts";
import type { RaftWorld } from "./raft-world.ts";

type Fault = (world: RaftWorld, random: SimRandom) => (() => void) | undefined;

/**
 * Longer than a write waits for its answer, so that some are told that they may still take effect.
 */
const HEALED_MS_MAX = 9000;
/** Longer than a log takes to be opened and a few writes. */
const CALLS_TO_CRASH_MAX = 60;

/** Each begins a fault and gives what ends it; undefined when there was nobody to hit. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "kill -9": (world, random) => {
    const member = victim(world, random);
    world.kill(member, "process");
    return () => world.start(member);
  },
  "power cut": (world, random) => {
    const member = victim(world, random);
    world.kill(member, "random");
    return () => world.start(member);
  },
  "power cut of all": (world) => {
    for (const member of world.members) world.kill(member, "random");
    return () => {
      for (const member of world.members) world.start(member);
    };
  },
  "crash at a disk call": (world, random) => {
    const member = victim(world, random);
    let calls = random.between(1, CALLS_TO_CRASH_MAX);
    const loss = random.once(4) ? "process" : "random";
    member.disk.disk.observe(() => {
      calls -= 1;
      if (calls !== 0) return;
      member.disk.disk.observe(undefined);
      // Before the call completes.
      world.clock.after(0, () => world.kill(member, loss));
    });
    return () => {
      member.disk.disk.observe(undefined);
      world.start(member);
    };
  },
  "failed sync": (world, random) => {
    const member = victim(world, random);
    let calls = random.between(1, CALLS_TO_CRASH_MAX);
    member.disk.disk.setFault((call) => {
      if (!call.isSynced) return undefined;
      calls -= 1;
      return calls <= 0 ? "io" : undefined;
    });
    return () => {
      member.disk.disk.setFault(undefined);
      world.start(member);
    };
  },
  "slow disk": (world, random) => {
    const member = victim(world, random);
    member.disk.slowness = random.between(5, 200);
    return () => {
      member.disk.slowness = 1;
    };
  },
  "stopped process": (world, random) => {
    const member = victim(world, random);
    member.stop();
    return () => member.continue();
  },
  "stopped majority": (world, random) => {
    const voters = world.leader()?.process?.raft.status().configuration.voters ?? [];
    const count = Math.floor(voters.length / 2) + 1;
    const from = random.below(Math.max(1, voters.length));
    const chosen = [...voters.slice(from), ...voters.slice(0, from)].slice(0, count);
    const stopped = world.members.filter((member) => chosen.includes(member.id));
    for (const member of stopped) member.stop();
    return () => {
      for (const member of stopped) member.continue();
    };
  },
  "one alone": (world, random) => {
    const alone = victim(world, random);
    for (const other of world.members) separate(world, alone, other);
    return () => world.network.heal();
  },
  "split in two": (world, random) => {
    const side = new Set(world.members.filter(() => random.once(2)));
    for (const one of side) {
      for (const other of world.members) if (!side.has(other)) separate(world, one, other);
    }
    return () => world.network.heal();
  },
  "one-way cut": (world, random) => {
    const [from, to] = [victim(world, random), world.any(random)];
    world.network.cut(from.id, to.id);
    return () => world.network.heal(from.id, to.id);
  },
  "deaf member": (world, random) => {
    const deaf = victim(world, random);
    for (const other of world.members) world.network.cut(other.id, deaf.id);
    return () => world.network.heal();
  },
  "mute member": (world, random) => {
    const mute = victim(world, random);
    for (const other of world.members) world.network.cut(mute.id, other.id);
    return () => world.network.heal();
  },
  "lost packets": (world, random) => {
    const { rates } = world.network;
    world.network.rates = { ...rates, loses: random.between(1000, 6000) };
    return () => {
      world.network.rates = { ...world.network.rates, loses: rates.loses };
    };
  },
  "false death": (world, random) => {
    const peer = victim(world, random).id;
    world.any(random).deliver(0, (process) => process.submit({ kind: "peer-gone", peer }));
    return undefined;
  },
  // A living leader is taken for dead by all and hears nothing new; what is under way to it still
  // arrives: the worst case for whoever would answer reads out of old confirmations.
  coup: (world) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    for (const other of world.members) {
      separate(world, leader, other);
      other.deliver(0, (process) => process.submit({ kind: "peer-gone", peer: leader.id }));
    }
    return () => world.network.heal();
  },
  transfer: (world) => {
    world.leader()?.deliver(0, (process) => process.submit({ kind: "transfer" }));
    return undefined;
  },
  snapshot: (world, random) => {
    const kept = random.between(0, 5);
    victim(world, random).deliver(0, (process) => process.compact(kept));
    return undefined;
  },
  change: (world, random) => {
    // Whoever takes itself for the leader is asked, too.
    const leaders = world.leaders();
    const leader = leaders[random.below(Math.max(1, leaders.length))];
    const change = leader === undefined ? undefined : drawChange(world, random, leader);
    if (change !== undefined) leader?.deliver(0, (process) => process.change(change));
    return undefined;
  },
};

export const FAULT_KINDS = Object.keys(FAULTS);

/** Draws which kinds this run has, and runs faults for so long, healing each after a while. */
export function plague(world: RaftWorld, milliseconds: number): Readonly<Record<string, number>> {
  const random = world.random.fork("faults");
  const counts = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0]));
  const kinds = FAULT_KINDS.filter(() => random.once(2));
  const pauseMsMax = random.between(200, 2500);
  const togetherMax = random.between(1, 4);
  world.note(`faults: ${kinds.join(", ")}`);
  const healMsMax = random.between(200, HEALED_MS_MAX);
  const end = world.clock.now() + milliseconds;
  const heals = new Set<() => void>();
  while (world.clock.now() < end) {
    world.clock.runFor(random.between(20, pauseMsMax));
    const kind = kinds[random.below(Math.max(1, kinds.length))];
    const fault = kind === undefined ? undefined : FAULTS[kind];
    // A cluster that never stands on its feet shows nothing of how it walks.
    if (kind === undefined || fault === undefined || heals.size >= togetherMax) continue;
    world.note(`fault: ${kind}`);
    counts[kind] = (counts[kind] ?? 0) + 1;
    const heal = fault(world, random);
    if (heal === undefined) continue;
    const once = (): void => {
      if (!heals.delete(once)) return;
      world.note(`healed: ${kind}`);
      heal();
    };
    heals.add(once);
    world.clock.after(random.between(20, healMsMax), once);
  }
  for (const heal of [...heals]) heal();
  return counts;
}

/** Who is hit at random is seldom the leader; half of the time it is meant to be. */
function victim(world: RaftWorld, random: SimRandom): RaftMember {
  const leader = random.once(2) ? world.leader() : undefined;
  return leader ?? world.any(random);
}

function separate(world: RaftWorld, one: RaftMember, other: RaftMember): void {
  if (one === other) return;
  world.network.cut(one.id, other.id);
  world.network.cut(other.id, one.id);
}

/** Sensible or not: what makes no sense must be refused. */
function drawChange(
  world: RaftWorld,
  random: SimRandom,
  leader: RaftMember,
): MemberChange | undefined {
  const configuration = leader.process?.raft.status().configuration;
  if (configuration === undefined) return undefined;
  const { voters, learners } = configuration;
  const { id } = world.any(random);
  const kind = random.below(voters.length < 3 ? 3 : 5);
  if (kind === 0) {
    return { kind: "add-learner", id: world.joiner(random), nodeId: "", address: "" };
  }
  if (kind <= 2) {
    return { kind: "promote", id: learners[random.below(Math.max(1, learners.length))] ?? id };
  }
  return { kind: kind === 3 ? "demote" : "remove", id };
}
