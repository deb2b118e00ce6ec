/** Segments whose sums are all right and whose content cannot be: written by no log of ours. */
import { clusterId, logIndex, raftId, term } from "@skein/common/ids";
import { crc32 } from "@skein/common/wire/crc32";
import { expect } from "chai";
import type { SnapshotMeta } from "../raft/protocol.ts";
import { BatchEncoder } from "./batch.ts";
import { openingOf } from "./opening.ts";
import type { LogRecord } from "./record.ts";
import { entryRecord, hardStateRecord, markRecord, restartRecord } from "./record.ts";
import type { SegmentFile } from "./replay.ts";
import { replay } from "./replay.ts";
import type { SegmentHeader } from "./segment.ts";
import { encodeSegmentHeader, readSegment, segmentName } from "./segment.ts";

const owner = { clusterId: clusterId("c"), raftId: raftId("r") };
const configuration = { voters: [owner.raftId], learners: [], addresses: {} };
const beginning = meta(0, 0);
const firstHeader: SegmentHeader = {
  sequence: 1,
  firstBatch: 1,
  previousIndex: 0,
  previousTerm: 0,
  salt: 11,
  previousSalt: 0,
};
const nextHeader: SegmentHeader = {
  sequence: 2,
  firstBatch: 2,
  previousIndex: 2,
  previousTerm: 1,
  salt: 12,
  previousSalt: 11,
};
const start = [restartRecord(beginning), hard(1, 0), entry(1, 1), entry(2, 1)];

describe("replay", () => {
  it("takes what a log writes", () => {
    const found = open([
      segment(firstHeader, [start, [hard(1, 1, "voter"), markRecord(meta(1, 1)), entry(3, 1)]]),
    ]);
    expect(found).to.equal("term 1 vote voter commit 1: 1 2 3");
  });

  it("takes a log over two segments", () => {
    const found = open([
      segment(firstHeader, [start]),
      segment(nextHeader, [[hard(2, 2), entry(3, 2)]]),
    ]);
    expect(found).to.equal("term 2 vote - commit 2: 1 2 3");
  });

  const contents: readonly { readonly name: string; readonly batches: LogRecord[][] }[] = [
    { name: "a term that goes back", batches: [start, [hard(0, 0)]] },
    { name: "a commit that goes back", batches: [[...start, hard(1, 2)], [hard(1, 1)]] },
    { name: "a commit beyond the log", batches: [start, [hard(1, 3)]] },
    { name: "a committed entry cut off", batches: [[...start, hard(1, 2)], [entry(1, 2)]] },
    { name: "a gap between entries", batches: [start, [entry(4, 1)]] },
    { name: "an entry 0", batches: [start, [entry(0, 1)]] },
    { name: "no beginning", batches: [[hard(1, 0), entry(1, 1)]] },
    { name: "a restart without its snapshot", batches: [start, [restartRecord(meta(9, 1))]] },
    { name: "an unknown record type", batches: [start, [{ ...entry(3, 1), type: 0 }]] },
    { name: "an unknown entry kind", batches: [start, [{ ...entry(3, 1), entryKind: 9 }]] },
    {
      name: "a vote that is no id",
      batches: [start, [{ ...hard(1, 0), payload: Uint8Array.of(32, 32) }]],
    },
    {
      name: "metadata that does not decode",
      batches: [start, [{ ...markRecord(meta(1, 1)), payload: Uint8Array.of(0xc1) }]],
    },
  ];
  for (const { name, batches } of contents) {
    it(`refuses ${name}`, () => {
      expect(open([segment(firstHeader, batches)])).to.equal("corrupt");
    });
  }

  const headers: readonly { readonly name: string; readonly header: Partial<SegmentHeader> }[] = [
    { name: "another number than its name", header: { sequence: 3 } },
    { name: "another predecessor", header: { previousSalt: 13 } },
    { name: "a batch left out", header: { firstBatch: 3 } },
    { name: "a batch twice", header: { firstBatch: 1 } },
    { name: "another end of the log", header: { previousIndex: 1 } },
    { name: "another term at the log's end", header: { previousTerm: 2 } },
  ];
  for (const { name, header } of headers) {
    it(`refuses a segment whose header tells ${name}`, () => {
      const second = segment({ ...nextHeader, ...header }, [[hard(2, 2), entry(3, 2)]], 2);
      expect(open([segment(firstHeader, [start]), second])).to.equal("corrupt");
    });
  }

  it("refuses a committed entry that is not the snapshot's", () => {
    const log = [segment(firstHeader, [[...start, hard(1, 2)]])];
    expect(open(log, meta(2, 1))).to.equal("term 1 vote - commit 2: ");
    expect(open(log, meta(2, 2))).to.equal("corrupt");
  });

  it("gives up uncommitted entries for a snapshot that has another one there", () => {
    expect(open([segment(firstHeader, [start])], meta(2, 2))).to.equal("term 2 vote - commit 2: ");
  });
});

function open(files: readonly SegmentFile[], snapshot?: SnapshotMeta): string {
  const log = replay(files);
  if (!log.ok) return log.error.code;
  if (log.value === undefined) return "new";
  const opening = openingOf(log.value, snapshot);
  if (!opening.ok) return opening.error.code;
  const { hardState, entries } = opening.value.recovered;
  const vote = hardState.votedFor ?? "-";
  const indexes = entries.map((item) => item.index).join(" ");
  return `term ${hardState.term} vote ${vote} commit ${hardState.commit}: ${indexes}`;
}

function segment(
  header: SegmentHeader,
  batches: readonly (readonly LogRecord[])[],
  sequence: number = header.sequence,
): SegmentFile {
  const bytes = new Uint8Array(16_384);
  bytes.set(encodeSegmentHeader(owner, header));
  let at = 512;
  for (const [place, records] of batches.entries()) {
    const stamp = { salt: header.salt, batch: header.firstBatch + place };
    const batch = new BatchEncoder(crc32).encode({ stamp, records });
    bytes.set(batch, at);
    at = Math.ceil((at + batch.length) / 512) * 512;
  }
  const name = segmentName(sequence);
  const content = readSegment({ file: name, bytes, owner, crc32 });
  if (!content.ok) throw new Error(content.error.message);
  return { name, path: name, sequence, bytes, content: content.value };
}

function meta(index: number, inTerm: number): SnapshotMeta {
  return { index: logIndex(index), term: term(inTerm), configuration };
}

function hard(inTerm: number, commit: number, vote?: string): LogRecord {
  const state = { term: term(inTerm), commit: logIndex(commit) };
  return hardStateRecord(vote === undefined ? state : { ...state, votedFor: raftId(vote) });
}

function entry(index: number, inTerm: number): LogRecord {
  const data = new Uint8Array(3);
  return entryRecord({ index: logIndex(index), term: term(inTerm), kind: "command", data });
}
