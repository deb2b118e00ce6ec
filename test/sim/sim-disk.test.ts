/** The simulated disk keeps what it must, and really loses what it may. */
import type { Disk, DiskFile, Done } from "@skein/common/io/disk";
import { expect } from "chai";
import { seededRandom } from "./seeded-random.ts";
import type { SimDiskOptions } from "./sim-disk.ts";
import { SimDisk } from "./sim-disk.ts";
import { VirtualClock } from "./virtual-clock.ts";

describe("simulated disk: crashes and faults", () => {
  const clock = new VirtualClock();
  const newDisk = (options: Partial<SimDiskOptions> = {}) =>
    new SimDisk({ clock, random: seededRandom(7), ...options });
  const settle = <T>(call: (done: Done<T>) => void): { error: string | undefined; value: T } => {
    let result: { error: string | undefined; value: T } | undefined;
    call((error, value) => {
      result = { error: error?.code, value };
    });
    clock.run();
    if (result === undefined) throw new Error("no completion");
    return result;
  };
  const create = (disk: Disk, path: string) =>
    settle<DiskFile>((done) => disk.open(path, "create", done)).value;
  const write = (file: DiskFile, position: number, text: string) =>
    settle<void>((done) => file.write(position, Buffer.from(text), done)).error;
  const sync = (file: DiskFile) => settle<void>((done) => file.sync(done)).error;
  const syncNames = (disk: Disk) => settle<void>((done) => disk.syncDirectory(".", done));
  const content = (disk: SimDisk, path: string) => {
    const bytes = disk.contents(path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  };
  const outcomes = (disk: SimDisk, path: string) =>
    new Set(Array.from({ length: 400 }, () => content(disk.afterCrash("random"), path)));

  it("keeps synced bytes under synced names, whatever the crash (S1, S2)", () => {
    const disk = newDisk();
    const file = create(disk, "a");
    write(file, 0, "safe");
    sync(file);
    syncNames(disk);
    expect(outcomes(disk, "a")).to.deep.equal(new Set(["safe"]));
  });

  it("keeps each completed write of a synced file, and it alone (S1)", () => {
    const disk = newDisk();
    const file = settle<DiskFile>((done) => disk.open("a", "create-synced", done)).value;
    syncNames(disk);
    write(file, 0, "safe");
    expect(outcomes(disk, "a")).to.deep.equal(new Set(["safe"]));
    file.write(4, Buffer.from("x"), () => undefined);
    expect(outcomes(disk, "a")).to.include("safe").and.include("safex");
  });

  it("shows a failed write of a synced file without having it (S3)", () => {
    const left = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
      const disk = newDisk({ random: seededRandom(seed) });
      const file = settle<DiskFile>((done) => disk.open("a", "create-synced", done)).value;
      syncNames(disk);
      disk.setFault((call) => (call.kind === "write" ? "io" : undefined));
      expect(write(file, 0, "cached")).to.equal("io");
      expect(content(disk, "a")).to.equal("cached");
      return content(disk.afterCrash("nothing"), "a");
    });
    expect(left).to.include("").and.include("cached");
  });

  it("loses any part of an unsynced write", () => {
    const disk = newDisk();
    const file = create(disk, "a");
    sync(file);
    syncNames(disk);
    write(file, 0, "xyz");
    const seen = outcomes(disk, "a");
    for (const part of ["", "x", "xy", "xyz", "\0\0\0"]) expect(seen).to.include(part);
  });

  it("may keep a later sector and lose an earlier one", () => {
    const disk = newDisk();
    const file = create(disk, "a");
    sync(file);
    syncNames(disk);
    write(file, 0, "a".repeat(512) + "b".repeat(512));
    expect(outcomes(disk, "a")).to.include("\0".repeat(512) + "b".repeat(512));
  });

  it("does not cover by a sync what was written while it ran", () => {
    const disk = newDisk();
    const file = create(disk, "a");
    syncNames(disk);
    file.sync(() => undefined);
    file.write(0, Buffer.from("x"), () => undefined);
    clock.run();
    expect(outcomes(disk, "a")).to.include("");
  });

  it("loses each unsynced name on its own (S2)", () => {
    const disk = newDisk();
    for (const name of ["a", "b"]) sync(create(disk, name));
    const seen = new Set(
      Array.from({ length: 100 }, () => {
        const left = disk.afterCrash("random");
        return ["a", "b"].filter((name) => left.contents(name) !== undefined).join();
      }),
    );
    expect(seen).to.deep.equal(new Set(["", "a", "b", "a,b"]));
  });

  it("brings a removed or renamed name back when the directory was not synced", () => {
    const disk = newDisk();
    for (const name of ["old", "gone"]) create(disk, name);
    syncNames(disk);
    settle<void>((done) => disk.rename("old", "new", done));
    settle<void>((done) => disk.remove("gone", done));
    const left = disk.afterCrash("everything");
    expect(left.contents("old")).to.not.equal(undefined);
    expect(left.contents("gone")).to.not.equal(undefined);
    expect(left.contents("new")).to.equal(undefined);
    syncNames(disk);
    const after = disk.afterCrash("everything");
    expect(after.contents("old")).to.equal(undefined);
    expect(after.contents("gone")).to.equal(undefined);
    expect(after.contents("new")).to.not.equal(undefined);
  });

  it("shows after a failed sync what the disk may not have (S3)", () => {
    const left = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
      const disk = newDisk({ random: seededRandom(seed) });
      const file = create(disk, "a");
      sync(file);
      syncNames(disk);
      write(file, 0, "cached");
      disk.setFault((call) => (call.kind === "sync" ? "io" : undefined));
      expect(sync(file)).to.equal("io");
      disk.setFault(undefined);
      expect(sync(file), "a retried sync lies").to.equal(undefined);
      expect(content(disk, "a")).to.equal("cached");
      return content(disk.afterCrash("nothing"), "a");
    });
    expect(left).to.include("");
  });

  it("completes nothing after a crash", () => {
    const disk = newDisk({ latency: () => 5 });
    const file = create(disk, "a");
    let completed = 0;
    file.write(0, Buffer.from("x"), () => (completed += 1));
    disk.crash();
    file.sync(() => (completed += 1));
    clock.run();
    expect(completed).to.equal(0);
  });

  it("fails a write beyond the capacity, with what fits written", () => {
    const disk = newDisk({ capacityBytes: 6 });
    const file = create(disk, "a");
    expect(write(file, 0, "abcd")).to.equal(undefined);
    expect(write(file, 4, "efgh")).to.equal("no-space");
    expect(content(disk, "a")).to.equal("abcdef");
    expect(write(file, 0, "ABCDEF"), "overwriting needs no space").to.equal(undefined);
    disk.setCapacity(8);
    expect(write(file, 4, "efgh")).to.equal(undefined);
  });

  it("takes the time it is told to", () => {
    const disk = newDisk({ latency: (call) => (call.kind === "sync" ? 40 : 2) });
    const started = clock.now();
    const file = create(disk, "a");
    sync(file);
    expect(clock.now() - started).to.equal(42);
  });
});
