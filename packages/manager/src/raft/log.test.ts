import { logIndex, term } from "@skein/common/ids";
import { expect } from "chai";
import { RaftLog } from "./log.ts";
import { entriesFrom } from "./testing/test-member.ts";

describe("raft log", () => {
  it("finds where two logs may meet, whole terms at a time", () => {
    const log = logOf([1, 1, 1, 3, 3, 5]);
    const rows = [
      { index: 6, atTerm: 5, meets: 6 },
      { index: 6, atTerm: 4, meets: 5 },
      { index: 9, atTerm: 2, meets: 3 },
      { index: 2, atTerm: 9, meets: 2 },
      { index: 6, atTerm: 0, meets: 0 },
    ];
    for (const { index, atTerm, meets } of rows) {
      expect(log.lastAtOrBelow(logIndex(index), term(atTerm)), `${index}:${atTerm}`).to.equal(
        meets,
      );
    }
  });

  it("batches by bytes and count, but never less than one entry", () => {
    const log = logOf([1, 1, 1, 1, 1]);
    const batch = (bytesMax: number, entriesMax: number): number =>
      log.batch(logIndex(2), log.last, { bytesMax, entriesMax }).length;
    expect(batch(1, 10)).to.equal(1);
    expect(batch(70, 10)).to.equal(2);
    expect(batch(1000, 3)).to.equal(3);
    expect(batch(1000, 10)).to.equal(4);
    expect(log.batch(logIndex(6), log.last, { bytesMax: 1, entriesMax: 1 })).to.deep.equal([]);
  });

  it("does not take a late completion of an old write for the new entries at its indexes", () => {
    // Three leaders write over indexes 1-3 while the first write is still under way.
    const log = new RaftLog({ index: logIndex(0), term: term(0) }, []);
    log.append(entriesFrom(1, [1, 1, 1]));
    log.takeUnsaved(1);
    log.truncate(logIndex(2), logIndex(0));
    log.append(entriesFrom(2, [2, 2]));
    log.takeUnsaved(2);
    log.truncate(logIndex(3), logIndex(0));
    log.append(entriesFrom(3, [3]));
    log.takeUnsaved(3);
    log.persisted(1);
    expect(log.durable).to.equal(1);
    log.persisted(2);
    expect(log.durable).to.equal(2);
    log.persisted(3);
    expect(log.durable).to.equal(3);
  });

  it("asks to write exactly what is not yet written", () => {
    const log = logOf([1, 1]);
    expect(log.hasUnsaved()).to.equal(false);
    log.append(entriesFrom(3, [1, 1]));
    log.truncate(logIndex(4), logIndex(0));
    log.append(entriesFrom(4, [2]));
    expect(words(log.takeUnsaved(1))).to.deep.equal(["3:1", "4:2"]);
    expect(log.hasUnsaved()).to.equal(false);
  });

  it("never truncates what is committed", () => {
    const log = logOf([1, 1, 1]);
    expect(() => log.truncate(logIndex(2), logIndex(2))).to.throw("committed up to 2");
    log.truncate(logIndex(3), logIndex(2));
    expect(log.last).to.equal(2);
  });

  it("refuses a gap and falling terms", () => {
    const log = logOf([1, 2]);
    expect(() => log.append(entriesFrom(4, [2]))).to.throw("does not follow 2");
    expect(() => log.append(entriesFrom(3, [1]))).to.throw("term 1 follows 2");
  });

  it("keeps the term of the entry before its first when it is compacted", () => {
    const log = logOf([1, 2, 3, 4]);
    log.compact(logIndex(4));
    expect(log.base).to.deep.equal({ index: 3, term: 3 });
    expect(log.termAt(logIndex(3))).to.equal(3);
    expect(log.termAt(logIndex(2))).to.equal(undefined);
    log.compact(logIndex(2));
    expect(log.base.index).to.equal(3);
  });

  it("is not durable behind a snapshot before the snapshot's mark is", () => {
    const log = logOf([1, 1, 1]);
    log.append(entriesFrom(4, [1, 1]));
    log.takeUnsaved(1);
    log.restart({ index: logIndex(9), term: term(2) }, logIndex(2));
    log.takeUnsaved(2);
    log.persisted(1);
    expect(log.durable).to.equal(2);
    log.persisted(2);
    expect(log.durable).to.equal(9);
  });
});

function logOf(terms: readonly number[]): RaftLog {
  return new RaftLog({ index: logIndex(0), term: term(0) }, entriesFrom(1, terms));
}

function words(entries: readonly { readonly index: number; readonly term: number }[]) {
  return entries.map((entry) => `${entry.index}:${entry.term}`);
}
