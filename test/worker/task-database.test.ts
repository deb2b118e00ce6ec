/** The agent's task database on the simulated disk: what was answered for survives any crash. */
import { taskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { assignment } from "@skein/worker/agent/fixtures";
import type { DatabaseEntry } from "@skein/worker/agent/task-record";
import { openTaskDatabase, TaskDatabase } from "@skein/worker/shell/task-database";
import { expect } from "chai";
import * as fc from "fast-check";
import { seededRandom } from "../sim/seeded-random.ts";
import { SimDisk } from "../sim/sim-disk.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const REWRITE_BYTES = 8000;

class Bench {
  readonly clock = new VirtualClock();
  readonly disk: SimDisk;
  damaged = 0;

  constructor(seed = 1) {
    this.disk = new SimDisk({ clock: this.clock, random: seededRandom(seed) });
  }

  open(): { readonly error?: string; readonly database?: TaskDatabase } {
    let result: { error?: string; database?: TaskDatabase } = {};
    const metrics = { count: () => (this.damaged += 1), gauge: nothing, observeMs: nothing };
    const ports = { disk: this.disk, log: silentLog, metrics, rewriteBytes: REWRITE_BYTES };
    openTaskDatabase(ports, (error, database) => {
      result = {
        ...(error === undefined ? {} : { error }),
        ...(database === undefined ? {} : { database }),
      };
    });
    this.clock.run();
    return result;
  }

  opened(): TaskDatabase {
    const { error, database } = this.open();
    if (database === undefined) throw new Error(error);
    return database;
  }

  append(database: TaskDatabase, ...entries: readonly DatabaseEntry[]): void {
    let answer: string | undefined = "never answered";
    database.append(entries, (error) => {
      answer = error;
    });
    this.clock.run();
    expect(answer).to.equal(undefined);
  }

  /** Overwrites bytes of the journal, as a failing disk would. */
  edit(change: (bytes: Uint8Array) => Uint8Array): void {
    this.disk.open("tasks.db", "read-write", (_error, file) => {
      file.size((_sizeError, size) => {
        file.read(0, size, (_readError, bytes) => {
          const next = change(bytes);
          file.truncate(next.length, () => file.write(0, next, () => file.sync(nothing)));
        });
      });
    });
    this.clock.run();
  }
}

function nothing(): void {}

function put(id: string, message: string): DatabaseEntry {
  const status = { state: "accepted", at: 1, message } as const;
  return { kind: "task", record: { assignment: assignment(id), status } };
}

function forget(id: string): DatabaseEntry {
  return { kind: "forget", taskId: taskId(id) };
}

/** "t1=a t2=b", in order of id. */
function contents(database: TaskDatabase): string {
  const { records } = database.contents();
  const rows = records.map((record) => `${record.assignment.taskId}=${record.status.message}`);
  return rows.toSorted().join(" ");
}

describe("the task database", function () {
  this.timeout(20_000);

  it("gives back the latest of each task, and the managers", () => {
    const bench = new Bench();
    const database = bench.opened();
    bench.append(database, put("t1", "a"), put("t2", "b"));
    bench.append(database, put("t1", "c"), { kind: "managers", managers: ["m1", "m2"] });
    bench.append(database, put("t3", "d"), forget("t2"));
    const again = bench.opened();
    expect(contents(again)).to.equal("t1=c t3=d");
    expect(again.contents().managers).to.deep.equal(["m1", "m2"]);
    expect(bench.damaged).to.equal(0);
  });

  it("stays in proportion to what it holds", () => {
    const bench = new Bench();
    const database = bench.opened();
    const long = "x".repeat(900);
    for (let round = 0; round < 100; round += 1)
      bench.append(database, put("t1", `${long}${round}`));
    const { journal, live } = database.sizes();
    expect(journal).to.be.below(REWRITE_BYTES + 3000);
    expect(live).to.be.below(3000);
    bench.append(database, put("t2", "after"));
    expect(contents(bench.opened())).to.equal(`t1=${long}99 t2=after`);
  });

  it("cuts off a tail that is damaged, keeps the rest, and goes on", () => {
    for (const cut of [1, 5, 30]) {
      const bench = new Bench();
      const database = bench.opened();
      bench.append(database, put("t1", "a"));
      bench.append(database, put("t2", "b"));
      bench.edit((bytes) => bytes.slice(0, bytes.length - cut));
      const again = bench.opened();
      expect(contents(again)).to.equal("t1=a");
      expect(bench.damaged).to.equal(1);
      bench.append(again, put("t3", "c"));
      expect(contents(bench.opened())).to.equal("t1=a t3=c");
    }
  });

  it("notices any byte that changed", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bench = new Bench();
        bench.append(bench.opened(), put("t1", "a"), put("t2", "b"));
        bench.edit((bytes) => {
          const index = 8 + (at % (bytes.length - 8));
          bytes[index] = (bytes[index] ?? 0) ^ mask;
          return bytes;
        });
        expect(contents(bench.opened())).to.be.oneOf(["", "t1=a"]);
      }),
      { numRuns: 50 },
    );
  });

  const refused: readonly (readonly [string, readonly number[], string])[] = [
    ["a file that is none", [1, 2, 3, 4, 5, 6, 7, 8], "it is not a task database"],
    [
      "a newer format",
      [0x53, 0x4b, 0x54, 0x44, 9, 0, 0, 0],
      "it has format 9, this version reads 1",
    ],
  ];
  for (const [name, bytes, says] of refused) {
    it(`refuses ${name}, and leaves it alone`, () => {
      const bench = new Bench();
      bench.opened();
      bench.edit(() => Uint8Array.from(bytes));
      expect(bench.open().error).to.equal(`Cannot read tasks.db: ${says}`);
      expect(bench.open().error).to.equal(`Cannot read tasks.db: ${says}`);
    });
  }

  it("answers with the disk's error when it cannot write", () => {
    const bench = new Bench();
    const database = bench.opened();
    bench.disk.setFault((call) => (call.kind === "sync" ? "io" : undefined));
    let answer: string | undefined;
    database.append([put("t1", "a")], (error) => {
      answer = error;
    });
    bench.clock.run();
    expect(answer).to.match(/^Cannot sync tasks.db: /);
  });

  it("loses nothing it answered for, at whatever call the machine crashes", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 1, max: 160 }), (seed, crashAt) => {
        const bench = new Bench(seed);
        const answered = runUntil(bench, crashAt);
        bench.disk.crash();
        bench.disk.setFault(undefined);
        const after = contents(bench.opened());
        // Of what was under way any beginning may have survived; everything before it must have.
        expect(after).to.be.oneOf([answered.sure, ...answered.under]);
      }),
      { numRuns: 200 },
    );
  });
});

