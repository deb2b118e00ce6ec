/**
 * `npm run tidy`: the style guide as a program. Prints one line per finding and exits 1 if there is
 * any. `--write` brings docs/LIMITS.md in step with the limit files.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { checkDocument, checkLimits, checkMetrics, renderLimits } from "./tidy/check-documents.ts";
import { checkFile } from "./tidy/check-file.ts";
import type { Finding } from "./tidy/finding.ts";
import { printFinding } from "./tidy/finding.ts";

const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" });
const files = listed.stdout.split("\n").filter((path) => path !== "" && existsSync(path));
const read = (path: string): string => readFileSync(path, "utf8");
const limitFiles = new Map(
  files
    .filter((path) => /^packages\/[^/]+\/src\/limits\.ts$/.test(path))
    .map((path) => [path, read(path)]),
);

if (process.argv.includes("--write")) writeFileSync("docs/LIMITS.md", renderLimits(limitFiles));

const findings: Finding[] = [
  ...files.filter((path) => path.endsWith(".ts")).flatMap((path) => checkFile(path, read(path))),
  ...files
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) => checkDocument(path, read(path), existsSync)),
  ...checkLimits(limitFiles, existsSync("docs/LIMITS.md") ? read("docs/LIMITS.md") : ""),
];
const production = files.filter((path) => /^packages\/.*(?<!\.test)\.ts$/.test(path));
const sources = new Map(production.map((path) => [path, read(path)]));
findings.push(...checkMetrics(sources, read("docs/METRICS.md")));
for (const finding of findings) console.log(printFinding(finding));
console.log(`${files.length} files, ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
