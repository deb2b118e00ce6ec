import { expect } from "chai";
import * as v from "valibot";
import { decodeHeaded, encodeHead } from "./headed.ts";

const schema = v.object({ name: v.string() });

function bytesOf(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

describe("a head with bytes behind it", () => {
  it("comes back as it was", () => {
    const whole = bytesOf(encodeHead({ name: "é" }), Uint8Array.of(1, 2));
    const decoded = decodeHeaded(schema, whole);
    expect(decoded.ok && decoded.value.head).to.deep.equal({ name: "é" });
    expect(decoded.ok && [...decoded.value.rest]).to.deep.equal([1, 2]);
  });

  it("is refused when it is cut off, no JSON, or not the one expected", () => {
    const head = encodeHead({ name: "a" });
    const odd = [head.subarray(0, 3), head.subarray(0, head.length - 1), encodeHead({ other: 1 })];
    for (const bytes of [...odd, Uint8Array.of(0, 0, 0, 1, 0x7b), new Uint8Array(0)]) {
      expect(decodeHeaded(schema, bytes).ok).to.equal(false);
    }
  });
});
