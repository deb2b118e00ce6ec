import { readFileSync } from "node:fs";
import { expect } from "chai";
import { composePage } from "./support-page.ts";

describe("docs/COMPOSE.md", () => {
  it("says what the table says (npx tsx scripts/compose-page.ts --write)", () => {
    const page = readFileSync(new URL("../../../../docs/COMPOSE.md", import.meta.url), "utf8");
    expect(page).to.equal(composePage());
  });
});
