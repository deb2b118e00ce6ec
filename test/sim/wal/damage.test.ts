/** Torn writes, bit rot, stale and missing files: what is dropped, and what is refused. */
import { clusterId, logIndex } from "@skein/common/ids";
import { expect } from "chai";
import { seededRandom } from "../seeded-random.ts";
import type { SimDisk } from "../sim-disk.ts";
import {
  DIRECTORY,
  describeRecovered,
  effect,
  entry,
  hardState,
  meta,
  WalWorld,
} from "./harness.ts";

const SECTOR = 512;
const first = `${DIRECTORY}/0000000001.wal`;

describe("write-ahead log: damage", function () {
  this.timeout(30_000);

  /** One segment with batches of one entry each; the last one has three, over two sectors. */
  const written = () => {
    const world = new WalWorld(5);
    // Large enough to stay in the first segment: its spare is never ready before the last batch.
    const { storage } = world.mustOpen({ segmentBytes: 64 * SECTOR });
    world.disk.setFault((call) => (call.path.endsWith("2.wal") ? "no-space" : undefined));
    for (const index of [1, 2, 3, 4]) {
      world.persist(storage, effect(hardState(1, index - 1), entry(index, 1, `entry ${index}`)));
    }
    const before = world.disk.contents(first) ?? new Uint8Array(0);
    const long = "abcdefgh".repeat(40);
    world.persist(
      storage,
      effect(hardState(1, 4), entry(5, 1, long), entry(6, 1, "six"), entry(7, 1, "seven")),
    );
    world.disk.setFault(undefined);
    const whole = world.disk.contents(first) ?? new Uint8Array(0);
    const start = Math.ceil(before.length / SECTOR) * SECTOR;
    return { world, whole, start };
  };

  /** Recovers from `bytes` as the first segment; the words of what Raft is told, or the code. */
  const recover = (world: WalWorld, bytes: Uint8Array): string => {
    const other = new WalWorld(6);
    copyFiles(world.disk, other.disk, DIRECTORY);
    other.disk.corrupt(first, () => bytes.slice());
    return outcome(other);
  };

  it("drops the last batch when it is torn at any byte", () => {
    const { world, whole, start } = written();
    const complete = recover(world, whole);
    const without = recover(world, whole.subarray(0, start));
    expect(without).to.contain("4.1:entry 4]").and.contain("commit 3");
    expect(complete).to.contain("7.1:seven]").and.contain("commit 4");
    const random = seededRandom(9);
    for (let cut = start; cut < whole.length; cut += 1) {
      const zeros = whole.slice().fill(0, cut);
      const garbage = Uint8Array.from(whole, (byte, at) => (at < cut ? byte : random.below(256)));
      for (const torn of [whole.subarray(0, cut), zeros, garbage]) {
        const same = Buffer.compare(torn, whole) === 0;
        const found = recover(world, torn);
        expect(found, `cut at ${cut}`).to.equal(same ? complete : without);
      }
    }
  });

  it("drops the last batch when any of its sectors is missing", () => {
    const { world, whole, start } = written();
    const without = recover(world, whole.subarray(0, start));
    for (let at = start; at < whole.length; at += SECTOR) {
      const torn = whole.slice().fill(0, at, at + SECTOR);
      expect(recover(world, torn), `sector at ${at}`).to.equal(without);
    }
  });

  it("refuses a flipped bit in anything that a later batch follows", () => {
    const { world, whole, start } = written();
    const complete = recover(world, whole);
    const random = seededRandom(10);
    let refused = 0;
    for (let at = 0; at < start; at += 1) {
      const rotten = whole.slice();
      rotten[at] = (rotten[at] ?? 0) ^ (1 << random.below(8));
      const found = recover(world, rotten);
      // A bit of the space between two batches means nothing. A version is refused as one.
      if (found !== complete) expect(["corrupt", "version"], `byte ${at}`).to.include(found);
      if (found !== complete) refused += 1;
    }
    expect(refused).to.be.greaterThan(SECTOR + 4 * 48);
  });

  it("never takes wrong bytes from a flipped bit in the last batch", () => {
    const { world, whole, start } = written();
    const allowed = [recover(world, whole), recover(world, whole.subarray(0, start)), "corrupt"];
    for (let at = start; at < whole.length; at += 1) {
      const rotten = whole.slice();
      rotten[at] = (rotten[at] ?? 0) ^ 4;
      expect(allowed, `byte ${at}`).to.include(recover(world, rotten));
    }
  });

  it("counts a dropped batch", () => {
    const { world, whole } = written();
    world.disk.corrupt(first, () => whole.slice(0, -1));
    world.mustOpen();
    expect(world.counts.get("skein_wal_torn_tails_total")).to.equal(1);
  });

  it("does not take a batch of another segment that lies behind the last one", () => {
    const { world, whole, start } = written();
    const other = new WalWorld(77);
    const { storage } = other.mustOpen({ segmentBytes: 64 * SECTOR });
    other.disk.setFault((call) => (call.path.endsWith("2.wal") ? "no-space" : undefined));
    for (const index of [1, 2, 3, 4, 5]) {
      other.persist(storage, effect(hardState(1, 0), entry(index, 1, "from a former life")));
    }
    const stale = other.disk.contents(first) ?? new Uint8Array(0);
    expect(Buffer.from(stale.subarray(start)).includes("from a former life")).to.equal(true);
    const mixed = whole.slice();
    mixed.set(stale.subarray(start, start + SECTOR), start);
    expect(recover(world, mixed)).to.equal(recover(world, whole.subarray(0, start)));
  });

  describe("over several segments", () => {
    const names = (world: WalWorld) =>
      world.files().filter((name) => name.endsWith(".wal") && batchesIn(world, name));
    const longLog = () => {
      const world = new WalWorld(8);
      const { storage } = world.mustOpen();
      for (let index = 1; index <= 30; index += 1) {
        world.persist(storage, effect(hardState(1, index - 1), entry(index, 1, "x".repeat(100))));
      }
      world.clock.run();
      return world;
    };

    it("refuses when one is missing", () => {
      const count = names(longLog()).length;
      expect(count).to.be.greaterThan(3);
      for (let place = 0; place < count; place += 1) {
        const world = longLog();
        world.wait((done) =>
          world.disk.remove(`${DIRECTORY}/${names(world)[place]}`, (error) => done(error?.message)),
        );
        expect(outcome(world), `without ${place}`).to.equal("corrupt");
      }
    });

    it("refuses a flipped bit in the last batch of any but the last", () => {
      const count = names(longLog()).length;
      for (let place = 0; place < count - 1; place += 1) {
        const world = longLog();
        world.disk.corrupt(`${DIRECTORY}/${names(world)[place]}`, (bytes) => {
          const at = bytes.findLastIndex((byte) => byte !== 0);
          bytes[at] = (bytes[at] ?? 0) ^ 1;
        });
        expect(outcome(world), `segment ${place}`).to.equal("corrupt");
      }
    });

    it("refuses one that was exchanged for another of the same log", () => {
      const world = longLog();
      const [, second = "", third = ""] = names(world);
      const bytes = world.disk.contents(`${DIRECTORY}/${second}`) ?? new Uint8Array(0);
      world.disk.corrupt(`${DIRECTORY}/${third}`, () => bytes);
      expect(outcome(world)).to.equal("corrupt");
    });

    it("refuses one of a former life of the same member", () => {
      const world = longLog();
      const former = new WalWorld(9);
      const { storage } = former.mustOpen();
      for (let index = 1; index <= 30; index += 1) {
        former.persist(storage, effect(hardState(1, index - 1), entry(index, 1, "x".repeat(100))));
      }
      const last = names(world).at(-1) ?? "";
      const bytes = former.disk.contents(`${DIRECTORY}/${last}`) ?? new Uint8Array(0);
      world.disk.corrupt(`${DIRECTORY}/${last}`, () => bytes);
      expect(outcome(world)).to.equal("corrupt");
    });

    const heads = [
      { name: "its header", from: 0, to: SECTOR },
      { name: "its first batch", from: SECTOR, to: 2 * SECTOR },
      { name: "both", from: 0, to: 2 * SECTOR },
    ];
    for (const { name, from, to } of heads) {
      it(`refuses when the last one lost ${name} though batches follow in it`, () => {
        const world = longLog();
        const last = names(world).at(-1) ?? "";
        const bytes = world.disk.contents(`${DIRECTORY}/${last}`) ?? new Uint8Array(0);
        expect(bytes.subarray(2 * SECTOR).some((byte) => byte !== 0)).to.equal(true);
        // Without the prepared segment, which would already prove that the first batch was durable.
        for (const spare of world.files().filter((file) => file.endsWith(".wal") && file > last)) {
          world.wait((done) =>
            world.disk.remove(`${DIRECTORY}/${spare}`, (error) => done(error?.message)),
          );
        }
        world.disk.corrupt(`${DIRECTORY}/${last}`, (rotten) => {
          rotten.fill(0, from, to);
        });
        expect(outcome(world)).to.equal("corrupt");
      });
    }

    it("proves the last batch whole by a clean close", () => {
      const world = longLog();
      const { storage } = world.mustOpen();
      world.persist(storage, effect(hardState(1, 29), entry(31, 1, "last words")));
      world.close(storage);
      const name = names(world).at(-1) ?? "";
      world.disk.corrupt(`${DIRECTORY}/${name}`, (bytes) => {
        const at = Buffer.from(bytes).indexOf("last words");
        expect(at).to.be.greaterThan(0);
        bytes[at] = 0;
      });
      expect(outcome(world)).to.equal("corrupt");
    });
  });

  describe("of snapshots", () => {
    const saved = () => {
      const world = new WalWorld(11);
      const { storage } = world.mustOpen();
      for (let index = 1; index <= 12; index += 1) {
        world.persist(storage, effect(hardState(1, index - 1), entry(index, 1, `${index}`)));
      }
      for (const index of [4, 8]) {
        world.save(storage, meta(index, 1), `state at ${index}`);
        storage.compact(logIndex(index));
      }
      world.clock.run();
      const [older = "", newest = ""] = world.files().filter((name) => name.endsWith("snapshot"));
      return { world, older: `${DIRECTORY}/${older}`, newest: `${DIRECTORY}/${newest}` };
    };

    it("falls back to the one before, for any damaged byte of the newest", () => {
      const { world, newest } = saved();
      const bytes = world.disk.contents(newest) ?? new Uint8Array(0);
      const whole = outcome(world);
      expect(whole).to.contain("snapshot 8.1 [9.1:9");
      for (let at = 0; at < bytes.length; at += 1) {
        const other = new WalWorld(12);
        copyFiles(world.disk, other.disk, DIRECTORY);
        other.disk.corrupt(newest, (rotten) => {
          rotten[at] = (rotten[at] ?? 0) ^ 16;
        });
        const found = outcome(other);
        // The first sixteen bytes of a header tell its version.
        if (found === "version") expect(at).to.be.lessThan(16);
        else expect(found, `byte ${at}`).to.contain("snapshot 4.1 [5.1:5 6.1:6");
      }
    });

    it("falls back for any lost end of the newest, and when it is gone", () => {
      const { world, newest } = saved();
      const length = world.disk.contents(newest)?.length ?? 0;
      for (let cut = 0; cut < length; cut += 1) {
        const other = new WalWorld(12);
        copyFiles(world.disk, other.disk, DIRECTORY);
        other.disk.corrupt(newest, (bytes) => bytes.slice(0, cut));
        expect(outcome(other), `cut at ${cut}`).to.contain("snapshot 4.1 [5.1:5");
      }
      world.wait((done) => world.disk.remove(newest, (error) => done(error?.message)));
      expect(outcome(world)).to.contain("snapshot 4.1 [5.1:5");
    });

    it("replaces the damaged one with the next", () => {
      const { world, newest } = saved();
      world.disk.corrupt(newest, (bytes) => bytes.slice(0, 20));
      const { storage } = world.mustOpen();
      world.save(storage, meta(8, 1), "again");
      world.clock.run();
      expect(outcome(world)).to.contain("snapshot 8.1 [9.1:9");
    });

    it("refuses when the log does not reach back to any sound one", () => {
      const { world, older, newest } = saved();
      for (let round = 0; round < 3; round += 1) {
        const { storage } = world.mustOpen();
        world.persist(storage, effect(hardState(1, 12)));
        world.save(storage, meta(9 + round, 1), "s");
        storage.compact(logIndex(9 + round));
        world.close(storage);
      }
      for (const name of world.files().filter((file) => file.endsWith("snapshot"))) {
        world.disk.corrupt(`${DIRECTORY}/${name}`, (bytes) => bytes.slice(0, 600));
      }
      expect(older).to.not.equal(newest);
      expect(outcome(world)).to.equal("corrupt");
    });

    it("refuses them without a log", () => {
      const { world } = saved();
      for (const name of world.files().filter((file) => file.endsWith(".wal"))) {
        world.wait((done) =>
          world.disk.remove(`${DIRECTORY}/${name}`, (error) => done(error?.message)),
        );
      }
      expect(outcome(world)).to.equal("corrupt");
    });

    it("refuses the newest of another cluster instead of falling back", () => {
      const { world, newest } = saved();
      const header = world.disk.contents(newest)?.slice(0, SECTOR) ?? new Uint8Array(0);
      expect(Buffer.from(header).includes("cluster-1")).to.equal(true);
      const other = new WalWorld(13);
      copyFiles(world.disk, other.disk, DIRECTORY);
      const opened = other.open({ clusterId: clusterId("cluster-2") });
      expect(opened.ok ? "" : opened.error.code).to.equal("wrong-cluster");
    });
  });
});

function outcome(world: WalWorld): string {
  const opened = world.open();
  return opened.ok ? describeRecovered(opened.recovered) : opened.error.code;
}

function copyFiles(from: SimDisk, to: SimDisk, directory: string): void {
  to.addDirectory(directory);
  for (const name of from.names(directory)) {
    const bytes = from.contents(`${directory}/${name}`) ?? new Uint8Array(0);
    to.corrupt(`${directory}/${name}`, () => bytes);
  }
}

function batchesIn(world: WalWorld, name: string): boolean {
  return (world.disk.contents(`${DIRECTORY}/${name}`) ?? new Uint8Array(0)).some((b) => b !== 0);
}
