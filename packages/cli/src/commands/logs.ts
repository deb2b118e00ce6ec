/** `skein logs` and `skein service logs`: the framed stream of the API, one whole line a frame. */
import type { IncomingMessage } from "node:http";
import type { Command } from "commander";
import { client } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, colours } from "./context.ts";
import { wholeNumber } from "./up.ts";

interface LogFlags extends GlobalOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
}

export function addLogs(parent: Command): void {
  parent
    .command("logs <service>")
    .description("Show what the tasks of a service print")
    .option("-f, --follow", "stay and show new lines")
    .option("-t, --timestamps", "show when")
    .option("-n, --tail <n>", "only the last lines of each task", wholeNumber)
    .action((name: string, _flags: unknown, command: Command) =>
      logs(name, command.optsWithGlobals<LogFlags>()),
    );
}

async function logs(name: string, flags: LogFlags): Promise<void> {
  const what = `show the logs of ${name}`;
  const api = await client(flags, what);
  const query = {
    stdout: "1",
    stderr: "1",
    details: "1",
    follow: flags.follow === true ? "1" : "0",
    timestamps: flags.timestamps === true ? "1" : "0",
    tail: flags.tail === undefined ? "all" : String(flags.tail),
  };
  const path = `/services/${encodeURIComponent(name)}/logs`;
  const answer = await api.stream({ method: "GET", path, query, timeoutMs: 0 });
  if (!answer.ok) throw new CommandError(`Cannot ${what}: ${answer.error.message}`);
  if (answer.value.statusCode !== 200) {
    throw new CommandError(`Cannot ${what}: ${await refusal(answer.value)}`);
  }
  await printFrames(answer.value, flags);
}

async function printFrames(response: IncomingMessage, flags: LogFlags): Promise<void> {
  let pending = Buffer.alloc(0);
  for await (const chunk of response) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    while (pending.length >= 8 && pending.length >= 8 + pending.readUInt32BE(4)) {
      const length = pending.readUInt32BE(4);
      printLine(pending.subarray(8, 8 + length).toString("utf8"), pending[0] === 2, flags);
      pending = pending.subarray(8 + length);
    }
  }
}

function printLine(line: string, isError: boolean, flags: LogFlags): void {
  const match = /^(?:(\d{4}-\S+Z) )?(com\.docker\.swarm\S*) ?(.*)$/s.exec(line);
  const [, when = "", details = "", text = line] = match ?? [];
  const ids = new URLSearchParams(details.replaceAll(",", "&"));
  const task = (ids.get("com.docker.swarm.task.id") ?? "").slice(0, 12);
  const prefix = colours.cyan(`${task} | `);
  const to = isError ? process.stderr : process.stdout;
  to.write(`${flags.timestamps === true ? `${when} ` : ""}${prefix}${text.replace(/\n?$/, "\n")}`);
}

async function refusal(response: IncomingMessage): Promise<string> {
  let said = "";
  for await (const chunk of response) said += String(chunk);
  try {
    return String(Reflect.get(Object(JSON.parse(said)), "message"));
  } catch {
    return said.trim();
  }
}
