/** Disks that fail and disks that are full: one failure is final, a full disk costs no promise. */
import { logIndex } from "@skein/common/ids";
import type { RaftStorage } from "@skein/manager/wal/raft-storage";
import { expect } from "chai";
import type { DiskCall } from "../sim-disk.ts";
import {
  DIRECTORY,
  describeRecovered,
  effect,
  entry,
  hardState,
  meta,
  SEGMENT_BYTES,
  WalWorld,
} from "./harness.ts";

describe("write-ahead log: faults", function () {
  this.timeout(30_000);

  const DATA = "x".repeat(150);
  /** Appends until a failure; how many entries were acknowledged, and what failed. */
  const append = (world: WalWorld, storage: RaftStorage, from: number, to: number) => {
    for (let index = from; index <= to; index += 1) {
      const failure = world.persist(
        storage,
        effect(hardState(1, index - 1), entry(index, 1, DATA)),
      );
      if (failure !== undefined) return { acknowledged: index - 1, failure };
    }
    return { acknowledged: to, failure: undefined };
  };
  /** The last entry that comes back after a crash that loses what it may. */
  const lastAfterCrash = (world: WalWorld) => {
    world.disk.crash("everything");
    const { recovered } = world.mustOpen();
    return recovered.entries.at(-1)?.index ?? recovered.snapshot.index;
  };

  it("stops for good when a write of the log fails, and never tries again", () => {
    let failures = 0;
    for (let victim = 1; victim <= 20; victim += 1) {
      const world = new WalWorld(victim);
      const { storage } = world.mustOpen();
      world.clock.run();
      let seen = 0;
      world.disk.setFault((call) => {
        if (call.kind !== "write" || !call.path.endsWith(".wal")) return undefined;
        seen += 1;
        return seen === victim ? "io" : undefined;
      });
      const { acknowledged, failure } = append(world, storage, 1, 30);
      world.clock.run();
      if (failure === undefined) continue;
      failures += 1;
      const later: DiskCall[] = [];
      world.disk.observe((call) => later.push(call));
      expect(world.persist(storage, effect(hardState(9, 0)))).to.equal(failure);
      expect(world.save(storage, meta(1, 1), "s")).to.equal(failure);
      storage.compact(logIndex(2));
      world.clock.run();
      expect(later, "nothing touches the disk").to.deep.equal([]);
      expect(lastAfterCrash(world)).to.be.within(acknowledged, acknowledged + 1);
    }
    expect(failures).to.be.greaterThan(15);
  });

  it("tells every waiting caller of the failure", () => {
    const world = new WalWorld(1);
    const { storage } = world.mustOpen();
    world.clock.run();
    world.disk.setFault((call) => (call.kind === "write" ? "io" : undefined));
    const answers: (string | undefined)[] = [];
    for (const index of [1, 2, 3]) {
      storage.persist([effect(hardState(1, 0), entry(index, 1))], (error) => answers.push(error));
    }
    world.clock.run();
    expect(answers.length).to.equal(3);
    for (const answer of answers) expect(answer).to.contain("simulated io");
    world.close(storage);
  });

  it("refuses to open when a file cannot be read or settled", () => {
    const kinds = ["list", "open", "read", "size", "write", "sync", "syncDirectory"] as const;
    for (const kind of kinds) {
      const world = new WalWorld(2);
      append(world, world.mustOpen().storage, 1, 3);
      world.clock.run();
      world.disk.setFault((call) => (call.kind === kind ? "io" : undefined));
      const opened = world.open();
      expect(opened.ok ? "opened" : opened.error.code, kind).to.equal("io");
      world.disk.setFault(undefined);
      expect(lastAfterCrash(world), kind).to.equal(3);
    }
  });

  it("keeps every promise on a disk that is full at any byte", () => {
    let refused = 0;
    for (let capacity = 0; capacity < 12 * SEGMENT_BYTES; capacity += 397) {
      const world = new WalWorld(3, { capacityBytes: capacity });
      const opened = world.open();
      if (!opened.ok) {
        expect(opened.error.code).to.equal("no-space");
        continue;
      }
      const { acknowledged, failure } = append(world, opened.storage, 1, 60);
      if (failure !== undefined) {
        expect(failure).to.equal("waits for space");
        refused += 1;
      }
      world.disk.setCapacity(Number.POSITIVE_INFINITY);
      expect(lastAfterCrash(world)).to.be.within(acknowledged, acknowledged + 1);
    }
    expect(refused).to.be.greaterThan(20);
  });

  it("goes on when space returns, at any byte: nothing is lost, nothing is twice", () => {
    let waited = 0;
    for (let capacity = 3 * SEGMENT_BYTES; capacity < 12 * SEGMENT_BYTES; capacity += 397) {
      const world = new WalWorld(3, { capacityBytes: capacity });
      const { storage } = world.mustOpen();
      const { acknowledged, failure } = append(world, storage, 1, 60);
      if (failure !== undefined) {
        waited += 1;
        // What is asked meanwhile waits, too; trying again without space changes nothing.
        let later: string | undefined = "unanswered";
        storage.persist(
          [effect(hardState(1, acknowledged), entry(acknowledged + 2, 1, DATA))],
          (error) => {
            later = error;
          },
        );
        if (waited % 2 === 0) {
          storage.retrySpace();
          world.clock.run();
          expect(storage.space).to.equal("none");
        }
        world.disk.setCapacity(Number.POSITIVE_INFINITY);
        // The next segment may be ready by now: the batch goes where it was begun all the same.
        world.clock.run();
        storage.retrySpace();
        world.clock.run();
        expect([later, storage.space]).to.deep.equal([undefined, "enough"]);
        expect(append(world, storage, acknowledged + 3, 60).failure).to.equal(undefined);
      }
      world.clock.run();
      world.disk.setCapacity(Number.POSITIVE_INFINITY);
      expect(lastAfterCrash(world)).to.equal(60);
    }
    expect(waited).to.be.greaterThan(10);
  });

  it("survives a crash with a disk that is full still, and one while it is tried again", () => {
    for (let capacity = 4 * SEGMENT_BYTES; capacity < 8 * SEGMENT_BYTES; capacity += 211) {
      const world = new WalWorld(9, { capacityBytes: capacity });
      const { storage } = world.mustOpen();
      const { acknowledged, failure } = append(world, storage, 1, 40);
      if (failure === undefined) continue;
      world.disk.setCapacity(Number.POSITIVE_INFINITY);
      storage.retrySpace();
      for (let event = 0; event < capacity % 7; event += 1) world.clock.step();
      world.disk.crash("random");
      const { recovered } = world.mustOpen();
      const last = recovered.entries.at(-1)?.index ?? recovered.snapshot.index;
      expect(last).to.be.within(acknowledged, acknowledged + 1);
    }
  });

  it("tells that space is short before a batch has to wait for it", () => {
    const world = new WalWorld(10);
    const { storage } = world.mustOpen({ segmentBytes: 64 * 512 });
    const seen: string[] = [];
    storage.watchSpace((space) => seen.push(space));
    world.clock.run();
    append(world, storage, 1, 64);
    world.clock.run();
    world.disk.setCapacity(world.disk.usedBytes());
    expect(append(world, storage, 65, 300).failure).to.equal("waits for space");
    expect(seen).to.deep.equal(["short", "none"]);
    world.disk.setCapacity(Number.POSITIVE_INFINITY);
    storage.retrySpace();
    world.clock.run();
    expect(seen.at(-1)).to.equal("enough");
  });

  it("closes while a batch waits for space", () => {
    const world = new WalWorld(11);
    const { storage } = world.mustOpen();
    world.clock.run();
    append(world, storage, 1, 2);
    world.clock.run();
    world.disk.setCapacity(world.disk.usedBytes());
    const { acknowledged } = append(world, storage, 3, 60);
    world.close(storage);
    world.disk.setCapacity(Number.POSITIVE_INFINITY);
    expect(lastAfterCrash(world)).to.be.within(acknowledged, acknowledged + 1);
  });

  it("writes on in the segment it has while there is no space for the next", () => {
    const world = new WalWorld(4);
    const { storage } = world.mustOpen();
    world.clock.run();
    append(world, storage, 1, 1);
    world.clock.run();
    // What is prepared is used; then the next cannot be.
    append(world, storage, 2, 8);
    world.disk.setCapacity(world.disk.usedBytes());
    world.clock.run();
    expect(append(world, storage, 9, 10).failure).to.equal(undefined);
  });

  it("prepares the next segment again when space returns", () => {
    const world = new WalWorld(5);
    const { storage } = world.mustOpen({ segmentBytes: 256 * 512 });
    world.disk.setFault((call) =>
      call.kind === "write" && isZeroFill(call) ? "no-space" : undefined,
    );
    world.clock.run();
    append(world, storage, 1, 5);
    world.clock.run();
    expect(world.counts.get("skein_wal_no_space_total")).to.be.greaterThan(0);
    expect(world.files().filter((name) => name.endsWith(".wal")).length, "no half one").to.equal(1);
    world.disk.setFault(undefined);
    append(world, storage, 6, 90);
    world.clock.run();
    expect(world.files().filter((name) => name.endsWith(".wal")).length).to.be.greaterThan(1);
    expect(lastAfterCrash(world)).to.equal(90);
  });

  it("gives up a snapshot that finds no space, and goes on", () => {
    const world = new WalWorld(6);
    const { storage } = world.mustOpen();
    append(world, storage, 1, 5);
    world.clock.run();
    world.disk.setCapacity(world.disk.usedBytes() + 700);
    const failure = world.save(storage, meta(4, 1), "s".repeat(5000));
    expect(failure).to.contain("no-space");
    expect(world.files().filter((name) => name.includes("snapshot"))).to.deep.equal([]);
    expect(append(world, storage, 6, 6).failure).to.equal(undefined);
    world.disk.setCapacity(Number.POSITIVE_INFINITY);
    expect(world.save(storage, meta(5, 1), "s".repeat(5000))).to.equal(undefined);
    const { recovered } = world.mustOpen();
    expect(describeRecovered(recovered)).to.contain("snapshot 5.1 [6.1:");
  });

  it("stops for good when a snapshot meets a failing disk", () => {
    const world = new WalWorld(7);
    const { storage } = world.mustOpen();
    append(world, storage, 1, 5);
    world.clock.run();
    world.disk.setFault((call) =>
      call.kind === "sync" && call.path.includes("snapshot") ? "io" : undefined,
    );
    expect(world.save(storage, meta(4, 1), "s")).to.contain("simulated io");
    expect(append(world, storage, 6, 6).failure).to.contain("simulated io");
    expect(lastAfterCrash(world)).to.equal(5);
  });

  it("removes what a crash left of a snapshot", () => {
    const world = new WalWorld(8);
    const { storage } = world.mustOpen();
    append(world, storage, 1, 5);
    world.clock.run();
    storage.saveSnapshot(meta(4, 1), new Uint8Array(3000), () => undefined);
    for (let event = 0; event < 5; event += 1) world.clock.step();
    expect(world.files().some((name) => name.endsWith(".tmp"))).to.equal(true);
    world.disk.crash("nothing");
    world.mustOpen();
    expect(world.files().some((name) => name.endsWith(".tmp"))).to.equal(false);
  });

  function isZeroFill(call: DiskCall): boolean {
    return call.path === `${DIRECTORY}/0000000002.wal`;
  }
});
