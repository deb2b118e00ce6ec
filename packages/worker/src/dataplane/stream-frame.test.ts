import { expect } from "chai";
import * as fc from "fast-check";
import type { StreamFrame } from "./stream-frame.ts";
import { decodeFrame, encodeFrame } from "./stream-frame.ts";

describe("stream frames", () => {
  const frames: readonly StreamFrame[] = [
    { kind: "accepted" },
    { kind: "refused", code: "draining", reason: "web.1 is about to stop" },
    { kind: "data", payload: Uint8Array.of(1, 2, 3) },
    { kind: "data", payload: new Uint8Array() },
    { kind: "end" },
    { kind: "reset" },
    { kind: "window", bytes: 4_000_000_000 },
  ];
  for (const frame of frames) {
    it(`carries ${frame.kind}`, () => {
      expect(decodeFrame(encodeFrame(frame))).to.deep.equal({ ok: true, value: frame });
    });
  }

  it("keeps a refusal of a reason it does not know a refusal", () => {
    const bytes = Uint8Array.from([2, ...new TextEncoder().encode("eclipse the moon")]);
    const value = { kind: "refused", code: "unreachable", reason: "eclipse the moon" };
    expect(decodeFrame(bytes)).to.deep.equal({ ok: true, value });
  });

  it("refuses what is not a frame", () => {
    for (const bytes of [[], [0], [7], [4, 0], [1, 1], [6], [6, 1, 2, 3], [6, 1, 2, 3, 4, 5]]) {
      expect(decodeFrame(Uint8Array.from(bytes)).ok, String(bytes)).to.equal(false);
    }
    expect(decodeFrame(new Uint8Array(2000).fill(2)).ok).to.equal(false);
  });

  it("is total", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const frame = decodeFrame(bytes);
        if (frame.ok && frame.value.kind !== "refused") {
          expect(Array.from(encodeFrame(frame.value))).to.deep.equal(Array.from(bytes));
        }
      }),
    );
  });
});
