import { evenManagers } from "@skein/common/model/manager-count";
import { expect } from "chai";
import { age } from "./age.ts";
import { plural, quote } from "./text.ts";

describe("age", () => {
  const cases = [
    { ms: -5, said: "less than a second" },
    { ms: 999, said: "less than a second" },
    { ms: 1000, said: "1 second" },
    { ms: 119_999, said: "119 seconds" },
    { ms: 120_000, said: "2 minutes" },
    { ms: 7_199_999, said: "119 minutes" },
    { ms: 7_200_000, said: "2 hours" },
    { ms: 47 * 3_600_000, said: "47 hours" },
    { ms: 48 * 3_600_000, said: "2 days" },
  ];
  for (const { ms, said } of cases) {
    it(`${ms} ms: ${said}`, () => expect(age(ms)).to.equal(said));
  }
});

describe("plural", () => {
  it("counts as people do", () => {
    expect([0, 1, 2].map((count) => plural(count, "manager"))).to.deep.equal([
      "0 managers",
      "1 manager",
      "2 managers",
    ]);
  });
});

describe("quote", () => {
  const cases = [
    { text: "/home/me/skein", quoted: "/home/me/skein" },
    { text: "unix:///run/skein.sock", quoted: "unix:///run/skein.sock" },
    { text: "/my files/$x", quoted: "'/my files/$x'" },
    { text: "it's", quoted: `'it'\\''s'` },
    { text: "", quoted: "''" },
  ];
  for (const { text, quoted } of cases) {
    it(`${JSON.stringify(text)} becomes ${quoted}`, () => expect(quote(text)).to.equal(quoted));
  }
});

describe("an even number of managers", () => {
  it("is explained by what it survives", () => {
    expect(evenManagers(4)).to.equal(
      "4 managers: majority 3, survives 1 failure, the same as 3; 5 survive 2",
    );
    expect(evenManagers(2)).to.equal(
      "2 managers: majority 2, survives no failure, the same as 1; 3 survive 1",
    );
  });

  it("is not remarked on when it is odd, or none", () => {
    expect([0, 1, 3, 5].map(evenManagers)).to.deep.equal(Array(4).fill(undefined));
  });
});
