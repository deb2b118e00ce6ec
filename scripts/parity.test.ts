/** docs/SWARM-PARITY.md says what its table says, and the table names tests that run. */
import { existsSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { parityPage } from "./parity/page.ts";
import type { ParityRow } from "./parity/table.ts";
import { PARITY } from "./parity/table.ts";
import { SUITES } from "./suites.ts";

const ROOT = new URL("../", import.meta.url);
const STORIES = "test/scenarios/stories.test.ts";

function source(file: string): string {
  return readFileSync(new URL(file, ROOT), "utf8");
}

/** A story is a file; every other test says `it("title"`, and is not skipped. */
function isThere({ file, title }: ParityRow): boolean {
  if (file === STORIES) {
    const story = `test/scenarios/stories/${title.replaceAll(" ", "-")}.txt`;
    return existsSync(new URL(story, ROOT));
  }
  return existsSync(new URL(file, ROOT)) && /\bit\(["`]$/.test(before(source(file), title));
}

function before(text: string, title: string): string {
  const at = text.indexOf(title);
  return at < 0 ? "" : text.slice(Math.max(0, at - 20), at);
}

/** Some suite of the tiers takes it in. */
function isRun(file: string): boolean {
  const patterns = SUITES.flatMap(({ mocha = [] }) => mocha);
  return patterns.some((pattern) => {
    const parts = pattern.split(/(\*\*\/|\*)/).map((part) => {
      if (part === "**/") return "(?:.*/)?";
      return part === "*" ? "[^/]*" : part.replaceAll(".", "\\.");
    });
    return new RegExp(`^${parts.join("")}$`).test(file);
  });
}

describe("the page of parity with Swarm", () => {
  const rows = PARITY.flatMap((section) => section.rows);

  it("is printed from its table", () => {
    expect(source("docs/SWARM-PARITY.md")).to.equal(parityPage());
  });

  it("has a verdict and a test that some suite runs for every feature", () => {
    expect(rows.length).to.be.greaterThan(40);
    for (const row of rows) {
      expect(row.here, row.feature).to.match(/^(yes|limited|no|more)\b/);
      expect(isThere(row), `${row.feature}: no test "${row.title}" in ${row.file}`).to.equal(true);
      expect(isRun(row.file), `${row.feature}: no suite runs ${row.file}`).to.equal(true);
    }
  });
});
