/**
 * Gossip in the simulator, and memberlist's rules on the same clock under the same faults: an
 * update, a kill and a freeze known to all, an update while others write and one member comes and
 * goes, the state of those who were cut off for 30 s, and live members taken for dead while 4 % are
 * starved. Every figure stands beside what was aimed at.
 */
import type { Strategy } from "../../test/sim/gossip/strategy.ts";
import { churn, starve, untilAll } from "../../test/sim/gossip/strategy.ts";
import { memberlistStrategy } from "../../test/sim/gossip/strategy-memberlist.ts";
import { ourStrategy } from "../../test/sim/gossip/strategy-ours.ts";
import { report } from "./report.ts";

const SEED = 7;
const LIMIT_MS = 120_000;
const STARVED_MS = 60_000;
const CUT_MS = 30_000;
/** Updates cost no virtual time to speak of. */
const UPDATES_A_ROUND = 10;

const TIMES = ["update", "update under churn", "kill", "freeze", "state after a cut"] as const;
type Timed = (typeof TIMES)[number];

interface Figures {
  readonly times: Readonly<Record<Timed, number[]>>;
  idleBytes: number;
  falseDeaths: number;
}

/** Aims at p50 and p99, by members: docs/design/gossip.md. */
const TARGETS: Readonly<Record<number, Readonly<Record<Timed, readonly [number, number]>>>> = {
  3: targets([15, 50], [30, 150], [400, 800], [3000, 4500], [2000, 2000]),
  25: targets([30, 100], [60, 300], [500, 900], [3200, 5000], [2000, 2000]),
  100: targets([50, 150], [100, 500], [600, 1000], [3300, 5000], [3000, 3000]),
  1000: targets([100, 300], [200, 1000], [800, 1500], [3500, 6000], [5000, 5000]),
};

function targets(...pairs: readonly (readonly [number, number])[]) {
  const of = (at: number): readonly [number, number] => pairs[at] ?? [0, 0];
  return {
    update: of(0),
    "update under churn": of(1),
    kill: of(2),
    freeze: of(3),
    "state after a cut": of(4),
  };
}

/** `npm run bench -- gossip-sim ROUNDS`; `gossip-sim-1000`, `gossip-sim-5000` for large sizes. */
export function benchGossipSim(
  sizes: readonly number[],
  rounds: number,
  withPeer = true,
): Promise<void> {
  for (const size of sizes) {
    const began = Date.now();
    const ours = measure(ourStrategy(SEED, size), rounds);
    const theirs = withPeer ? measure(memberlistStrategy(SEED, size), rounds) : undefined;
    for (const what of TIMES) tellTimes(size, what, ours, theirs);
    tell(size, "live ones taken for dead in 60 s with 4 % starved", "times", {
      ours: ours.falseDeaths,
      theirs: theirs?.falseDeaths,
    });
    const [idle, theirIdle] = [ours.idleBytes, theirs?.idleBytes];
    tell(size, "an idle one sends", "B/s", { ours: idle, theirs: theirIdle });
    console.error(`${size} members: ${Math.round((Date.now() - began) / 1000)} s of real time`);
  }
  return Promise.resolve();
}

function measure(strategy: Strategy, rounds: number): Figures {
  const times: Record<Timed, number[]> = {
    update: [],
    "update under churn": [],
    kill: [],
    freeze: [],
    "state after a cut": [],
  };
  const { clock, size } = strategy;
  const before = strategy.bytes();
  clock.runFor(10_000, 1e9);
  const idleBytes = Math.round((strategy.bytes() - before) / 10 / size);
  for (let round = 0; round < rounds; round += 1) {
    times.update.push(...updates(strategy, round));
    times.kill.push(killed(strategy, (round * 7 + 1) % size));
    times.freeze.push(frozen(strategy, (round * 5 + 2) % size));
  }
  times["update under churn"].push(...churned(strategy, rounds));
  // Each costs half a minute of every member.
  for (let round = 0; round < Math.min(3, rounds); round += 1) {
    times["state after a cut"].push(cut(strategy));
  }
  return { times, idleBytes, falseDeaths: starved(strategy) };
}

function updates(strategy: Strategy, round: number): readonly number[] {
  return Array.from({ length: UPDATES_A_ROUND }, (_, at) => {
    const sees = strategy.write((round * UPDATES_A_ROUND + at) % strategy.size);
    const took = untilAll(strategy, sees, LIMIT_MS) ?? LIMIT_MS;
    strategy.clock.runFor(300, 1e9);
    return took;
  });
}

