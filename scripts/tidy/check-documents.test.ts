import { expect } from "chai";
import { checkDocument, checkLimits, checkMetrics, renderLimits } from "./check-documents.ts";

const LIMITS = new Map([
  [
    "packages/common/src/limits.ts",
    "/** Top. */\n\n// Section\n/** Why it is. */\nexport const A_MAX = 4 * 1024;\n" +
      "/**\n * Two\n * lines.\n */\nexport const B_MS: number = 5;\n",
  ],
]);

describe("tidy of documents", () => {
  it("renders the limits with their reasons", () => {
    const lines = renderLimits(LIMITS).split("\n");
    expect(lines).to.include("| `A_MAX` | `4 * 1024` | Section Why it is. |");
    expect(lines).to.include("| `B_MS` | `5` | Two lines. |");
  });

  it("finds limit and document in step", () => {
    expect(checkLimits(LIMITS, renderLimits(LIMITS))).to.deep.equal([]);
  });

  it("finds a limit without a row, and a row without a limit", () => {
    const document = "| `A_MAX` | 1 | x |\n| `OLD_MAX` | 1 | x |";
    const found = checkLimits(LIMITS, document).map(({ advice }) => advice);
    expect(found).to.have.length(2);
    expect(found[0]).to.contain("B_MS");
    expect(found[1]).to.contain("OLD_MAX");
  });

  const rows = [
    { name: "one title and a good link", text: "# A\n[b](b.md)", rules: [] },
    { name: "two titles", text: "# A\n# B", rules: ["one-title"] },
    { name: "a title in a code block", text: "# A\n```\n# not\n```", rules: [] },
    { name: "a dead link", text: "# A\n[b](c.md#d)", rules: ["dead-link"] },
    { name: "a link to elsewhere", text: "# A\n[b](https://x.org)", rules: [] },
  ];
  for (const { name, text, rules } of rows) {
    it(`checks ${name}`, () => {
      const found = checkDocument("docs/a.md", text, (path) => path === "docs/b.md");
      expect(found.map(({ rule }) => rule)).to.deep.equal(rules);
    });
  }

  it("finds a metric without a row, and a row without a metric", () => {
    const sources = new Map([["a.ts", 'count("skein_a_total");\ngauge("skein_b", 1);']]);
    const document = "| `skein_b` | gauge | x |\n| `skein_c` | gauge | x |";
    const found = checkMetrics(sources, document).map(({ path, line }) => `${path}:${line}`);
    expect(found).to.deep.equal(["a.ts:1", "docs/METRICS.md:2"]);
  });
});
