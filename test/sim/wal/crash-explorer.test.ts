/**
 * Cuts a random workload off at every single call to the disk, in every way a crash may end it, and
 * recovers: all that was acknowledged is there, nothing is invented, and what was recovered stays.
 *
 * More seeds: WAL_SEEDS=100 (or WAL_FIRST_SEED=17 WAL_SEEDS=1) node --import tsx
 * node_modules/mocha/bin/mocha.js test/sim/wal/crash-explorer.test.ts
 */
import { crc32 } from "node:zlib";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { OpenedRaftStorage } from "@skein/manager/wal/raft-storage";
import { openRaftStorage } from "@skein/manager/wal/raft-storage";
import { seededRandom } from "../seeded-random.ts";
import type { CrashLoss, DiskCall } from "../sim-disk.ts";
import { SimDisk } from "../sim-disk.ts";
import { VirtualClock } from "../virtual-clock.ts";
import {
  CLUSTER,
  CONFIGURATION,
  DIRECTORY,
  describeRecovered,
  effect,
  entry,
  hardState,
  MEMBER,
  SEGMENT_BYTES,
  WalWorld,
} from "./harness.ts";
import type { Expectation } from "./model.ts";
import { judge, lastOf, modelOf } from "./model.ts";
import { Workload } from "./workload.ts";

const firstSeed = Number(process.env["WAL_FIRST_SEED"] ?? 1);
const seeds = Number(process.env["WAL_SEEDS"] ?? 2);
const LOSSES: readonly CrashLoss[] = ["everything", "process", "random"];

describe("write-ahead log: crash explorer", function () {
  this.timeout(60_000 * Math.max(1, seeds));

  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    it(`survives a crash at every disk call (seed ${seed})`, () => {
      const explorer = new Explorer(seed);
      explorer.run(55);
      if (explorer.crashes < 250) throw new Error(`only ${explorer.crashes} crashes`);
    });

    it(`survives a failed call and the crash behind it (seed ${seed})`, () => {
      for (let variant = 0; variant < 2; variant += 1) {
        const explorer = new Explorer(seed * 1000 + variant);
        explorer.failOneCall();
        explorer.run(40);
      }
    });
  }
});

