import { expect } from "chai";
import { parseCpus, parseDuration, parseSize } from "./units.ts";
import { splitWords } from "./words.ts";

describe("compose units", () => {
  const durations: readonly (readonly [string, number | undefined])[] = [
    ["10s", 10e9],
    ["1m30s", 90e9],
    ["500ms", 5e8],
    ["1.5h", 5400e9],
    ["2us", 2000],
    ["0", 0],
    ["10", undefined],
    ["s", undefined],
    ["-1s", undefined],
    ["1d", undefined],
    ["9999999h", undefined],
  ];
  for (const [text, expected] of durations) {
    it(`duration ${text}`, () => expect(parseDuration(text)).to.equal(expected));
  }

  const sizes: readonly (readonly [string, number | undefined])[] = [
    ["512", 512],
    ["50M", 50 * 1024 ** 2],
    ["1.5g", 1.5 * 1024 ** 3],
    ["64MiB", 64 * 1024 ** 2],
    ["10kb", 10_240],
    ["5b", 5],
    ["x", undefined],
    ["-1", undefined],
    ["1e9g", undefined],
  ];
  for (const [text, expected] of sizes) {
    it(`size ${text}`, () => expect(parseSize(text)).to.equal(expected));
  }

  it("counts CPUs in billionths", () => {
    expect(parseCpus("0.5")).to.equal(500_000_000);
    expect(parseCpus("2")).to.equal(2_000_000_000);
    expect(parseCpus("half")).to.equal(undefined);
  });

  const lines: readonly (readonly [string, readonly string[] | undefined])[] = [
    ["node server.js", ["node", "server.js"]],
    ["  a   'b c' \"d e\"f ", ["a", "b c", "d ef"]],
    ["echo '' \"\"", ["echo", "", ""]],
    ['a\\ b \'\\n\' "\\n \\""', ["a b", "\\n", '\\n "']],
    ["'open", undefined],
    ["", []],
  ];
  for (const [line, words] of lines) {
    it(`words of ${JSON.stringify(line)}`, () => {
      const split = splitWords(line);
      expect(split.ok ? split.value : undefined).to.deep.equal(words);
    });
  }
});
