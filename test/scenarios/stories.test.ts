/** Life with services, told in text: test/scenarios/stories. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "chai";
import { retell } from "./support/story.ts";

const FOLDER = "test/scenarios/stories";
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith(".txt"));

describe("stories", () => {
  for (const file of FILES) {
    it(file.replace(/\.txt$/, "").replaceAll("-", " "), () => {
      const path = `${FOLDER}/${file}`;
      const written = readFileSync(path, "utf8");
      const told = retell(written);
      if (process.env["SKEIN_REWRITE"] === "1") writeFileSync(path, told);
      else expect(told).to.equal(written);
    });
  }
});
