/** `skein logs` and `skein service logs`: what tasks print, each line with its task and node. */
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { messageOf } from "../api/client.ts";
import type { LogLine } from "../api/log-frames.ts";
import { readLogLines } from "../api/log-frames.ts";
import { textAt } from "../api/read.ts";
import { client, refusal, tasksOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours, printJson } from "./context.ts";
import { examples } from "./help.ts";
import { namesOf } from "./tasks.ts";
import { wholeNumber } from "./values.ts";

interface LogFlags extends GlobalOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number | "all";
  readonly since?: string;
  readonly raw?: boolean;
  readonly access?: boolean;
}

export function addLogs(parent: Command): void {
  const self = parent.name() === "service" ? "skein service logs" : "skein logs";
  parent
    .command("logs <service>")
    .description("Show what the tasks of a service print (or one task, by its id)")
    .option("-f, --follow", "stay and show new lines")
    .option("-t, --timestamps", "show when")
    .option("-n, --tail <n>", "only the last lines of each task", tailValue)
    .option("--since <time>", "only newer lines: 10m, or 2026-01-31T10:00:00Z")
    .option("--raw", "the bare lines")
    .option("--access", "the requests to its published ports instead, from every node")
    .addHelpText("after", examples(`${self} web`, `${self} --follow --tail 20 web`))
    .action((name: string, _flags: unknown, command: Command) =>
      logs(name, command.optsWithGlobals<LogFlags>()),
    );
}

function tailValue(value: string): number | "all" {
  return value === "all" ? value : wholeNumber(value);
}

async function logs(name: string, flags: LogFlags): Promise<void> {
  const what = `show the logs of ${name}`;
  const api = await client(flags, what);
  const follow = flags.follow === true;
  const timestamps = flags.timestamps === true || flags.json === true;
  const query = {
    follow: follow ? "1" : "0",
    timestamps: timestamps ? "1" : "0",
    tail: String(flags.tail ?? "all"),
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(flags.access === true ? { access: "1" } : {}),
  };
  if (flags.access === true && (flags.since !== undefined || flags.timestamps === true)) {
    throw new CommandError(`Cannot ${what}: lines of an access log have times of their own`);
  }
  const show =
    flags.raw === true || flags.json === true || flags.access === true
      ? undefined
      : await prefixes(api);
  for await (const line of openLogs(api, name, { query, what })) {
    if (flags.json === true) {
      printJson(line);
      continue;
    }
    const to = line.stream === "stderr" ? process.stderr : process.stdout;
    const when = flags.timestamps === true ? `${line.time} ` : "";
    to.write(`${when}${show === undefined ? "" : await show(line)}${line.text}\n`);
  }
}

interface Opening {
  readonly query: Readonly<Record<string, string>>;
  readonly what: string;
}

async function* openLogs(
  api: ApiClient,
  name: string,
  { query, what }: Opening,
): AsyncGenerator<LogLine> {
  const asked = { stdout: "1", stderr: "1", details: "1", ...query };
  for (const kind of ["services", "tasks"] as const) {
    const path = `/${kind}/${encodeURIComponent(name)}/logs`;
    const answer = await api.stream({ method: "GET", path, query: asked, timeoutMs: 0 });
    if (!answer.ok) throw refusal(answer.error, what);
    const status = answer.value.statusCode ?? 0;
    if (status === 200) return yield* readLogLines(answer.value);
    let said = "";
    for await (const chunk of answer.value) said += String(chunk);
    const error = { status, message: messageOf(said, status) };
    if (kind === "tasks" || status !== 404) throw refusal(error, what);
    // Docker's `service logs` takes a task as well.
    if (!/^[a-z0-9]{25}$/.test(name)) throw refusal(error, what);
  }
}

/** "web.1@worker-2 | ", by looking a task up when its first line comes. */
async function prefixes(api: ApiClient): Promise<(line: LogLine) => Promise<string>> {
  let names = await namesOf(api);
  const known = new Map<string, string>();
  let width = 0;
  return async ({ taskId }) => {
    if (!known.has(taskId)) {
      names = await namesOf(api);
      for (const task of await tasksOf(api, [`id=${taskId}`], "look tasks up")) {
        if (textAt(task, "ID") === taskId) {
          known.set(taskId, `${names.task(task)}@${names.node(task)}`);
        }
      }
      if (!known.has(taskId)) known.set(taskId, taskId.slice(0, 12));
    }
    const text = known.get(taskId) ?? "";
    width = Math.max(width, text.length);
    return colours.cyan(`${text.padEnd(width)} | `);
  };
}

/** The last lines of a service, oldest first: shown beside a failure. Never fails itself. */
export async function lastLines(api: ApiClient, service: string, count: number): Promise<string[]> {
  const lines: string[] = [];
  try {
    const query = { follow: "0", timestamps: "0", tail: String(count) };
    for await (const line of openLogs(api, service, { query, what: "read logs" })) {
      lines.push(line.text);
    }
  } catch {
    // The failure they would explain is told without them.
  }
  return lines.slice(-count);
}