/**
 * Appends one entry after the other until the disk's call of this number, which never completes.
 */
function runUntil(
  bench: Bench,
  calls: number,
): { readonly sure: string; readonly under: readonly string[] } {
  const dead = (): boolean => count > calls;
  let count = 0;
  bench.disk.setFault(() => {
    count += 1;
    return undefined;
  });
  const expected = new Map<string, string>();
  let sure = "";
  let database: TaskDatabase | undefined;
  const metrics = { count: nothing, gauge: nothing, observeMs: nothing };
  openTaskDatabase(
    { disk: bench.disk, log: silentLog, metrics, rewriteBytes: REWRITE_BYTES },
    (_error, value) => {
      database = value;
    },
  );
  bench.clock.run(() => database !== undefined || dead());
  for (let round = 0; !dead() && database !== undefined; round += 1) {
    const id = `t${round % 4}`;
    const message = `${"y".repeat(1000)}${round}`;
    const other = `t${(round + 1) % 4}`;
    const entries = round % 3 === 2 ? [put(id, message), forget(other)] : [put(id, message)];
    expected.set(id, message);
    const under = [print(expected)];
    if (round % 3 === 2) expected.delete(other);
    under.push(print(expected));
    let done = false;
    database.append(entries, () => {
      done = true;
    });
    bench.clock.run(() => done || dead());
    if (!done) return { sure, under };
    sure = print(expected);
  }
  return { sure, under: [] };
}

function print(expected: ReadonlyMap<string, string>): string {
  return [...expected]
    .map(([id, message]) => `${id}=${message}`)
    .toSorted()
    .join(" ");
}
