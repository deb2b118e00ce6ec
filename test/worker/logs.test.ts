/**
 * Output of tasks, from the file a task writes to the lines a manager gets, on the simulated disk.
 */
import type { TaskId } from "@skein/common/ids";
import { taskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import type { LogMessage, LogRequest } from "@skein/common/wire/log-messages";
import { LOG_LINE_BYTES_MAX, LOG_MARKS_MAX, LOG_QUEUE_BYTES_MAX } from "@skein/worker/limits";
import { LogMarks } from "@skein/worker/logs/log-marks";
import { LogSession } from "@skein/worker/logs/log-session";
import { LogTailer } from "@skein/worker/logs/log-tailer";
import { expect } from "chai";
import * as fc from "fast-check";
import { seededRandom } from "../sim/seeded-random.ts";
import { SimDisk } from "../sim/sim-disk.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const T1 = taskId("t1");
const T2 = taskId("t2");
type Stream = "stdout" | "stderr";

/** A reader that takes as much as it is told to. */
class Reader {
  readonly messages: LogMessage[] = [];
  queued = 0;
  isGone = false;

  send(message: LogMessage): boolean {
    if (this.isGone) return false;
    this.messages.push(message);
    return true;
  }

  queuedBytes(): number {
    return this.queued;
  }

  /** "t1 stdout hello", marks in brackets. */
  lines(): readonly string[] {
    return this.messages.map((message) => {
      if (message.kind === "end") return "end";
      const text = Buffer.from(message.line).toString();
      const partial = message.partial === true ? " [partial]" : "";
      const flags = `${partial}${message.late === true ? " [late]" : ""}`;
      return `${message.taskId} ${message.stream} ${text.trimEnd()}${flags}`;
    });
  }
}

class Bench {
  readonly clock = new VirtualClock();
  readonly disk = new SimDisk({ clock: this.clock, random: seededRandom(1) });
  readonly sizes = new Map<string, number>();
  tailer = this.fresh();

  constructor() {
    this.settle((done) => this.disk.makeDirectory("tasks", done));
  }

  fresh(): LogTailer {
    return new LogTailer({ disk: this.disk, clock: this.clock, log: silentLog });
  }

  /** Starts a call and runs until it is complete. */
  settle(call: (done: () => void) => void): void {
    let isDone = false;
    call(() => {
      isDone = true;
    });
    this.clock.run(() => isDone);
  }

  wait(milliseconds: number): void {
    this.settle((done) => this.clock.after(milliseconds, done));
  }

  begin(task: TaskId): void {
    this.settle((done) => this.disk.makeDirectory(`tasks/${task}`, done));
    for (const stream of ["stdout", "stderr"] as const) this.write(task, stream, "");
    this.tailer.track(task, false);
  }

  end(task: TaskId): void {
    this.tailer.finish(task);
    this.clock.run(() => !this.tailer.grows(task));
  }

  write(task: TaskId, stream: Stream, text: string): void {
    const path = `tasks/${task}/${stream}`;
    const at = this.sizes.get(path);
    const bytes = Buffer.from(text);
    this.sizes.set(path, (at ?? 0) + bytes.length);
    this.settle((done) => {
      this.disk.open(path, at === undefined ? "create" : "read-write", (error, file) => {
        if (error !== undefined) throw new Error(error.message);
        file.write(at ?? 0, bytes, () => file.close(done));
      });
    });
  }

  request(options: Partial<LogRequest> = {}, reader = new Reader()) {
    const base = { taskIds: [T1], follow: false, stdout: true, stderr: true };
    const ports = {
      disk: this.disk,
      tailer: this.tailer,
      clock: this.clock,
      wall: () => this.clock.wall(),
    };
    const session = new LogSession(ports, { ...base, ...options }, reader);
    session.start();
    return { session, reader };
  }

  /** Lines of a request that ends by itself. */
  lines(options: Partial<LogRequest> = {}): readonly string[] {
    const { reader } = this.request(options);
    this.clock.run(() => reader.messages.at(-1)?.kind === "end");
    return reader.lines();
  }
}

describe("logs of a task", function () {
  this.timeout(20_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it("come whole, in order of time over both streams, each with its time", () => {
    bench.begin(T1);
    bench.wait(1000);
    bench.write(T1, "stdout", "one\n");
    bench.wait(1000);
    bench.write(T1, "stderr", "two\n");
    bench.wait(1000);
    bench.write(T1, "stdout", "three\nunfini");
    bench.wait(1000);
    const { reader } = bench.request();
    bench.clock.run(() => reader.messages.at(-1)?.kind === "end");
    expect(reader.lines()).to.deep.equal([
      "t1 stdout one",
      "t1 stderr two",
      "t1 stdout three",
      "end",
    ]);
    const times = reader.messages.map((message) =>
      message.kind === "line" ? Number(message.atNs.slice(0, -6)) : 0,
    );
    for (const [index, written] of [1000, 2000, 3000].entries()) {
      expect(times[index]).to.be.within(written, written + 600);
    }
  });

  it("include the unfinished line once the task has ended", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", "a\nb");
    bench.end(T1);
    expect(bench.lines()).to.deep.equal(["t1 stdout a", "t1 stdout b", "end"]);
  });

  it("are those of the streams asked for", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", "a\n");
    bench.write(T1, "stderr", "b\n");
    bench.end(T1);
    expect(bench.lines({ stdout: false })).to.deep.equal(["t1 stderr b", "end"]);
    expect(bench.lines({ stderr: false })).to.deep.equal(["t1 stdout a", "end"]);
  });

  it("of a task that this node does not know are none", () => {
    expect(bench.lines({ taskIds: [T2] })).to.deep.equal(["end"]);
  });

  it("split a line that is too long, marked", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", `${"x".repeat(LOG_LINE_BYTES_MAX + 10)}\nshort\n`);
    bench.end(T1);
    const lines = bench.lines();
    expect(lines.map((line) => line.length - "t1 stdout ".length)).to.deep.equal([
      LOG_LINE_BYTES_MAX + " [partial]".length,
      10,
      5,
      3 - "t1 stdout ".length,
    ]);
  });

  const tails: readonly (readonly [number, readonly string[]])[] = [
    [0, []],
    [1, ["t1 stderr e2"]],
    [3, ["t1 stdout o2", "t1 stdout o3", "t1 stderr e2"]],
    [4, ["t1 stderr e1", "t1 stdout o2", "t1 stdout o3", "t1 stderr e2"]],
    [99, ["t1 stdout o1", "t1 stderr e1", "t1 stdout o2", "t1 stdout o3", "t1 stderr e2"]],
  ];
  for (const [tail, expected] of tails) {
    it(`with tail ${tail} are the latest of both streams`, () => {
      bench.begin(T1);
      for (const [stream, text] of [
        ["stdout", "o1\n"],
        ["stderr", "e1\n"],
        ["stdout", "o2\no3\n"],
        ["stderr", "e2\n"],
      ] as const) {
        bench.wait(600);
        bench.write(T1, stream, text);
      }
      bench.end(T1);
      expect(bench.lines({ tail })).to.deep.equal([...expected, "end"]);
    });
  }

  it("of a long file, with tail, are its last lines", () => {
    bench.begin(T1);
    const all = Array.from({ length: 30_000 }, (_, index) => `line ${index}`);
    bench.write(T1, "stdout", `${all.join("\n")}\n`);
    bench.end(T1);
    expect(bench.lines({ tail: 12_345 })).to.deep.equal([
      ...all.slice(-12_345).map((line) => `t1 stdout ${line}`),
      "end",
    ]);
  });

  it("since and until a time are those written between", () => {
    bench.begin(T1);
    for (let second = 1; second <= 5; second += 1) {
      bench.wait(1000);
      bench.write(T1, "stdout", `${second}\n`);
    }
    bench.end(T1);
    const lines = bench.lines({ since: 1900, until: 3900 });
    expect(lines).to.deep.equal(["t1 stdout 2", "t1 stdout 3", "end"]);
  });

  it("begin with the first whole line after what was dropped, whichever way they are read", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", `${"\0".repeat(50 * 4096)}end of a line\none\ntwo\n`);
    bench.wait(1000);
    bench.write(T1, "stdout", "three\n");
    bench.end(T1);
    const kept = ["t1 stdout one", "t1 stdout two", "t1 stdout three", "end"];
    expect(bench.lines()).to.deep.equal(kept);
    expect(bench.lines({ tail: 2 })).to.deep.equal(kept.slice(1));
    expect(bench.lines({ tail: 1000 }).slice(-4)).to.deep.equal(kept);
  });

  describe("followed", () => {
    it("go on until the task ends, and then end", () => {
      bench.begin(T1);
      bench.write(T1, "stdout", "before\n");
      bench.wait(1000);
      const { reader } = bench.request({ follow: true });
      bench.wait(1000);
      expect(reader.lines()).to.deep.equal(["t1 stdout before"]);
      bench.write(T1, "stderr", "during\nun");
      bench.wait(1000);
      bench.write(T1, "stderr", "finished");
      bench.end(T1);
      bench.clock.run(() => reader.messages.at(-1)?.kind === "end");
      expect(reader.lines()).to.deep.equal([
        "t1 stdout before",
        "t1 stderr during",
        "t1 stderr unfinished",
        "end",
      ]);
    });

    it("with tail 0 are only what is new", () => {
      bench.begin(T1);
      bench.write(T1, "stdout", "old\nhal");
      bench.wait(1000);
      const { reader } = bench.request({ follow: true, tail: 0 });
      bench.wait(100);
      bench.write(T1, "stdout", "f\nnew\n");
      bench.wait(1000);
      expect(reader.lines()).to.deep.equal(["t1 stdout half", "t1 stdout new"]);
    });

    it("wait for a task that is about to start", () => {
      bench.tailer.expect(T1);
      const { reader } = bench.request({ follow: true });
      bench.wait(60_000);
      expect(reader.lines()).to.deep.equal([]);
      bench.begin(T1);
      bench.write(T1, "stdout", "first\n");
      bench.end(T1);
      bench.clock.run(() => reader.messages.at(-1)?.kind === "end");
      expect(reader.lines()).to.deep.equal(["t1 stdout first", "end"]);
    });

    it("wait a little for a task that this node has not heard of", () => {
      const { reader } = bench.request({ follow: true });
      bench.wait(3000);
      bench.begin(T1);
      bench.write(T1, "stdout", "first\n");
      bench.wait(1000);
      expect(reader.lines()).to.deep.equal(["t1 stdout first"]);
      const other = bench.request({ follow: true, taskIds: [T2] });
      bench.wait(6000);
      expect(other.reader.lines()).to.deep.equal(["end"]);
    });

    it("stop when the reader is gone", () => {
      bench.begin(T1);
      const { reader, session } = bench.request({ follow: true });
      bench.wait(1000);
      session.close();
      bench.write(T1, "stdout", "late\n");
      bench.wait(1000);
      expect(reader.lines()).to.deep.equal([]);
    });
  });

  it("lose and repeat nothing when the reader is slow", () => {
    bench.begin(T1);
    const all = Array.from({ length: 2000 }, (_, index) => `line ${index}`);
    bench.write(T1, "stdout", `${all.join("\n")}\n`);
    bench.end(T1);
    const reader = new Reader();
    const { send } = reader;
    // Full after every hundredth line, until it is emptied.
    reader.send = (message) => {
      if (reader.messages.length % 100 === 99) reader.queued = LOG_QUEUE_BYTES_MAX + 1;
      return send.call(reader, message);
    };
    bench.request({}, reader);
    for (let round = 0; reader.messages.at(-1)?.kind !== "end"; round += 1) {
      expect(round).to.be.below(100);
      bench.wait(50);
      expect(reader.messages.length).to.be.at.most((round + 1) * 100);
      reader.queued = 0;
    }
    expect(reader.lines()).to.deep.equal([...all.map((line) => `t1 stdout ${line}`), "end"]);
  });

  it("written while no agent ran get the time of the next one, marked", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", "seen\n");
    bench.wait(1000);
    bench.tailer.close();
    bench.write(T1, "stdout", "missed\n");
    bench.wait(5000);
    bench.tailer = bench.fresh();
    bench.tailer.track(T1, true);
    bench.wait(1000);
    bench.write(T1, "stdout", "seen again\n");
    bench.end(T1);
    expect(bench.lines()).to.deep.equal([
      "t1 stdout seen",
      "t1 stdout missed [late]",
      "t1 stdout seen again",
      "end",
    ]);
  });

  it("go on after the program truncated its own output", () => {
    bench.begin(T1);
    bench.write(T1, "stdout", "a long first line\n");
    bench.wait(1000);
    const { reader } = bench.request({ follow: true });
    bench.wait(200);
    bench.settle((done) =>
      bench.disk.open("tasks/t1/stdout", "read-write", (_error, file) => file.truncate(0, done)),
    );
    bench.sizes.set("tasks/t1/stdout", 0);
    bench.wait(1000);
    bench.write(T1, "stdout", "new\n");
    bench.end(T1);
    bench.clock.run(() => reader.messages.at(-1)?.kind === "end");
    expect(reader.lines()).to.deep.equal(["t1 stdout a long first line", "t1 stdout new", "end"]);
    expect(bench.lines()).to.deep.equal(["t1 stdout new", "end"]);
  });

  it("come out as they went in, whatever was written, asked and when", () => {
    fc.assert(
      fc.property(anyStory(), (story) => {
        const world = new Bench();
        const written = new Map<string, string>();
        world.begin(T1);
        world.begin(T2);
        const requests = [world.request({ taskIds: [T1, T2], follow: true })];
        for (const { task, stream, text, afterMs, asks } of story) {
          world.wait(afterMs);
          world.write(task, stream, text);
          const key = `${task} ${stream}`;
          written.set(key, (written.get(key) ?? "") + text);
          if (asks) requests.push(world.request({ taskIds: [T1, T2], follow: true }));
        }
        world.end(T1);
        world.end(T2);
        requests.push(world.request({ taskIds: [T1, T2] }));
        for (const { reader } of requests) {
          world.clock.run(() => reader.messages.at(-1)?.kind === "end");
          expect(joined(reader)).to.deep.equal(Object.fromEntries(written));
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("times of output", () => {
  it("stay bounded, ordered and close when they are thinned out", () => {
    const marks = new LogMarks();
    const total = LOG_MARKS_MAX * 3;
    for (let index = 1; index <= total; index += 1)
      marks.add({ end: index, at: index, late: false });
    expect(marks.count()).to.be.within(LOG_MARKS_MAX / 2, LOG_MARKS_MAX);
    expect(marks.end()).to.equal(total);
    // One assertion for all: as many as there are offsets would be the slowest part of the suite.
    let before = 0;
    let wrong = 0;
    for (let offset = 0; offset < total; offset += 1) {
      const at = marks.at(offset)?.at ?? 0;
      if (at < Math.max(before, offset + 1) || at > offset + 32) wrong += 1;
      before = at;
    }
    expect(wrong).to.equal(0);
  });

  it("survive a round trip, and bytes that are none end them", () => {
    const marks = new LogMarks();
    marks.add({ end: 5, at: 1_700_000_000_000, late: false });
    marks.add({ end: 9, at: 1_700_000_000_123, late: true });
    expect(LogMarks.decode(marks.encode())).to.deep.equal(marks);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const read = LogMarks.decode(bytes);
        expect(read.count()).to.be.at.most(bytes.length / 16);
      }),
    );
  });
});

function joined(reader: Reader): Readonly<Record<string, string>> {
  const texts = new Map<string, string>();
  for (const message of reader.messages) {
    if (message.kind === "end") continue;
    const key = `${message.taskId} ${message.stream}`;
    texts.set(key, (texts.get(key) ?? "") + Buffer.from(message.line).toString());
  }
  return Object.fromEntries(texts);
}

interface Deed {
  readonly task: TaskId;
  readonly stream: Stream;
  readonly text: string;
  readonly afterMs: number;
  readonly asks: boolean;
}

function anyStory(): fc.Arbitrary<readonly Deed[]> {
  const piece = fc.constantFrom("", "a", "\n", "bc\n", "\n\n", "x".repeat(3000), "é\n");
  return fc.array(
    fc.record({
      task: fc.constantFrom(T1, T2),
      stream: fc.constantFrom("stdout", "stderr" as const),
      text: fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => `z${pieces.join("")}`),
      afterMs: fc.constantFrom(0, 10, 150, 700),
      asks: fc.boolean(),
    }),
    { maxLength: 15 },
  );
}
