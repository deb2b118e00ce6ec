import { expect } from "chai";
import fc from "fast-check";
import type { Answer, DnsRecord, Query } from "./message.ts";
import { decodeQuery, encodeAnswer, TYPES } from "./message.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
/** "api" A IN, wanting recursion. */
const API = "abcd 0100 0001 0000 0000 0000 03617069 00 0001 0001";

function query(hex: string): Query {
  const decoded = decodeQuery(bytes(hex));
  if (!decoded.ok) throw new Error(decoded.error.rcode);
  return decoded.value;
}

function answerOf(answers: readonly DnsRecord[]): Answer {
  return { rcode: "noerror", authoritative: true, answers, authority: [], additional: [] };
}

const many = (count: number) =>
  Array.from({ length: count }, (_, at): DnsRecord => {
    return { type: "A", name: "api", ttl: 1, address: `10.65.0.${at}` };
  });

describe("dns messages", () => {
  it("read a question", () => {
    expect(query(API)).to.deep.equal({
      id: 0xab_cd,
      recursionDesired: true,
      question: { name: "api", type: TYPES.A, class: 1 },
    });
  });

  it("read how much a client takes over UDP, within bounds", () => {
    const edns = (size: string) =>
      query(`abcd 0100 0001 0000 0000 0001 03617069 00 0001 0001 00 0029 ${size} 00000000 0000`)
        .udpBytes;
    expect([edns("1000"), edns("0400"), edns("0001")]).to.deep.equal([1232, 1024, 512]);
  });

  for (const [what, hex, rcode] of [
    ["too short", "abcd", "formerr"],
    ["an answer", "abcd 8100 0001 0000 0000 0000 00 0001 0001", "formerr"],
    ["another kind of question", "abcd 1000 0001 0000 0000 0000 00 0001 0001", "notimp"],
    ["two questions", "abcd 0100 0002 0000 0000 0000 00 0001 0001", "formerr"],
    ["a name that points at itself", "abcd 0100 0001 0000 0000 0000 c00c 0001 0001", "formerr"],
    ["a name that points ahead", "abcd 0100 0001 0000 0000 0000 c00e 0361 0001", "formerr"],
    ["a name without an end", "abcd 0100 0001 0000 0000 0000 0361", "formerr"],
  ] as const) {
    it(`refuse ${what}`, () => {
      const decoded = decodeQuery(bytes(hex));
      expect(decoded.ok).to.equal(false);
      if (!decoded.ok) expect(decoded.error.rcode).to.equal(rcode);
    });
  }

  it("are read to an end, whatever the bytes (M1)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (some) => {
        const decoded = decodeQuery(some);
        expect(decoded.ok || decoded.error.rcode.length > 0).to.equal(true);
      }),
    );
  });

  it("write names once and point back, keeping the letter case of the question (M3)", () => {
    const asked = query(API.replace("03617069", "03415049"));
    const out = Buffer.from(encodeAnswer(asked, answerOf(many(1)), 512));
    expect(out.toString("hex")).to.equal(
      "abcd8580000100010000000003415049000001000" + "1c00c0001000100000001" + "00040a410000",
    );
  });

  it("fit 28 addresses of a long name into 512 bytes, and say when more were left out (M2)", () => {
    const asked = { ...query(API), question: { name: "a-name-of-20-letters", type: 1, class: 1 } };
    const whole = encodeAnswer(
      asked,
      answerOf(many(28).map((r) => ({ ...r, name: asked.question.name }))),
      512,
    );
    expect((whole[2] ?? 0) & 2).to.equal(0);
    const cut = encodeAnswer(query(API), answerOf(many(60)), 512);
    expect(cut.length).to.be.at.most(512);
    expect((cut[2] ?? 0) & 2).to.equal(2);
    expect(Buffer.from(cut).readUInt16BE(6)).to.equal(30);
    const over = encodeAnswer(query(API), answerOf(many(60)), 65_535);
    expect(Buffer.from(over).readUInt16BE(6)).to.equal(60);
  });
});
