import { logIndex } from "@skein/common/ids";
import { expect } from "chai";
import fc from "fast-check";
import { Retention } from "./retention.ts";

describe("retention", () => {
  /**
   * Obvious: each index belongs to the segment that wrote it last, and dies with a later smaller
   * one.
   */
  const oracle = (segments: readonly (readonly (number | "restart")[])[], keepFrom: number) => {
    let owners = new Map<number, number>();
    for (const [place, writes] of segments.entries()) {
      for (const write of writes) {
        if (write === "restart") owners = new Map();
        else {
          owners = new Map([...owners].filter(([index]) => index < write));
          owners.set(write, place);
        }
      }
    }
    const live = [...owners].filter(([index]) => index >= keepFrom).map(([, place]) => place);
    return new Set(live);
  };

  it("never drops a segment with an entry that is to be kept", () => {
    const write = fc.oneof(
      { weight: 12, arbitrary: fc.integer({ min: 1, max: 30 }) },
      { weight: 1, arbitrary: fc.constant("restart" as const) },
    );
    const segments = fc.array(fc.array(write, { maxLength: 6 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(segments, fc.integer({ min: 1, max: 32 }), (written, keepFrom) => {
        const retention = new Retention();
        for (const [place, writes] of written.entries()) {
          retention.segmentBegan(place);
          for (const item of writes) {
            if (item === "restart") retention.restarted();
            else retention.appended(logIndex(item));
          }
        }
        const needed = oracle(written, keepFrom);
        for (;;) {
          const sequence = retention.droppable(logIndex(keepFrom));
          if (sequence === undefined) break;
          expect(needed.has(sequence), `segment ${sequence}`).to.equal(false);
          expect(sequence, "the one in use stays").to.be.lessThan(written.length - 1);
          retention.dropped(sequence);
        }
      }),
    );
  });

  it("drops all but the one in use behind what is kept", () => {
    const retention = new Retention();
    for (const sequence of [1, 2, 3]) {
      retention.segmentBegan(sequence);
      retention.appended(logIndex(sequence * 10));
    }
    expect(retention.droppable(logIndex(10))).to.equal(undefined);
    expect(retention.droppable(logIndex(11))).to.equal(1);
    retention.dropped(1);
    expect(retention.droppable(logIndex(31))).to.equal(2);
    retention.dropped(2);
    expect(retention.droppable(logIndex(31))).to.equal(undefined);
  });

  it("drops a segment whose entries were all replaced later", () => {
    const retention = new Retention();
    for (const [sequence, indexes] of [[1, 2], [3, 4, 5], [3]].entries()) {
      retention.segmentBegan(sequence);
      for (const index of indexes) retention.appended(logIndex(index));
    }
    for (const sequence of [0, 1]) {
      expect(retention.droppable(logIndex(3))).to.equal(sequence);
      retention.dropped(sequence);
    }
  });
});
