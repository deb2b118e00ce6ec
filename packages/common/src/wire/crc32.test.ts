import { crc32 as native } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { crc32, crc32Range } from "./crc32.ts";

describe("crc32", () => {
  const rows = [
    { name: "nothing", text: "", sum: 0 },
    { name: "the check value of the standard", text: "123456789", sum: 0xcbf43926 },
    { name: "a letter", text: "a", sum: 0xe8b7be43 },
  ];
  for (const row of rows) {
    it(`sums ${row.name}`, () => {
      expect(crc32(new TextEncoder().encode(row.text))).to.equal(row.sum);
    });
  }

  it("agrees with zlib on every input, seed and part", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), fc.nat(600), (bytes, a, b) => {
        const from = Math.min(a, b, bytes.length);
        const to = Math.min(Math.max(a, b), bytes.length);
        const head = bytes.subarray(0, from);
        expect(crc32(bytes)).to.equal(native(bytes));
        expect(crc32(bytes.subarray(from), crc32(head))).to.equal(native(bytes));
        expect(crc32Range(bytes, { from, to })).to.equal(native(bytes.subarray(from, to)));
      }),
    );
  });
});