function killed(strategy: Strategy, victim: number): number {
  strategy.kill(victim);
  const knows = (by: number): boolean => strategy.takesForDead(by, victim);
  const took = untilAll(strategy, knows, LIMIT_MS) ?? LIMIT_MS;
  strategy.start(victim);
  strategy.clock.runFor(11_000, 1e9);
  return took;
}

function frozen(strategy: Strategy, victim: number): number {
  strategy.stop(victim);
  const knows = (by: number): boolean => strategy.takesForDead(by, victim);
  const took = untilAll(strategy, knows, LIMIT_MS) ?? LIMIT_MS;
  strategy.continue(victim);
  strategy.clock.runFor(11_000, 1e9);
  return took;
}

/** Also one message in a hundred is lost. */
function churned(strategy: Strategy, rounds: number): readonly number[] {
  strategy.lossOneIn = 100;
  const flapper = strategy.size - 1;
  const turmoil = churn(strategy, flapper, SEED);
  strategy.clock.runFor(2000, 1e9);
  const times = Array.from({ length: rounds * UPDATES_A_ROUND }, (_, at) => {
    const sees = strategy.write(at % (strategy.size - 1));
    const holds = (by: number): boolean => by === flapper || sees(by);
    const took = untilAll(strategy, holds, LIMIT_MS) ?? LIMIT_MS;
    strategy.clock.runFor(100, 1e9);
    return took;
  });
  turmoil.end();
  strategy.lossOneIn = 0;
  strategy.clock.runFor(15_000, 1e9);
  return times;
}

/** A third of a few, a tenth of many; what one of them writes meanwhile must reach everybody. */
function cut(strategy: Strategy): number {
  const { clock, size } = strategy;
  const count = Math.max(1, Math.floor(size < 100 ? size / 3 : size / 10));
  strategy.cutOff(new Set(Array.from({ length: count }, (_, number) => number)));
  clock.runFor(CUT_MS - 1000, 1e9);
  const sees = strategy.write(0);
  clock.runFor(1000, 1e9);
  strategy.heal();
  const holds = (by: number): boolean => sees(by) && !strategy.takesForDead(by, 0);
  const took = untilAll(strategy, holds, LIMIT_MS) ?? LIMIT_MS;
  clock.runFor(15_000, 1e9);
  return took;
}

function starved(strategy: Strategy): number {
  const before = strategy.falseDeaths();
  const few = Math.max(1, Math.round(strategy.size * 0.04));
  const members = Array.from({ length: few }, (_, number) => number);
  const starving = starve(strategy, members, SEED);
  strategy.clock.runFor(STARVED_MS, 1e9);
  starving.end();
  return strategy.falseDeaths() - before;
}

function tellTimes(size: number, what: Timed, ours: Figures, theirs: Figures | undefined): void {
  const [mine, other] = [sorted(ours.times[what]), sorted(theirs?.times[what] ?? [])];
  const [p50, p99] = TARGETS[size]?.[what] ?? [];
  const known = what.startsWith("update") || what.startsWith("state") ? "at all" : "known to all";
  const peer =
    theirs === undefined
      ? null
      : { name: "memberlist's rules", value: at(other, 0.5), p99: at(other, 0.99) };
  report({
    bench: "gossip-sim",
    case: `${size} members, ${what} ${known}`,
    unit: "ms",
    better: "lower",
    ours: at(mine, 0.5),
    p50: at(mine, 0.5),
    p99: at(mine, 0.99),
    samples: mine.length,
    ...(p50 === undefined || p99 === undefined ? {} : { target: { p50, p99 } }),
    peer,
  });
}

function tell(
  size: number,
  what: string,
  unit: string,
  { ours, theirs }: { readonly ours: number; readonly theirs: number | undefined },
): void {
  const peer = theirs === undefined ? null : { name: "memberlist's rules", value: theirs };
  const base = { bench: "gossip-sim", case: `${size} members, ${what}`, unit } as const;
  report({ ...base, better: "lower", ours, peer });
}

function sorted(values: readonly number[]): readonly number[] {
  return values.map(Math.round).sort((a, b) => a - b);
}

function at(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)] ?? Number.NaN;
}
