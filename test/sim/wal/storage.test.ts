/** The write-ahead log in good weather: what goes in comes back, in the order that was meant. */
import { BugError } from "@skein/common/assert";
import { clusterId, logIndex, raftId } from "@skein/common/ids";
import type { RaftStorage } from "@skein/manager/wal/raft-storage";
import { expect } from "chai";
import {
  CONFIGURATION,
  DIRECTORY,
  describeRecovered,
  effect,
  entry,
  hardState,
  meta,
  WalWorld,
} from "./harness.ts";

describe("write-ahead log", () => {
  let world: WalWorld;
  beforeEach(() => {
    world = new WalWorld(1);
  });

  const reopened = () => describeRecovered(world.mustOpen().recovered);
  const fill = (storage: RaftStorage, from: number, to: number) => {
    for (let index = from; index <= to; index += 1) {
      const failure = world.persist(storage, effect(hardState(1, index - 1), entry(index, 1, "x")));
      expect(failure).to.equal(undefined);
    }
  };

  describe("an empty directory", () => {
    it("is refused without a configuration to begin with", () => {
      const opened = world.openWithoutBootstrap();
      expect(opened.ok ? "opened" : opened.error.code).to.equal("no-log");
    });

    it("begins with the configuration, at index 0", () => {
      const { recovered, state } = world.mustOpen();
      expect(recovered.snapshot).to.deep.equal(meta(0, 0));
      expect(recovered.entries).to.deep.equal([]);
      expect(state).to.equal(undefined);
      expect(world.mustOpen().recovered.snapshot.configuration).to.deep.equal(CONFIGURATION);
    });

    it("keeps its first configuration, whatever is offered later", () => {
      world.mustOpen();
      const other = { ...CONFIGURATION, voters: [raftId("other")] };
      const { recovered } = world.mustOpen({ bootstrap: other });
      expect(recovered.snapshot.configuration).to.deep.equal(CONFIGURATION);
    });
  });

  it("keeps entries, term, vote and commit", () => {
    const { storage } = world.mustOpen();
    world.persist(storage, effect(hardState(3, 0, "member-2"), entry(1, 2, "a"), entry(2, 3, "b")));
    world.persist(storage, effect(hardState(3, 1, "member-2"), entry(3, 3, "c")));
    expect(reopened()).to.equal("term 3 vote member-2 commit 1 snapshot 0.0 [1.2:a 2.3:b 3.3:c]");
  });

  it("keeps every kind of entry and any bytes", () => {
    const { storage } = world.mustOpen();
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const entries = [
      { ...entry(1, 1), kind: "noop" as const },
      { ...entry(2, 1, every), kind: "config" as const },
      { ...entry(3, 1, every), kind: "command" as const },
    ];
    world.persist(storage, effect(hardState(1, 0), ...entries));
    const { recovered } = world.mustOpen();
    expect(recovered.entries.map((e) => e.kind)).to.deep.equal(["noop", "config", "command"]);
    expect(recovered.entries.map((e) => e.data)).to.deep.equal([new Uint8Array(0), every, every]);
  });

  it("stops on what Raft must never ask", () => {
    const { storage } = world.mustOpen();
    world.persist(storage, effect(hardState(3, 2), entry(1, 3), entry(2, 3), entry(3, 3)));
    const never = [
      effect(hardState(2, 2)),
      effect(hardState(3, 1)),
      effect(hardState(3, 2), entry(5, 3)),
      effect(hardState(3, 2), entry(2, 3)),
      { ...effect(hardState(3, 9)), snapshot: meta(9, 3) },
    ];
    for (const asked of never) {
      expect(() => storage.persist([asked], () => undefined)).to.throw(BugError);
    }
  });

  it("lets a newer entry replace the older one and all behind it", () => {
    const { storage } = world.mustOpen();
    world.persist(storage, effect(hardState(1, 0), entry(1, 1, "a"), entry(2, 1, "b")));
    world.persist(storage, effect(hardState(1, 0), entry(3, 1, "c"), entry(4, 1, "d")));
    world.persist(storage, effect(hardState(2, 1), entry(2, 2, "B")));
    expect(reopened()).to.equal("term 2 vote - commit 1 snapshot 0.0 [1.1:a 2.2:B]");
  });

  it("takes the effects of one batch in their order", () => {
    const { storage } = world.mustOpen();
    world.persist(
      storage,
      effect(hardState(1, 0), entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")),
      effect(hardState(2, 0), entry(2, 2, "B")),
      effect(hardState(2, 0, "member-3"), entry(3, 2, "C")),
    );
    expect(reopened()).to.equal("term 2 vote member-3 commit 0 snapshot 0.0 [1.1:a 2.2:B 3.2:C]");
  });

  it("answers a commit that moved alone at once, without touching the disk", () => {
    const { storage } = world.mustOpen();
    world.clock.run();
    world.persist(storage, effect(hardState(1, 0), entry(1, 1, "a")));
    world.clock.run();
    const calls: string[] = [];
    world.disk.observe((call) => calls.push(call.kind));
    let answered = false;
    storage.persist([effect(hardState(1, 1))], () => {
      answered = true;
    });
    expect(answered).to.equal(true);
    expect(calls).to.deep.equal([]);
    world.persist(storage, effect(hardState(1, 1), entry(2, 1, "b")));
    expect(calls).to.deep.equal(["write"]);
    expect(reopened()).to.equal("term 1 vote - commit 1 snapshot 0.0 [1.1:a 2.1:b]");
  });

  it("syncs a term or vote that changed alone", () => {
    const { storage } = world.mustOpen();
    world.persist(storage, effect(hardState(4, 0)));
    expect(reopened()).to.equal("term 4 vote - commit 0 snapshot 0.0 []");
    const again = world.mustOpen();
    world.persist(again.storage, effect(hardState(4, 0, "member-2")));
    expect(reopened()).to.equal("term 4 vote member-2 commit 0 snapshot 0.0 []");
  });

  it("keeps the commit index over a clean close", () => {
    const { storage } = world.mustOpen();
    world.persist(storage, effect(hardState(1, 0), entry(1, 1, "a")));
    world.persist(storage, effect(hardState(1, 1)));
    world.close(storage);
    expect(reopened()).to.equal("term 1 vote - commit 1 snapshot 0.0 [1.1:a]");
  });

  it("serves what was asked while a batch is written by one write", () => {
    const { storage } = world.mustOpen();
    world.clock.run();
    world.persist(storage, effect(hardState(1, 0)));
    world.clock.run();
    const order: string[] = [];
    let writes = 0;
    world.disk.observe((call) => (writes += call.kind === "write" ? 1 : 0));
    const ask = (index: number) =>
      storage.persist([effect(hardState(1, 0), entry(index, 1))], (error) =>
        order.push(error ?? String(index)),
      );
    for (const index of [1, 2, 3, 4]) ask(index);
    world.clock.run(() => order.length === 4);
    expect(order).to.deep.equal(["1", "2", "3", "4"]);
    expect(writes).to.equal(2);
  });

  it("rotates through segments and reads them all", () => {
    const { storage } = world.mustOpen();
    fill(storage, 1, 40);
    expect(world.files().length).to.be.greaterThan(4);
    const { recovered } = world.mustOpen();
    expect(recovered.entries.map((e) => e.index)).to.deep.equal(
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
  });

  it("takes a batch that is longer than a segment", () => {
    const { storage } = world.mustOpen();
    const long = new Uint8Array(50_000).fill(7);
    expect(world.persist(storage, effect(hardState(1, 0), entry(1, 1, long)))).to.equal(undefined);
    expect(world.persist(storage, effect(hardState(1, 0), entry(2, 1, "b")))).to.equal(undefined);
    const { recovered } = world.mustOpen();
    expect(recovered.entries.map((e) => e.data.length)).to.deep.equal([50_000, 1]);
  });

  it("gives the space of a prepared segment back when it is opened again", () => {
    const { storage } = world.mustOpen();
    fill(storage, 1, 3);
    for (let opening = 0; opening < 10; opening += 1) {
      world.close(world.mustOpen().storage);
    }
    const segments = world.files().filter((name) => name.endsWith(".wal"));
    const bytes = segments.map((name) => world.disk.contents(`${DIRECTORY}/${name}`)?.length ?? 0);
    expect(bytes.filter((length) => length >= 4096).length).to.be.at.most(2);
  });

  it("closes without waiting for the next segment to be prepared", () => {
    const { storage } = world.mustOpen({ segmentBytes: 4 * 1024 * 1024 });
    const writes: string[] = [];
    world.disk.observe((call) => writes.push(call.kind));
    world.close(storage);
    expect(writes.filter((kind) => kind === "write").length).to.be.at.most(3);
    expect(reopened()).to.equal("term 0 vote - commit 0 snapshot 0.0 []");
  });

  describe("snapshots", () => {
    it("come back with their state, and the log begins behind them", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 5);
      expect(world.save(storage, meta(4, 1), "state at 4")).to.equal(undefined);
      const { recovered, state } = world.mustOpen();
      expect(describeRecovered(recovered)).to.equal("term 1 vote - commit 4 snapshot 4.1 [5.1:x]");
      expect(Buffer.from(state ?? []).toString()).to.equal("state at 4");
    });

    it("are read by chunks of a megabyte, and checked", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 2);
      const state = Buffer.alloc(2_500_000, "abcdefg");
      world.wait((done) => storage.saveSnapshot(meta(1, 1), state, done));
      let read: Uint8Array | undefined;
      world.wait((done) =>
        storage.readSnapshot((result) => {
          read = result.ok ? result.value.state : undefined;
          done(undefined);
        }),
      );
      expect(Buffer.compare(read ?? Buffer.alloc(0), state)).to.equal(0);
      expect(Buffer.compare(world.mustOpen().state ?? Buffer.alloc(0), state)).to.equal(0);
    });

    it("may be empty", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 1);
      world.save(storage, meta(1, 1), "");
      expect(world.mustOpen().state).to.deep.equal(new Uint8Array(0));
    });

    it("are not there before the first", () => {
      const { storage } = world.mustOpen();
      let code = "";
      storage.readSnapshot((result) => {
        code = result.ok ? "read" : result.error.code;
      });
      expect(code).to.equal("no-snapshot");
    });

    it("are kept two at a time", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 9);
      for (const index of [2, 4, 6, 8]) world.save(storage, meta(index, 1), `at ${index}`);
      world.clock.run();
      const names = world.files().filter((name) => name.endsWith(".snapshot"));
      expect(names).to.deep.equal([
        "0000000000000006-0000000000000001.snapshot",
        "0000000000000008-0000000000000001.snapshot",
      ]);
    });

    it("change nothing when they are older than the newest", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 9);
      world.save(storage, meta(8, 1), "new");
      expect(world.save(storage, meta(6, 1), "old")).to.equal(undefined);
      expect(Buffer.from(world.mustOpen().state ?? []).toString()).to.equal("new");
    });

    it("refuse more than a few waiting", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 9);
      const answers: (string | undefined)[] = [];
      for (const index of [1, 2, 3, 4, 5, 6, 7]) {
        storage.saveSnapshot(meta(index, 1), new Uint8Array(1), (error) => answers.push(error));
      }
      world.clock.run();
      expect(answers.filter((answer) => answer === undefined).length).to.equal(5);
      expect(answers.find((answer) => answer !== undefined)).to.contain("waiting");
    });

    it("from a leader restart the log behind them", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 3);
      world.save(storage, meta(50, 4), "far ahead");
      world.persist(storage, {
        ...effect(hardState(5, 50), entry(51, 5, "y")),
        snapshot: meta(50, 4),
      });
      world.persist(storage, effect(hardState(5, 50), entry(52, 5, "z")));
      const { recovered, state } = world.mustOpen();
      expect(describeRecovered(recovered)).to.equal(
        "term 5 vote - commit 50 snapshot 50.4 [51.5:y 52.5:z]",
      );
      expect(Buffer.from(state ?? []).toString()).to.equal("far ahead");
    });

    it("from a leader count even when the process died before Raft took them", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 3);
      world.save(storage, meta(50, 4), "far ahead");
      const first = describeRecovered(world.mustOpen().recovered);
      expect(first).to.equal("term 4 vote - commit 50 snapshot 50.4 []");
      const again = world.mustOpen();
      expect(describeRecovered(again.recovered)).to.equal(first);
      world.persist(again.storage, effect(hardState(4, 50), entry(51, 4, "y")));
      expect(reopened()).to.equal("term 4 vote - commit 50 snapshot 50.4 [51.4:y]");
    });

    it("keep what follows them when the log has the same entry there", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 6);
      world.save(storage, meta(5, 1), "from the leader");
      expect(reopened()).to.equal("term 1 vote - commit 5 snapshot 5.1 [6.1:x]");
    });

    it("give up what follows them when the log has another entry there", () => {
      const { storage } = world.mustOpen();
      world.persist(
        storage,
        effect(hardState(1, 1), entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")),
      );
      world.save(storage, meta(2, 2), "from the leader of term 2");
      expect(reopened()).to.equal("term 2 vote - commit 2 snapshot 2.2 []");
    });
  });

  describe("compaction", () => {
    const segments = () => world.files().filter((name) => name.endsWith(".wal")).length;

    it("removes whole segments behind the older of two snapshots", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 40);
      const before = segments();
      world.save(storage, meta(20, 1), "20");
      storage.compact(logIndex(20));
      world.clock.run();
      expect(segments(), "one snapshot: the beginning is the way back").to.be.at.least(before);
      world.save(storage, meta(40, 1), "40");
      storage.compact(logIndex(40));
      world.clock.run();
      expect(segments()).to.be.lessThan(before);
      const recovered = world.mustOpen().recovered;
      expect(describeRecovered(recovered)).to.equal("term 1 vote - commit 40 snapshot 40.1 []");
    });

    it("keeps what it is asked to keep", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 40);
      for (const index of [30, 40]) world.save(storage, meta(index, 1), "s");
      storage.compact(logIndex(12));
      world.clock.run();
      const last = world.files().findLast((name) => name.endsWith(".snapshot"));
      world.disk.corrupt(`${DIRECTORY}/${last}`, (bytes) => {
        bytes[600] = 1;
      });
      expect(world.mustOpen().recovered.entries[0]?.index).to.equal(31);
    });

    it("never removes the segment in use, nor the only beginning", () => {
      const { storage } = world.mustOpen();
      storage.compact(logIndex(1));
      world.clock.run();
      fill(storage, 1, 40);
      storage.compact(logIndex(1));
      world.clock.run();
      expect(world.mustOpen().recovered.entries.length).to.equal(40);
    });

    it("frees the segments of before a restart", () => {
      const { storage } = world.mustOpen();
      fill(storage, 1, 40);
      const before = segments();
      world.save(storage, meta(100, 2), "far");
      world.persist(storage, { ...effect(hardState(2, 100)), snapshot: meta(100, 2) });
      world.clock.run();
      expect(segments()).to.be.lessThan(before);
      expect(reopened()).to.equal("term 2 vote - commit 100 snapshot 100.2 []");
    });

    it("goes on after another opening", () => {
      let storage = world.mustOpen().storage;
      for (let round = 0; round < 6; round += 1) {
        fill(storage, round * 10 + 1, round * 10 + 10);
        world.save(storage, meta(round * 10 + 10, 1), `round ${round}`);
        storage.compact(logIndex(round * 10 + 10));
        world.close(storage);
        storage = world.mustOpen().storage;
      }
      expect(segments()).to.be.lessThan(20);
      expect(reopened()).to.equal("term 1 vote - commit 60 snapshot 60.1 []");
    });
  });

  describe("refuses", () => {
    const code = (options: Parameters<WalWorld["open"]>[0]) => {
      const opened = world.open(options);
      return opened.ok ? "opened" : opened.error.code;
    };

    it("the log of another cluster, by name", () => {
      world.mustOpen();
      const opened = world.open({ clusterId: clusterId("cluster-2") });
      expect(opened.ok ? "" : opened.error.message)
        .to.contain("cluster-1")
        .and.contain("cluster-2");
      expect(code({ clusterId: clusterId("cluster-2") })).to.equal("wrong-cluster");
    });

    it("the log of another member", () => {
      world.mustOpen();
      expect(code({ raftId: raftId("member-2") })).to.equal("wrong-raft-id");
    });

    it("a format it does not know, and says which it knows", () => {
      world.close(world.mustOpen().storage);
      world.disk.corrupt(`${DIRECTORY}/0000000001.wal`, asVersion2);
      const opened = world.open();
      expect(opened.ok ? "" : opened.error.code).to.equal("version");
      expect(opened.ok ? "" : opened.error.message)
        .to.contain("format 2")
        .and.contain("format 1");
    });

    it("everything after it was closed", () => {
      const { storage } = world.mustOpen();
      world.close(storage);
      expect(world.persist(storage, effect(hardState(1, 0)))).to.contain("closed");
      expect(world.save(storage, meta(1, 1), "")).to.contain("closed");
    });
  });
});

/** The same file as a later version would begin it: the first sixteen bytes keep their meaning. */
function asVersion2(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(8, 2, true);
  view.setUint32(12, crcOf(bytes.subarray(0, 12)), true);
}

function crcOf(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
