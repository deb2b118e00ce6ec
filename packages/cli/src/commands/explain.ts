/** `skein explain`, `plan`, `timeline` and `rebalance`: why, what if, what happened. */
import type { Command } from "commander";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import { plural } from "../output/text.ts";
import { call, client, list, nameOf } from "./calls.ts";
import { printChanges } from "./changes.ts";
import type { GlobalOptions } from "./context.ts";
import { print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import { edited } from "./service.ts";
import { emptySpec } from "./spec.ts";
import { addSpecFlags, writeFlags } from "./spec-flags.ts";

export function addExplain(program: Command): void {
  program
    .command("explain <task|service|node>")
    .description("Say why it is as it is, what it waits for and until when")
    .addHelpText(
      "after",
      examples("skein explain web.1", "skein explain web", "skein explain worker-2"),
    )
    .action((name: string, _flags: unknown, command: Command) =>
      explain(name, command.optsWithGlobals<GlobalOptions>()),
    );
  addPlan(program);
  program
    .command("timeline [object]")
    .description("What happened, with the reasons: of a service, node or task, or of all")
    .option("-n, --limit <n>", "the newest so many", "100")
    .addHelpText(
      "after",
      examples("skein timeline", "skein timeline web", "skein timeline -n 20 worker-1"),
    )
    .action((object: string | undefined, _flags: unknown, command: Command) =>
      timeline(object, command.optsWithGlobals<TimelineFlags>()),
    );
  program
    .command("rebalance [service]")
    .description("Show which tasks would move to emptier nodes; with --apply they do, one for one")
    .option("--apply", "move them: each serves until its successor does")
    .option("--max <n>", "at most so many moves", "20")
    .addHelpText("after", examples("skein rebalance", "skein rebalance --apply web"))
    .action((service: string | undefined, _flags: unknown, command: Command) =>
      rebalance(service, command.optsWithGlobals<RebalanceFlags>()),
    );
}

function addPlan(program: Command): void {
  const create = program
    .command("plan [image] [command...]")
    .description("Show what a service, or a change of one, would do, before anything is done")
    .option("--name <name>", "name of the new service")
    .option("--service <service>", "the service to change, by the flags of service create");
  addSpecFlags(create, "create")
    .passThroughOptions()
    .addHelpText(
      "after",
      examples(
        "skein plan --name web --replicas 30 --reserve-memory 512m host node server.js",
        "skein plan --service web --replicas 10",
      ),
    )
    .action((image: string | undefined, words: string[], _flags: unknown, command: Command) =>
      plan(image ?? "host", words, command.optsWithGlobals<PlanFlags>()),
    );
}

async function explain(name: string, flags: GlobalOptions): Promise<void> {
  const what = `explain ${name}`;
  const api = await client(flags, what);
  const path = `/skein/v1/explain/${encodeURIComponent(name)}`;
  const answer = await call(api, { method: "GET", path }, what);
  if (flags.json === true) return printJson(answer);
  print(`${textAt(answer, "kind")} ${textAt(answer, "name")} (${textAt(answer, "id")})`);
  for (const line of listAt(answer, "lines")) print(`  ${String(line)}`);
  printNodes(answer);
}

function printNodes(answer: unknown): void {
  const nodes = listAt(answer, "nodes");
  if (nodes.length === 0) return;
  const rows = nodes.map((one) => [
    textAt(one, "node"),
    typeof at(one, "reason") === "string" ? textAt(one, "reason") : "would take it",
  ]);
  for (const line of table(["NODE", "ANSWER"], rows)) print(line);
}

/** "2026-01-31T12:00:00.000" */
const AT_WIDTH = 23;

interface TimelineFlags extends GlobalOptions {
  readonly limit: string;
}

async function timeline(object: string | undefined, flags: TimelineFlags): Promise<void> {
  const what = "show the timeline";
  const api = await client(flags, what);
  const query = { limit: flags.limit, ...(object === undefined ? {} : { object }) };
  const entries = await list(api, { path: "/skein/v1/timeline", query }, what);
  if (flags.json === true) return printJson(entries);
  for (const entry of entries) {
    // The API leaves zeros at the end out, as Docker does; a column must not.
    const at = textAt(entry, "at").replace(/Z$/, "").padEnd(AT_WIDTH, "0");
    const time = at.slice(0, AT_WIDTH).replace("T", " ");
    print(`${time}  ${textAt(entry, "object")}  ${textAt(entry, "text")}`);
  }
}

interface RebalanceFlags extends GlobalOptions {
  readonly apply?: boolean;
  readonly max: string;
}

async function rebalance(service: string | undefined, flags: RebalanceFlags): Promise<void> {
  const what = "rebalance";
  const api = await client(flags, what);
  const query = {
    max: flags.max,
    ...(service === undefined ? {} : { service }),
    ...(flags.apply === true ? { apply: "true" } : {}),
  };
  const answer = await call(api, { method: "POST", path: "/skein/v1/rebalance", query }, what);
  if (flags.json === true) return printJson(answer);
  const moves = listAt(answer, "moves");
  if (moves.length === 0)
    return print("nothing to move: every service is spread as well as it can be");
  const rows = moves.map((move) => ["task", "from", "to"].map((key) => textAt(move, key)));
  for (const line of table(["TASK", "FROM", "TO"], rows)) print(line);
  if (flags.apply !== true)
    print(`${plural(moves.length, "move")} planned: skein rebalance --apply makes them`);
}

interface PlanFlags extends GlobalOptions {
  readonly name?: string;
  readonly service?: string;
}

async function plan(image: string, words: readonly string[], flags: PlanFlags): Promise<void> {
  const what = `plan service ${flags.service ?? flags.name ?? ""}`.trimEnd();
  const api = await client(flags, what);
  const found =
    flags.service === undefined
      ? undefined
      : await call(
          api,
          { method: "GET", path: `/services/${encodeURIComponent(flags.service)}` },
          what,
        );
  const body =
    found === undefined ? emptySpec(image, words, flags.name ?? "planned") : edited(found, flags);
  if (found === undefined) writeFlags(body, flags);
  const query = found === undefined ? {} : { service: nameOf(found) };
  const answer = await call(api, { method: "POST", path: "/skein/v1/plan", query, body }, what);
  if (flags.json === true) return printJson(answer);
  printPlan(answer);
}

function printPlan(answer: unknown): void {
  const [replaced, added, removed] = ["replaced", "added", "removed"].map((key) =>
    numberAt(answer, key),
  );
  print(
    `${textAt(answer, "action")} ${textAt(answer, "service")}: ` +
      `${added} tasks added, ${replaced} replaced, ${removed} removed`,
  );
  if (textAt(answer, "action") === "update") printChanges(listAt(answer, "changes"));
  const rows = listAt(answer, "placement").map((one) => [
    textAt(one, "node"),
    String(numberAt(one, "tasks")),
  ]);
  if (rows.length > 0) for (const line of table(["NODE", "TASKS"], rows)) print(line);
  const unplaced = numberAt(answer, "unplaced");
  if (unplaced === 0) return;
  print(`${plural(unplaced, "task")} would find no node: ${textAt(answer, "reason")}`);
  printNodes(answer);
}
