/**
 * `npx tsx scripts/docker-api.ts`: asks a cluster of its own what of Docker is there, and writes
 * docs/DOCKER-API.md, docs/openapi.json and the findings that the test compares with. Needs the
 * docker CLI and a build.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { API_VERSION } from "@skein/common/api/api-version";
import { ROUTES } from "@skein/common/api/routes";
import { LIMITED } from "../test/docker/survey/endpoints.ts";
import { renderOpenApi } from "../test/docker/survey/openapi.ts";
import { renderPage } from "../test/docker/survey/page.ts";
import { survey } from "../test/docker/survey/survey.ts";
import { LocalCluster, REPOSITORY } from "../test/support/local-cluster.ts";

const CLI = process.env["SKEIN_DOCKER_CLI"] ?? "docker";
const FIXTURES = join(REPOSITORY, "test/fixtures/docker-api");

const cluster = new LocalCluster("survey");
try {
  await cluster.up(1, 2);
  const found = await survey(cluster, { cli: CLI });
  const version = spawnSync(CLI, ["version", "-f", "{{.Client.Version}}"]).stdout.toString();
  const parameters = JSON.parse(readFileSync(join(FIXTURES, "parameters.json"), "utf8"));
  mkdirSync(FIXTURES, { recursive: true });
  writeFileSync(join(FIXTURES, "survey.json"), `${JSON.stringify(found, undefined, 2)}\n`);
  const facts = { survey: found, parameters, limited: LIMITED, client: version.trim() };
  writeFileSync(join(REPOSITORY, "docs/DOCKER-API.md"), renderPage(facts));
  const openApi = renderOpenApi(ROUTES, facts, API_VERSION);
  writeFileSync(
    join(REPOSITORY, "docs/openapi.json"),
    `${JSON.stringify(openApi, undefined, 1)}\n`,
  );
  console.log(`${found.endpoints.length} endpoints, ${found.commands.length} commands and flags`);
} finally {
  await cluster.down();
}
