import { expect } from "chai";
import fc from "fast-check";
import { formatNanos, formatWall, parseUnixSeconds, toMilliseconds } from "./time.ts";

describe("time", () => {
  const walls = [
    { at: 0, text: "1970-01-01T00:00:00Z" },
    { at: 1_795_372_023_616, text: "2026-11-22T18:27:03.616Z" },
    { at: 951_827_696_500, text: "2000-02-29T12:34:56.5Z" },
  ];
  for (const row of walls) {
    it(`writes ${row.text}`, () => expect(formatWall(row.at)).to.equal(row.text));
  }

  it("agrees with the platform's calendar", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (at) => {
        const whole = new Date(at).toISOString();
        expect(formatWall(at)).to.equal(whole.replace(/\.?0+Z$/, "Z").replace(/:Z$/, ":00Z"));
      }),
    );
  });

  it("writes nine digits in log lines, whatever the text", () => {
    expect(formatNanos("1795372036937110346")).to.equal("2026-11-22T18:27:16.937110346Z");
    expect(formatNanos("5")).to.equal("1970-01-01T00:00:00.000000005Z");
    expect(formatNanos("nonsense")).to.equal("1970-01-01T00:00:00.000000000Z");
  });

  it("reads Unix seconds with a fraction", () => {
    expect(parseUnixSeconds("1795372039")).to.equal(1_795_372_039_000);
    expect(parseUnixSeconds("1795372039.120000000")).to.equal(1_795_372_039_120);
    for (const text of ["", "x", "-1", "1.", "1795372039.1234567890"]) {
      expect(parseUnixSeconds(text), text).to.equal(undefined);
    }
  });

  it("never rounds a duration down to none", () => {
    expect([0, 1, 1_000_000, 1_500_000].map(toMilliseconds)).to.deep.equal([0, 1, 1, 2]);
  });
});
