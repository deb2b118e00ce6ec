import { expect } from "chai";
import * as fc from "fast-check";
import { BodyReader } from "./http-body.ts";
import type { Framing } from "./http-head.ts";

describe("HTTP bodies", () => {
  it("takes exactly the body, however the bytes come (M1)", () => {
    const chunk = fc.string({ minLength: 1, maxLength: 40 });
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 5 }), cuts, (chunks, sizes) => {
        const parts = chunks.map((text) => Buffer.from(text));
        const body = Buffer.concat([
          ...parts.map((part) =>
            Buffer.concat([Buffer.from(`${part.length.toString(16)};e=1\r\n`), part, CRLF]),
          ),
          Buffer.from("0\r\nA: b\r\n\r\n"),
        ]);
        expect(taken({ kind: "chunked" }, body, sizes)).to.equal(body.length);
      }),
    );
    expect(taken({ kind: "length", bytes: 7 }, Buffer.from("0123456"), [2])).to.equal(7);
    expect(taken({ kind: "none" }, Buffer.alloc(0), [2])).to.equal(0);
  });

  const bad: readonly (readonly [string, string])[] = [
    ["a size that is no number", "zz\r\n"],
    ["no size", "\r\n"],
    ["a size with a sign", "+1\r\na\r\n"],
    ["a size with a space", "1 \r\na\r\n"],
    ["a size behind 0x", "0x1\r\na\r\n"],
    ["a size beyond all numbers", "fffffffffffff\r\n"],
    ["a chunk longer than said", "1\r\nab\r\n"],
    ["a bare line feed", "1\na\n"],
    ["an endless extension", `1;${"x".repeat(300)}`],
    ["a control character in a trailer", "0\r\nA: \u0001\r\n\r\n"],
    ["an endless trailer", `0\r\n${"x".repeat(9000)}`],
  ];
  for (const [name, text] of bad) {
    it(`refuses ${name}, and takes nothing after it`, () => {
      const reader = new BodyReader({ kind: "chunked" });
      expect(reader.feed(Buffer.from(text))).to.have.property("bad");
      expect(reader.feed(Buffer.from("0\r\n\r\n"))).to.deep.equal({ taken: 0 });
    });
  }

  it("ends with the connection only where nothing else ends it", () => {
    expect(new BodyReader({ kind: "until-close" }).ended()).to.equal(true);
    expect(new BodyReader({ kind: "length", bytes: 1 }).ended()).to.equal(false);
    expect(new BodyReader({ kind: "chunked" }).ended()).to.equal(false);
  });
});

const CRLF = Buffer.from("\r\n");

/** Bytes taken of the body and a following message, fed in pieces of these sizes in turn. */
function taken(framing: Framing, body: Buffer, sizes: readonly number[]): number {
  const reader = new BodyReader(framing);
  const bytes = Buffer.concat([body, Buffer.from("GET / HTTP/1.1\r\n")]);
  let [at, turn] = [0, 0];
  while (at < bytes.length && !reader.isOver()) {
    const size = sizes[turn % sizes.length] ?? 1;
    turn += 1;
    const fed = reader.feed(bytes.subarray(at, at + size));
    if ("bad" in fed) throw new Error(fed.bad);
    at += fed.taken;
  }
  return at;
}
