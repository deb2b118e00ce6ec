/**
 * Asks a cluster of real processes for every endpoint, command and flag of Docker that the page
 * says is there: what was there must be there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { LocalCluster, REPOSITORY } from "../support/local-cluster.ts";
import type { Finding, Survey } from "./survey/survey.ts";
import { survey } from "./survey/survey.ts";

const CLI = (process.env["SKEIN_DOCKER_CLIS"] ?? "docker").split(":")[0] ?? "docker";

describe("docs/DOCKER-API.md", function () {
  this.timeout(240_000);
  const cluster = new LocalCluster("survey");
  before(() => cluster.up(1, 2));
  after(() => cluster.down());

  it("promises nothing that is not there", async () => {
    const path = join(REPOSITORY, "test/fixtures/docker-api/survey.json");
    const said: Survey = JSON.parse(readFileSync(path, "utf8"));
    const found = await survey(cluster, {
      cli: CLI,
      // The flags of the others are tried when the page is made: it takes minutes.
      withFlags: (command) => command === "service create" || command === "exec",
    });
    const lost = [
      ...broken(said.endpoints, found.endpoints),
      ...broken(said.commands, found.commands),
    ];
    expect(lost).to.deep.equal([]);
    const won = [
      ...broken(found.endpoints, said.endpoints),
      ...broken(found.commands, said.commands),
    ];
    if (won.length > 0) {
      console.log(`    there now: ${won.join(", ")}: run npx tsx scripts/docker-api.ts`);
    }
  });
});

/** What the one has and the other refuses; what another CLI does not know is no matter. */
function broken(has: readonly Finding[], refuses: readonly Finding[]): readonly string[] {
  const reasons = new Map(
    refuses.filter((row) => row.verdict === "no").map((row) => [row.what, row.reason]),
  );
  return has
    .filter((row) => row.verdict !== "no" && reasons.has(row.what))
    .map((row) => `${row.what}: ${reasons.get(row.what)}`);
}
