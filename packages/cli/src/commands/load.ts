/** `skein load URL`: requests at a steady rate, with a running score, beside an experiment. */
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { LOAD_ANSWER_MS, LOAD_RATE_MAX, LOAD_SCORE_MS } from "../limits.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import type { Score } from "./load-runner.ts";
import { startLoadRun } from "./load-runner.ts";
import { duration, wholeNumber } from "./values.ts";

interface LoadFlags extends GlobalOptions {
  readonly rate: number;
  readonly for?: number;
}

export function addLoad(program: Command): void {
  program
    .command("load <url>")
    .description("Send requests to a service at a steady rate and keep the score, until Ctrl-C")
    .option("--rate <number>", "requests a second", rate, 20)
    .option("--for <duration>", "end after this time", duration)
    .addHelpText(
      "after",
      examples(
        "skein load http://127.0.0.1:8080",
        "skein load http://127.0.0.1:8080 --rate 100 --for 30s",
      ),
    )
    .action((url: string, _flags: unknown, command: Command) =>
      load(url, command.optsWithGlobals<LoadFlags>()),
    );
}

/** Exit 1 when a request failed: a script can tell. */
async function load(text: string, flags: LoadFlags): Promise<void> {
  const url = parseUrl(text);
  const run = startLoadRun({ url, perSecond: flags.rate, answerMs: LOAD_ANSWER_MS });
  const tell = (score: Score): void =>
    flags.json === true ? printJson(score) : print(scoreLine(score));
  const timer = setInterval(() => tell(run.score()), LOAD_SCORE_MS);
  await ended(flags.for);
  clearInterval(timer);
  const last = await run.stop();
  tell(last);
  if (last.failed > 0) {
    const all = last.ok + last.failed;
    throw new CommandError(`Cannot call the load served: ${last.failed} of ${all} requests failed`);
  }
}

export function scoreLine(score: Score): string {
  const { ok, retried, failed, open, slowestMs } = score;
  const waiting = open === 0 ? "" : `, ${open} waiting`;
  return `${ok} ok, ${retried} retried, ${failed} failed${waiting}, slowest ${slowestMs} ms`;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:") return url;
  throw new CommandError(
    `Cannot send load to ${text}: it is not an http URL such as http://127.0.0.1:8080`,
  );
}

function rate(value: string): number {
  const number = wholeNumber(value);
  if (number >= 1 && number <= LOAD_RATE_MAX) return number;
  throw new InvalidArgumentError(`it must be between 1 and ${LOAD_RATE_MAX}.`);
}

function ended(afterMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = afterMs === undefined ? undefined : setTimeout(resolve, afterMs);
    process.once("SIGINT", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
