/** One suite for every `Disk`: what the write-ahead log may rely on holds on the real one too. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { Disk, DiskError, DiskFile, Done, OpenMode } from "@skein/common/io/disk";
import { createFileDisk } from "@skein/common/node/file-disk";
import { expect } from "chai";
import { seededRandom } from "../sim/seeded-random.ts";
import { SimDisk } from "../sim/sim-disk.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

interface Fixture {
  readonly disk: Disk;
  /** Waits for the completion of one call. */
  readonly settle: <T>(call: (done: Done<T>) => void) => Promise<Settled<T>>;
  readonly close: () => void;
}

type Settled<T> = { readonly error?: DiskError["code"]; readonly value: T };

const implementations = [
  { name: "file disk", make: realFixture },
  { name: "simulated disk", make: simulatedFixture },
];

for (const { name, make } of implementations) {
  describe(`disk contract: ${name}`, () => {
    let fixture: Fixture;
    beforeEach(() => {
      fixture = make();
    });
    afterEach(() => fixture.close());

    const open = async (file: string, mode: OpenMode) =>
      (await fixture.settle<DiskFile>((done) => fixture.disk.open(file, mode, done))).value;
    const write = (file: DiskFile, position: number, text: string) =>
      fixture.settle<void>((done) => file.write(position, Buffer.from(text), done));
    const read = async (file: DiskFile, position: number, length: number) =>
      text((await fixture.settle<Uint8Array>((done) => file.read(position, length, done))).value);
    const list = async (directory: string) =>
      (await fixture.settle<readonly string[]>((done) => fixture.disk.list(directory, done))).value;
    const put = async (name: string, content: string) => {
      const file = await open(name, "create");
      await write(file, 0, content);
      await fixture.settle<void>((done) => file.close(done));
    };

    it("reads what was written, from any position", async () => {
      const file = await open("a", "create");
      await write(file, 0, "hello world");
      await write(file, 6, "there");
      expect(await read(file, 0, 11)).to.equal("hello there");
      expect(await read(file, 6, 3)).to.equal("the");
    });

    it("reads fewer bytes only at the end", async () => {
      const file = await open("a", "create");
      await write(file, 0, "abc");
      expect(await read(file, 2, 10)).to.equal("c");
      expect(await read(file, 3, 10)).to.equal("");
      expect(await read(file, 9, 10)).to.equal("");
    });

    it("fills a gap with zeros (K3)", async () => {
      const file = await open("a", "create");
      await write(file, 3, "x");
      expect(await read(file, 0, 4)).to.equal("\0\0\0x");
    });

    it("hands out bytes that later writes do not change (K2)", async () => {
      const file = await open("a", "create");
      await write(file, 0, "before");
      const { value } = await fixture.settle<Uint8Array>((done) => file.read(0, 6, done));
      await write(file, 0, "after!");
      expect(text(value)).to.equal("before");
    });

    it("tells the size, and truncates both ways", async () => {
      const file = await open("a", "create");
      await write(file, 0, "abcdef");
      await fixture.settle<void>((done) => file.truncate(2, done));
      expect((await fixture.settle<number>((done) => file.size(done))).value).to.equal(2);
      await fixture.settle<void>((done) => file.truncate(4, done));
      expect(await read(file, 0, 9)).to.equal("ab\0\0");
    });

    it("keeps the content over close and open", async () => {
      await put("a", "kept");
      expect(await read(await open("a", "read"), 0, 9)).to.equal("kept");
      expect(await read(await open("a", "read-write"), 0, 9)).to.equal("kept");
    });

    it("writes to a file that syncs each write", async () => {
      const file = await open("a", "create-synced");
      await write(file, 0, "hello world");
      await write(file, 6, "there");
      expect(await read(file, 0, 99)).to.equal("hello there");
      const again = await fixture.settle<DiskFile>((done) =>
        fixture.disk.open("a", "create-synced", done),
      );
      expect(again.error).to.equal("exists");
    });

    it("refuses a write to a file opened for reading", async () => {
      await put("a", "kept");
      const file = await open("a", "read");
      expect((await write(file, 0, "lost")).error).to.equal("io");
      expect(await read(file, 0, 9)).to.equal("kept");
    });

    it("syncs files and directories", async () => {
      const file = await open("a", "create");
      await write(file, 0, "x");
      expect((await fixture.settle<void>((done) => file.sync(done))).error).to.equal(undefined);
      const synced = await fixture.settle<void>((done) => fixture.disk.syncDirectory(".", done));
      expect(synced.error).to.equal(undefined);
    });

    it("lists names sorted by code unit, directories too", async () => {
      for (const name of ["b", "a10", "B", "a9"]) await put(name, "");
      await fixture.settle<void>((done) => fixture.disk.makeDirectory("dir", done));
      await put("dir/inner", "");
      expect(await list(".")).to.deep.equal(["B", "a10", "a9", "b", "dir"]);
      expect(await list("dir")).to.deep.equal(["inner"]);
    });

    it("renames over a file, and keeps the old one open (K4)", async () => {
      await put("new", "new");
      await put("name", "old");
      const old = await open("name", "read");
      await fixture.settle<void>((done) => fixture.disk.rename("new", "name", done));
      expect(await list(".")).to.deep.equal(["name"]);
      expect(await read(await open("name", "read"), 0, 9)).to.equal("new");
      expect(await read(old, 0, 9)).to.equal("old");
    });

    it("removes a file, and keeps it usable while open (K4)", async () => {
      await put("a", "still here");
      const file = await open("a", "read");
      await fixture.settle<void>((done) => fixture.disk.remove("a", done));
      expect(await list(".")).to.deep.equal([]);
      expect(await read(file, 0, 99)).to.equal("still here");
    });

    const failures: readonly {
      readonly name: string;
      readonly code: DiskError["code"];
      readonly call: (disk: Disk) => (done: Done<unknown>) => void;
    }[] = [
      {
        name: "open a missing file",
        code: "not-found",
        call: (d) => (f) => d.open("no", "read", f),
      },
      {
        name: "open a missing file to write",
        code: "not-found",
        call: (d) => (f) => d.open("no", "read-write", f),
      },
      { name: "create twice", code: "exists", call: (d) => (f) => d.open("there", "create", f) },
      {
        name: "create in a missing directory",
        code: "not-found",
        call: (d) => (f) => d.open("no/file", "create", f),
      },
      { name: "list nothing", code: "not-found", call: (d) => (f) => d.list("no", f) },
      {
        name: "make a directory twice",
        code: "exists",
        call: (d) => (f) => d.makeDirectory("dir", f),
      },
      {
        name: "make a directory of a file's name",
        code: "exists",
        call: (d) => (f) => d.makeDirectory("there", f),
      },
      {
        name: "make a directory without its parent",
        code: "not-found",
        call: (d) => (f) => d.makeDirectory("no/dir", f),
      },
      {
        name: "rename nothing",
        code: "not-found",
        call: (d) => (f) => d.rename("no", "other", f),
      },
      {
        name: "remove nothing",
        code: "not-found",
        call: (d) => (f) => d.remove("no", f),
      },
      {
        name: "sync a missing directory",
        code: "not-found",
        call: (d) => (f) => d.syncDirectory("no", f),
      },
    ];
    for (const row of failures) {
      it(`answers ${row.code} to: ${row.name}`, async () => {
        await put("there", "");
        await fixture.settle<void>((done) => fixture.disk.makeDirectory("dir", done));
        const { error } = await fixture.settle<unknown>(row.call(fixture.disk));
        expect(error).to.equal(row.code);
      });
    }

    it("never completes synchronously (K1)", async () => {
      let returned = false;
      const { disk, settle } = fixture;
      for (const name of [".", "../outside", "missing"]) {
        returned = false;
        await settle<readonly string[]>((done) => {
          disk.list(name, (error, value) => {
            expect(returned, name).to.equal(true);
            done(error, value);
          });
          returned = true;
        });
      }
    });

    for (const outside of ["../outside", "dir/../../outside", "/etc/hostname", ""]) {
      it(`refuses the name ${JSON.stringify(outside)}`, async () => {
        await fixture.settle<void>((done) => fixture.disk.makeDirectory("dir", done));
        const opened = await fixture.settle<DiskFile>((done) =>
          fixture.disk.open(outside, "create", done),
        );
        expect(opened.error).to.equal("io");
        await put("inside", "");
        const moved = await fixture.settle<void>((done) =>
          fixture.disk.rename("inside", outside, done),
        );
        expect(moved.error).to.equal("io");
      });
    }
  });
}

function realFixture(): Fixture {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), "skein-disk-"));
  const root = path.join(parent, "root");
  fs.mkdirSync(root);
  return {
    disk: createFileDisk(root),
    settle: (call) => new Promise((resolve) => call((e, value) => resolve(settled(e, value)))),
    close: () => {
      const outside = fs.readdirSync(parent);
      fs.rmSync(parent, { recursive: true });
      expect(outside, "nothing was made outside of the root").to.deep.equal(["root"]);
    },
  };
}

function simulatedFixture(): Fixture {
  const clock = new VirtualClock();
  return {
    disk: new SimDisk({ clock, random: seededRandom(1) }),
    settle: (call) =>
      new Promise((resolve) => {
        call((error, value) => resolve(settled(error, value)));
        clock.run();
      }),
    close: () => undefined,
  };
}

function settled<T>(error: DiskError | undefined, value: T): Settled<T> {
  return error === undefined ? { value } : { error: error.code, value };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
