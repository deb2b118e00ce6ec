/** docs/DOCKER-API.md from what a survey found. */
import type { Finding, Survey } from "./survey.ts";

/** Query parameters of each endpoint, by "METHOD /path". */
export type Parameters = Readonly<Record<string, readonly string[]>>;

export interface PageFacts {
  readonly survey: Survey;
  readonly parameters: Parameters;
  /** What falls short, by endpoint or endpoint and parameter. */
  readonly limited: Readonly<Record<string, string>>;
  readonly client: string;
}

export function renderPage(facts: PageFacts): string {
  const { endpoints, commands } = facts.survey;
  const count = (rows: readonly Finding[], verdict: string): number =>
    rows.filter((row) => row.verdict === verdict).length;
  const sum = (rows: readonly Finding[]): string =>
    ["yes", "limited", "no", "untried"]
      .map((verdict) => `${count(rows, verdict)} ${verdict}`)
      .join(", ");
  return [
    "# Docker's API and commands",
    "",
    "What of Docker is there. Made by `npx tsx scripts/docker-api.ts` from a survey: a cluster of",
    `real processes is asked for every endpoint, and docker CLI ${facts.client} is run with every`,
    "command and flag of the tables in `test/docker/survey`. `test/docker/docker-api.test.ts` asks",
    "again: what was there must be there. Do not edit by hand. The reasons are the cluster's own words.",
    "",
    `Endpoints: ${sum(endpoints)}. Commands and flags: ${sum(commands)}.`,
    "",
    "## Endpoints",
    "",
    "| Endpoint | There? | Parameters, reason |",
    "|---|---|---|",
    ...endpoints.map((row) => endpointRow(row, facts)),
    "",
    "## Commands and flags",
    "",
    "Flags in the last column are there; one that is not, or only in part, has a row with the reason.",
    "",
    "| Command or flag | There? | Flags that are there, or the reason |",
    "|---|---|---|",
    ...commandRows(commands),
    "",
  ].join("\n");
}

function endpointRow(row: Finding, { parameters, limited }: PageFacts): string {
  if (row.verdict === "no") return `| \`${row.what}\` | no | ${cell(row.reason)} |`;
  const notes = (parameters[row.what] ?? []).map((name) => {
    const lack = limited[`${row.what} ${name}`];
    return lack === undefined ? `\`${name}\`` : `\`${name}\` (${lack})`;
  });
  const reason = row.reason === "" ? "" : `${row.reason}${notes.length === 0 ? "" : "; "}`;
  return `| \`${row.what}\` | ${row.verdict} | ${cell(`${reason}${notes.join(", ")}`)} |`;
}

function commandRows(commands: readonly Finding[]): readonly string[] {
  const isFlag = (row: Finding): boolean => row.what.includes(" --");
  return commands
    .filter((row) => !isFlag(row))
    .flatMap((command) => {
      const flags = commands.filter((row) => row.what.startsWith(`${command.what} --`));
      const names = flags
        .filter((row) => row.verdict === "yes")
        .map((row) => `\`${row.what.slice(command.what.length + 1)}\``);
      const said = command.verdict === "yes" ? names.join(", ") : cell(command.reason);
      return [
        `| \`docker ${command.what}\` | ${command.verdict} | ${said} |`,
        ...flags
          .filter((row) => row.verdict !== "yes")
          .map((row) => `| \`docker ${row.what}\` | ${row.verdict} | ${cell(row.reason)} |`),
      ];
    });
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