class Explorer {
  readonly #seed: number;
  readonly #world: WalWorld;
  readonly #workload: Workload;
  /** Draws for the crashes alone, so that they do not change the workload. */
  readonly #fates;
  #failed = false;
  crashes = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#fates = seededRandom(seed + 1_000_000);
    this.#world = new WalWorld(seed, { latency: (call) => latency(call, seed) });
    this.#workload = new Workload(this.#world.random);
    this.#world.disk.observe((call) => this.#cut(call));
  }

  /**
   * One call of the workload meets EIO; from then on crashes are looked at, but nothing is asked.
   */
  failOneCall(): void {
    const victim = 5 + this.#fates.below(100);
    this.#world.disk.setFault((call) => {
      this.#failed ||= call.number === victim;
      return call.number === victim ? "io" : undefined;
    });
  }

  run(steps: number): void {
    this.#reopen();
    for (let step = 0; step < steps && !this.#failed; step += 1) {
      this.#workload.step();
      if (this.#world.random.below(30) === 0) this.#restart();
      // A few events at a time: calls under way overlap.
      for (let count = this.#world.random.below(8); count > 0; count -= 1) this.#world.clock.step();
    }
    this.#world.clock.run();
  }

  #reopen(): void {
    const opened = this.#world.open();
    if (opened.ok) {
      const { recovered, state } = opened;
      const wrong = judge(this.#workload.expectation(), recovered, state);
      if (wrong !== undefined) this.#fail("opened again", wrong);
      this.#workload.attach(opened.storage, recovered);
    } else if (!this.#failed) this.#fail("opened again", opened.error.message);
  }

  /** A clean end and a new opening in the middle. */
  #restart(): void {
    const storage = this.#workload.storage;
    this.#world.clock.run(() => this.#workload.idle || this.#workload.failure !== undefined);
    if (storage === undefined || this.#workload.failure !== undefined) return;
    let closed = false;
    storage.close(() => {
      closed = true;
    });
    this.#world.clock.run(() => closed);
    this.#reopen();
  }

  #cut(call: DiskCall): void {
    const expected = this.#workload.expectation();
    for (const loss of LOSSES) {
      const left = this.#survivor(this.#world.disk, loss);
      this.#verify(left, expected, `call ${call.number} ${call.kind} ${call.path}, lost ${loss}`);
    }
  }

  /** Recovers twice with another crash between, also within the first recovery. */
  #verify(left: Survivor, expected: Expectation, where: string): void {
    this.crashes += 1;
    const nested: Survivor[] = [];
    if (this.#fates.below(25) === 0) {
      left.disk.observe(() => nested.push(this.#survivor(left.disk, "random")));
    }
    const first = this.#recover(left, expected, where);
    left.disk.observe(undefined);
    for (const again of nested) this.#recover(again, expected, `${where}; then in recovery`);
    // What Raft was told is what it acts on: it must not change any more.
    const told = describeRecovered(first.recovered);
    const after = this.#survivor(left.disk, "random");
    const second = describeRecovered(this.#recover(after, expected, `${where}; again`).recovered);
    if (second !== told)
      this.#fail(where, `recovered\n  ${told}, after another crash\n  ${second}`);
    if (this.#fates.below(4) === 0) this.#goOn(left, first, where);
  }

  #recover(left: Survivor, expected: Expectation, where: string): OpenedRaftStorage {
    const opened = openOn(left);
    if (typeof opened === "string") return this.#fail(where, opened);
    const wrong = judge(expected, opened.recovered, opened.state);
    if (wrong !== undefined) this.#fail(where, wrong);
    return opened;
  }

  /** The recovered log takes new entries, which are there after the next crash. */
  #goOn(left: Survivor, opened: OpenedRaftStorage, where: string): void {
    const { hardState: state } = opened.recovered;
    const last = lastOf(modelOf(opened.recovered)).index;
    const term = state.term + 1;
    const next = effect(hardState(term, state.commit), entry(last + 1, term, "next"));
    let answer: string | undefined = "no answer";
    opened.storage.persist([next], (error) => {
      answer = error;
    });
    left.clock.run(() => answer !== "no answer");
    if (answer !== undefined) this.#fail(where, `not written on: ${answer}`);
    const again = openOn(this.#survivor(left.disk, "everything"));
    if (typeof again === "string") return this.#fail(where, `after writing on: ${again}`);
    const found = again.recovered.entries.at(-1);
    if (found?.index !== last + 1) this.#fail(where, `written on, but found ${found?.index}`);
  }

  #survivor(disk: SimDisk, loss: CrashLoss): Survivor {
    const clock = new VirtualClock();
    return { clock, disk: disk.afterCrash(loss, { clock, random: this.#fates }) };
  }

  #fail(where: string, what: string): never {
    throw new Error(`seed ${this.#seed}, ${where}: ${what}`);
  }
}

interface Survivor {
  readonly clock: VirtualClock;
  readonly disk: SimDisk;
}

function openOn({ clock, disk }: Survivor): OpenedRaftStorage | string {
  let answer: OpenedRaftStorage | string = "the opening did not end";
  let ended = false;
  const options = {
    disk,
    clock,
    directory: DIRECTORY,
    clusterId: CLUSTER,
    raftId: MEMBER,
    bootstrap: CONFIGURATION,
    random: seededRandom(99),
    log: silentLog,
    metrics: noMetrics,
    segmentBytes: SEGMENT_BYTES,
    crc32,
  };
  openRaftStorage(options, (result) => {
    ended = true;
    answer = result.ok ? result.value : `${result.error.code}: ${result.error.message}`;
  });
  clock.run(() => ended);
  return answer;
}

/** Uneven, so that background and foreground calls meet in many orders. */
function latency(call: DiskCall, seed: number): number {
  return ((call.number * 7919 + seed * 104_729) >> 3) % 4;
}
