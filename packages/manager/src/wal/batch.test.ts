import { crc32 as native } from "node:zlib";
import { crc32 } from "@skein/common/wire/crc32";
import { expect } from "chai";
import fc from "fast-check";
import { BatchEncoder, batchBytes, readBatch } from "./batch.ts";
import type { LogRecord } from "./record.ts";

const stamp = { salt: 0xdeadbeef, batch: 2 ** 40 + 7 };

const records: fc.Arbitrary<LogRecord[]> = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: 4 }),
    entryKind: fc.nat(2),
    index: fc.maxSafeNat(),
    term: fc.maxSafeNat(),
    payload: fc.uint8Array({ maxLength: 100 }),
  }),
  { maxLength: 8 },
);

describe("batch", () => {
  it("comes back as it was, behind any prefix", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(0, 512), (items, start) => {
        const prefix = new Uint8Array(start).fill(9);
        const bytes = new BatchEncoder(native).encode({ stamp, records: items, prefix });
        expect(bytes.length).to.equal(start + batchBytes(items));
        const reading = readBatch({ bytes, crc32 }, start, stamp);
        if (!reading.ok) throw new Error(reading.what);
        expect(reading.batch.records).to.deep.equal(items);
        expect(reading.batch.end).to.equal(bytes.length);
      }),
    );
  });

  it("is not found when any bit but padding differs", () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(7), (items, at, bit) => {
        const whole = new BatchEncoder(crc32).encode({ stamp, records: items }).slice();
        const place = at % whole.length;
        whole[place] = (whole[place] ?? 0) ^ (1 << bit);
        const reading = readBatch({ bytes: whole, crc32 }, 0, stamp);
        if (reading.ok) {
          expect(isPadding(items, place), `byte ${place}`).to.equal(true);
          expect(reading.batch.records).to.deep.equal(items);
        }
      }),
    );
  });

  const others = [
    { name: "another salt", stamp: { ...stamp, salt: 1 } },
    { name: "the batch before", stamp: { ...stamp, batch: stamp.batch - 1 } },
    { name: "the batch behind", stamp: { ...stamp, batch: stamp.batch + 1 } },
  ];
  for (const other of others) {
    it(`is not found under ${other.name}`, () => {
      const bytes = new BatchEncoder(crc32).encode({ stamp, records: [] });
      expect(readBatch({ bytes, crc32 }, 0, other.stamp).ok).to.equal(false);
    });
  }

  it("is not found without a record in its middle", () => {
    const record = { type: 2, entryKind: 0, index: 1, term: 1, payload: new Uint8Array(16) };
    const bytes = new BatchEncoder(crc32).encode({ stamp, records: [record, record, record] });
    const without = Uint8Array.from([...bytes.subarray(0, 64), ...bytes.subarray(128)]);
    expect(readBatch({ bytes: without, crc32 }, 0, stamp).ok).to.equal(false);
  });

  it("is not found with two of its records exchanged", () => {
    const items = [1, 2, 3].map((index) => {
      return { type: 2, entryKind: 0, index, term: 1, payload: Uint8Array.of(index) };
    });
    const bytes = new BatchEncoder(crc32).encode({ stamp, records: items }).slice();
    const [first, second] = [bytes.slice(0, 56), bytes.slice(56, 112)];
    bytes.set(second, 0);
    bytes.set(first, 56);
    expect(readBatch({ bytes, crc32 }, 0, stamp).ok).to.equal(false);
  });

  it("leaves nothing of a longer one in the buffer that both used", () => {
    const encoder = new BatchEncoder(crc32);
    const long = { type: 2, entryKind: 0, index: 1, term: 1, payload: new Uint8Array(400).fill(7) };
    const short = { ...long, payload: Uint8Array.of(1, 2, 3) };
    encoder.encode({ stamp, records: [long, long] });
    const reused = encoder.encode({ stamp, records: [short] }).slice();
    const fresh = new BatchEncoder(crc32).encode({ stamp, records: [short] });
    expect(reused).to.deep.equal(fresh.slice());
  });
});

/** Whether the byte lies behind a payload, where nothing is meant. */
function isPadding(items: readonly LogRecord[], place: number): boolean {
  let at = 0;
  for (const { payload } of items) {
    const end = at + 48 + payload.length;
    at = Math.ceil(end / 8) * 8;
    if (place >= end && place < at) return true;
  }
  return false;
}
