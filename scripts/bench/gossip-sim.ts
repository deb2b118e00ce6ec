/**
 * Gossip in the simulator, and memberlist's rules on the same clock: an update known to all, a kill
 * known to all, a freeze known to all, and live members taken for dead while 4 % are starved.
 */
import { GossipWorld } from "../../test/sim/gossip/gossip-world.ts";
import type { MemberlistMember } from "../../test/sim/gossip/memberlist.ts";
import { MemberlistWorld } from "../../test/sim/gossip/memberlist.ts";
import { SimClock } from "../../test/sim/sim-clock.ts";
import { SimRandom } from "../../test/sim/sim-random.ts";
import { report } from "./report.ts";

const SEED = 7;
const LIMIT_MS = 120_000;
const STARVED_MS = 60_000;

interface Figures {
  readonly update: readonly number[];
  readonly kill: readonly number[];
  readonly freeze: readonly number[];
  readonly falseDeaths: number;
}

/** `npm run bench -- gossip-sim ROUNDS`, or `gossip-sim-1000` for the large size. */
export function benchGossipSim(sizes: readonly number[], rounds: number): Promise<void> {
  for (const size of sizes) {
    const ours = measureOurs(size, rounds);
    const theirs = measureMemberlist(size, rounds);
    for (const name of ["update", "kill", "freeze"] as const) {
      const text = `${size} members, ${name} known to all`;
      const [mine, other] = [sorted(ours[name]), sorted(theirs[name])];
      const peer = { name: "memberlist's rules", value: at(other, 0.5) };
      const base = { bench: "gossip-sim", case: text, unit: "ms", better: "lower" } as const;
      const shares = { p50: at(mine, 0.5), p99: at(mine, 0.99), samples: mine.length };
      report({ ...base, ours: at(mine, 0.5), ...shares, peer });
    }
    report({
      bench: "gossip-sim",
      case: `${size} members, live ones taken for dead in 60 s with 4 % starved`,
      unit: "times",
      better: "lower",
      ours: ours.falseDeaths,
      peer: { name: "memberlist's rules", value: theirs.falseDeaths },
    });
    report({
      bench: "gossip-sim",
      case: `${size} members, an idle one sends`,
      unit: "B/s",
      better: "lower",
      ours: ours.bytesPerSecond,
      peer: null,
    });
  }
  return Promise.resolve();
}

function measureOurs(size: number, rounds: number): Figures & { readonly bytesPerSecond: number } {
  const figures = { update: [] as number[], kill: [] as number[], freeze: [] as number[] };
  const world = new GossipWorld(SEED, size);
  world.admit();
  world.settle(5000);
  const before = world.fabric.bytes;
  world.settle(10_000);
  const bytesPerSecond = Math.round((world.fabric.bytes - before) / 10 / size);
  for (let round = 0; round < rounds; round += 1) {
    const owner = world.member(round % size);
    owner.submit({ kind: "write", key: "k", value: `v${round}` });
    figures.update.push(world.untilAllSee(owner, "k", `v${round}`, LIMIT_MS) ?? LIMIT_MS);
    world.settle(300);
    const victim = world.member((round * 7 + 1) % size);
    victim.kill();
    figures.kill.push(world.untilAllBelieveDead(victim, LIMIT_MS) ?? LIMIT_MS);
    victim.start();
    world.tellRoster(victim);
    world.settle(11_000);
    const frozen = world.member((round * 5 + 2) % size);
    frozen.stop();
    figures.freeze.push(world.untilAllBelieveDead(frozen, LIMIT_MS) ?? LIMIT_MS);
    frozen.continue();
    world.settle(11_000);
  }
  const falseBefore = world.falseDeaths.length;
  starve(world.clock, world.members.slice(0, Math.max(1, Math.round(size * 0.04))));
  world.settle(STARVED_MS);
  return { ...figures, falseDeaths: world.falseDeaths.length - falseBefore, bytesPerSecond };
}

function measureMemberlist(size: number, rounds: number): Figures {
  const figures = { update: [] as number[], kill: [] as number[], freeze: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const world = new MemberlistWorld(new SimClock(), SEED + round, size);
    world.clock.runFor(3000, 1e9);
    const owner = member(world, 0);
    owner.write();
    const updated = (one: MemberlistMember): boolean => (one.known[0]?.version ?? 0) > 0;
    figures.update.push(until(world, updated));
    member(world, 1).dead = true;
    figures.kill.push(until(world, (one) => one.known[1]?.state === "dead" || one.number === 1));
    member(world, 2 % size).stopped = true;
    const gone = new Set([1, 2 % size]);
    const knows = (one: MemberlistMember): boolean =>
      gone.has(one.number) || one.known[2 % size]?.state === "dead";
    figures.freeze.push(until(world, knows));
  }
  const world = new MemberlistWorld(new SimClock(), SEED, size);
  const few = world.members.slice(0, Math.max(1, Math.round(size * 0.04)));
  starve(
    world.clock,
    few.map((one) => ({
      stop: () => {
        one.stopped = true;
      },
      continue: () => one.continue(),
    })),
  );
  world.clock.runFor(STARVED_MS, 1e9);
  return { ...figures, falseDeaths: world.falseDeaths };
}

function member(world: MemberlistWorld, number: number): MemberlistMember {
  const found = world.members[number];
  if (found === undefined) throw new Error(`no member ${number}`);
  return found;
}

function until(world: MemberlistWorld, holds: (one: MemberlistMember) => boolean): number {
  const began = world.clock.exactNow();
  const missing = [...world.members];
  const done = (): boolean => {
    for (let last = missing.at(-1); last !== undefined; last = missing.at(-1)) {
      if (!holds(last)) return false;
      missing.pop();
    }
    return true;
  };
  world.clock.runWhileNot(done, LIMIT_MS);
  return world.clock.exactNow() - began;
}

/** Stands still for 0.2 to 2 s, runs for 20 to 400 ms, and so on. */
function starve(clock: SimClock, members: readonly { stop(): void; continue(): void }[]): void {
  const random = new SimRandom(SEED);
  for (const one of members) {
    const turn = (): void => {
      one.stop();
      clock.after(random.between(200, 2000), () => {
        one.continue();
        clock.after(random.between(20, 400), turn);
      });
    };
    turn();
  }
}

function sorted(values: readonly number[]): readonly number[] {
  return values.map(Math.round).sort((a, b) => a - b);
}

function at(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)] ?? Number.NaN;
}
