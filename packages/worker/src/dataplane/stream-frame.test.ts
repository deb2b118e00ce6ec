import { taskId } from "@skein/common/ids";
import { expect } from "chai";
import * as fc from "fast-check";
import type { StreamFrame } from "./stream-frame.ts";
import { decodeFrame, encodeFrame } from "./stream-frame.ts";

describe("stream frames", () => {
  const frames: readonly StreamFrame[] = [
    { kind: "open", taskId: taskId("n3x5"), port: 3000 },
    { kind: "accepted" },
    { kind: "refused", code: "draining", reason: "web.1 is about to stop" },
    { kind: "data", payload: Uint8Array.of(1, 2, 3) },
    { kind: "data", payload: new Uint8Array() },
    { kind: "end" },
    { kind: "reset" },
    { kind: "window", bytes: 4_000_000_000 },
    { kind: "got", bytes: 1 },
  ];
  for (const frame of frames) {
    it(`carries ${frame.kind}`, () => {
      for (const stream of [0, 1, 258, 0xffff_ffff]) {
        const decoded = decodeFrame(encodeFrame(stream, frame));
        expect(decoded).to.deep.equal({ ok: true, value: { stream, frame } });
      }
    });
  }

  it("keeps a refusal of a reason it does not know a refusal", () => {
    const bytes = raw(2, ...new TextEncoder().encode("eclipse the moon"));
    const frame = { kind: "refused", code: "unreachable", reason: "eclipse the moon" };
    expect(decodeFrame(bytes)).to.deep.equal({ ok: true, value: { stream: 1, frame } });
  });

  const bad: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", new Uint8Array()],
    ["half a head", Uint8Array.of(1, 0, 0, 0)],
    ["an unknown kind", raw(99)],
    ["an end with a body", raw(4, 0)],
    ["a window of three bytes", raw(6, 1, 2, 3)],
    ["an open without a task", raw(7, ...new TextEncoder().encode("3000 "))],
    ["an open of port 0", raw(7, ...new TextEncoder().encode("0 abc"))],
    ["an open of a path", raw(7, ...new TextEncoder().encode("80 a/b"))],
    ["a refusal of 2000 bytes", raw(2, ...new Uint8Array(2000))],
  ];
  for (const [name, bytes] of bad) {
    it(`refuses ${name}`, () => {
      expect(decodeFrame(bytes).ok).to.equal(false);
    });
  }

  it("is total, and what it takes it would send", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const decoded = decodeFrame(bytes);
        if (!decoded.ok || decoded.value.frame.kind === "refused") return;
        const { stream, frame } = decoded.value;
        expect(Array.from(encodeFrame(stream, frame))).to.deep.equal(Array.from(bytes));
      }),
    );
  });
});

/** A frame of stream 1. */
function raw(kind: number, ...body: readonly number[]): Uint8Array {
  return Uint8Array.from([kind, 0, 0, 0, 1, ...body]);
}
