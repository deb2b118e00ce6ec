import { expect } from "chai";
import fc from "fast-check";
import { parseGoJson } from "./go-json.ts";

describe("go-json", () => {
  const refused = [
    {
      text: "{bad json",
      error: "invalid character 'b' looking for beginning of object key string",
    },
    { text: "x", error: "invalid character 'x' looking for beginning of value" },
    { text: "notjson", error: "invalid character 'o' in literal null (expecting 'u')" },
    { text: "", error: "unexpected end of JSON input" },
    { text: '{"a":1', error: "unexpected end of JSON input" },
    { text: '{"a" 1}', error: "invalid character '1' after object key" },
    { text: '{"a":1 "b":2}', error: "invalid character '\"' after object key:value pair" },
    { text: "[1 2]", error: "invalid character '2' after array element" },
    { text: "[1,]", error: "invalid character ']' looking for beginning of value" },
    { text: '{"a":1,}', error: "invalid character '}' looking for beginning of object key string" },
    { text: "{} x", error: "invalid character 'x' after top-level value" },
    { text: '"a\nb"', error: "invalid character '\\n' in string literal" },
    { text: '"\\x"', error: "invalid character 'x' in string escape code" },
    { text: '"\\u12G4"', error: "invalid character 'G' in \\u hexadecimal character escape" },
    { text: "-a", error: "invalid character 'a' in numeric literal" },
    { text: "1.x", error: "invalid character 'x' after decimal point in numeric literal" },
    { text: "1ex", error: "invalid character 'x' in exponent of numeric literal" },
    { text: "01", error: "invalid character '1' after top-level value" },
    { text: "'a'", error: "invalid character '\\'' looking for beginning of value" },
    { text: "[[],[]", error: "unexpected end of JSON input" },
    { text: `${"[".repeat(20_000)}x`, error: "exceeded max depth" },
  ];
  for (const row of refused) {
    it(`says what Go says of ${JSON.stringify(row.text.slice(0, 20))}`, () => {
      expect(parseGoJson(row.text)).to.deep.equal({ ok: false, error: row.error });
    });
  }

  it("reads what JSON.parse reads, and explains everything else", () => {
    const text = fc.oneof(
      fc.json(),
      fc.string(),
      fc.json().map((json) => json.slice(0, -1)),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const parsed = parseGoJson(candidate);
        if (parsed.ok) expect(parsed.value).to.deep.equal(JSON.parse(candidate));
        else expect(parsed.error).to.match(/^(invalid character|unexpected end|exceeded)/);
      }),
    );
  });
});
