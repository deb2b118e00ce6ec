/** docs/design/raft-scenarios.md does not rot: what it names is there. */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { PLANTED_BUGS } from "../canary/bugs.ts";

const SCENARIOS = 70;

interface Row {
  readonly id: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
  readonly bug: string;
}

const document = readFileSync("docs/design/raft-scenarios.md", "utf8");
const rows: readonly Row[] = document
  .split("\n")
  .filter((line) => /^\| R\d\d \|/.test(line))
  .map((line) => {
    const [, id = "", , tests = "", bug = ""] = line.split("|").map((cell) => cell.trim());
    const named = [...tests.matchAll(/`([^`]+)` "([^"]+)"/g)];
    return { id, bug, tests: named.map(([, file = "", title = ""]) => ({ file, title })) };
  });

describe("the table of Raft scenarios", () => {
  it("has each of them once, in order", () => {
    const expected = Array.from(
      { length: SCENARIOS },
      (_, at) => `R${`${at + 1}`.padStart(2, "0")}`,
    );
    expect(rows.map((row) => row.id)).to.deep.equal(expected);
  });

  it("names at least one test for each, and every one exists", () => {
    const wrong = rows.flatMap(({ id, tests }) => {
      if (tests.length === 0) return [`${id} names no test`];
      return tests
        .filter(({ file, title }) => !readFileSync(file, "utf8").includes(title))
        .map(({ file, title }) => `${id}: ${file} has no "${title}"`);
    });
    expect(wrong).to.deep.equal([]);
  });

  it("names planted bugs that exist", () => {
    const known = new Set(PLANTED_BUGS.flatMap(({ bugs }) => bugs.map((bug) => bug.name)));
    const unknown = rows.map((row) => row.bug).filter((bug) => bug !== "" && !known.has(bug));
    expect(unknown).to.deep.equal([]);
  });
});
