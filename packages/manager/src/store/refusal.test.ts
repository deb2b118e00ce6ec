import { readFileSync } from "node:fs";
import { expect } from "chai";
import { REFUSALS, refusalAnswer, versionConflict } from "./refusal.ts";

const ERRORS = new URL("../../../../docs/ERRORS.md", import.meta.url);

/** Code and status of each row of the section's table. */
function documented(section: string): readonly [string, number][] {
  const [, after = ""] = readFileSync(ERRORS, "utf8").split(`## ${section}\n`);
  const [table = ""] = after.split("\n## ");
  return [...table.matchAll(/^\| `([\w-]+)` \| (\d+) \|/gm)].map(([, code = "", status]) => [
    code,
    Number(status),
  ]);
}

describe("refusals", () => {
  it("are those of docs/ERRORS.md, with the same status", () => {
    const coded = Object.entries(REFUSALS).map(([code, { status }]) => [code, status]);
    expect(documented("Refusal codes")).to.deep.equal(coded);
  });

  it("become Docker's answer on the Engine API", () => {
    expect(refusalAnswer(versionConflict().error)).to.deep.equal({
      status: 500,
      message: "rpc error: code = Unknown desc = update out of sequence",
    });
  });
});
