import { expect } from "chai";
import * as fc from "fast-check";
import { interpolateText, interpolateTree } from "./interpolate.ts";

const VARIABLES = new Map([
  ["SET", "value"],
  ["EMPTY", ""],
  ["ODD", "$SET ${SET}"],
]);

describe("compose interpolation", () => {
  const table: readonly (readonly [string, string])[] = [
    ["plain", "plain"],
    ["$SET", "value"],
    ["${SET}", "value"],
    ["a${SET}b$SET.c", "avaluebvalue.c"],
    ["$$SET", "$SET"],
    ["$$$SET", "$value"],
    ["${UNSET}", ""],
    ["${UNSET:-d}", "d"],
    ["${UNSET-d}", "d"],
    ["${EMPTY:-d}", "d"],
    ["${EMPTY-d}", ""],
    ["${SET:-d}", "value"],
    ["${SET:+r}", "r"],
    ["${EMPTY:+r}", ""],
    ["${EMPTY+r}", "r"],
    ["${UNSET+r}", ""],
    ["${UNSET:-${EMPTY:-${SET}}}", "value"],
    ["${UNSET:-a$$b}", "a$b"],
    ["${SET:?needed}", "value"],
    ["${EMPTY?needed}", ""],
    ["${UNSET:-http://x:80/?a=b}", "http://x:80/?a=b"],
    // What was put in is not looked at again.
    ["$ODD", "$SET ${SET}"],
  ];
  for (const [text, expected] of table) {
    it(`${text} is ${JSON.stringify(expected)}`, () => {
      const done = interpolateText(text, VARIABLES);
      expect(done.ok && done.value.value).to.equal(expected);
    });
  }

  const refused: readonly (readonly [string, RegExp])[] = [
    ["$", /a single \$ begins no variable/],
    ["${", /not followed by a name/],
    ["${SET", /not closed/],
    ["${1}", /not followed by a name/],
    ["${SET!x}", /not closed/],
    ["${UNSET:?set it first}", /required variable UNSET is not set: set it first/],
    ["${EMPTY:?}", /required variable EMPTY is empty/],
    ["${A:-".repeat(30), /nest deeper/],
  ];
  for (const [text, reason] of refused) {
    it(`${text.slice(0, 24)} is refused`, () => {
      const done = interpolateText(text, VARIABLES);
      expect(done.ok).to.equal(false);
      if (!done.ok) expect(done.error).to.match(reason);
    });
  }

  it("names what is not set, but not within a default that is not used", () => {
    const done = interpolateText("$A ${B:-x} ${SET:-$C} ${D:-$E}", VARIABLES);
    expect(done.ok && done.value.unset).to.deep.equal(["A", "E"]);
  });

  it("tells every wrong place of a tree, and leaves keys alone", () => {
    const tree = { a: "${", $SET: ["$SET", 5, null, "$"] };
    const done = interpolateTree(tree, VARIABLES);
    expect(done.ok).to.equal(false);
    if (!done.ok) expect(done.error.map(({ path }) => path)).to.deep.equal(["a", "$SET.3"]);
    const right = interpolateTree({ $SET: ["$SET", 5, null] }, VARIABLES);
    expect(right.ok && right.value.value).to.deep.equal({ $SET: ["value", 5, null] });
  });

  it("(property) is total, and keeps any text whose dollar signs are doubled", () => {
    const letters = fc.constantFrom("$", "{", "}", ":", "-", "?", "+", "A", "SET", " ");
    const texts = fc.array(letters, { maxLength: 40 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(texts, (text) => {
        interpolateText(text, VARIABLES);
        const doubled = interpolateText(text.replaceAll("$", "$$$$"), VARIABLES);
        expect(doubled.ok && doubled.value.value).to.equal(text);
      }),
    );
  });
});
