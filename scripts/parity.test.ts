/** docs/SWARM-PARITY.md names tests: each of them must be there, under its title. */
import { existsSync, readFileSync } from "node:fs";
import { expect } from "chai";

const ROOT = new URL("../", import.meta.url);

/** Rows of the page's tables: feature, verdict, file, title. */
function rows(): readonly (readonly [string, string, string, string])[] {
  const page = readFileSync(new URL("docs/SWARM-PARITY.md", ROOT), "utf8");
  return page
    .split("\n")
    .flatMap((line): readonly (readonly [string, string, string, string])[] => {
      const [, feature, here, shown] = /^\| (.+?) \| (.+?) \| (.+) \|$/.exec(line) ?? [];
      if (feature === undefined || here === undefined || feature === "Feature") return [];
      const [, file = "", title = ""] = /^`([^`]+)` (.+)$/.exec(shown ?? "") ?? [];
      return [[feature, here, file, title]];
    });
}

describe("the page of parity with Swarm", () => {
  it("has a verdict and a test for every feature", () => {
    const all = rows();
    expect(all.length).to.be.greaterThan(30);
    for (const [feature, here, file, title] of all) {
      expect(here, feature).to.match(/^(yes|limited|no|more)\b/);
      expect(existsSync(new URL(file, ROOT)), `${feature}: ${file}`).to.equal(true);
      const source = readFileSync(new URL(file, ROOT), "utf8");
      expect(source.includes(`it("${title}`), `${feature}: no test "${title}" in ${file}`).to.equal(
        true,
      );
    }
  });
});
