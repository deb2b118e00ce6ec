/**
 * The passphrase of a backup: from a file, from the environment, or typed. Never an argument:
 * those are for everybody on the machine to read.
 */
import { readFileSync, statSync } from "node:fs";
import type { ReadStream } from "node:tty";
import { PASSPHRASE_BYTES_MAX } from "../limits.ts";
import { errorText } from "../local/paths.ts";
import { CommandError } from "./context.ts";

const VARIABLE = "SKEIN_BACKUP_PASSPHRASE";

export interface PassphraseAsk {
  /** Of the option `--passphrase-file`. */
  readonly file: string | undefined;
  /** Completes "Cannot …". */
  readonly what: string;
  /** A new one is typed twice. */
  readonly isNew: boolean;
}

export async function passphrase({ file, what, isNew }: PassphraseAsk): Promise<string> {
  const refuse = (reason: string): CommandError => new CommandError(`Cannot ${what}: ${reason}`);
  if (file !== undefined) return checked(firstLine(file, refuse), `${file} is empty`, refuse);
  const given = process.env[VARIABLE];
  if (given !== undefined) return checked(given, `${VARIABLE} is empty`, refuse);
  if (!process.stdin.isTTY) {
    throw refuse(`it needs a passphrase: give --passphrase-file FILE, or set ${VARIABLE}`);
  }
  const typed = checked(await ask("Passphrase: "), "an empty passphrase seals nothing", refuse);
  if (isNew && (await ask("Once more: ")) !== typed) throw refuse("the two are not the same");
  return typed;
}

type Refuse = (reason: string) => CommandError;

function firstLine(file: string, refuse: Refuse): string {
  try {
    if (statSync(file).size > PASSPHRASE_BYTES_MAX) {
      throw refuse(`${file} is longer than a passphrase (${PASSPHRASE_BYTES_MAX} bytes)`);
    }
    return readFileSync(file, "utf8").split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw refuse(`${file} cannot be read (${errorText(error)})`);
  }
}

function checked(text: string, otherwise: string, refuse: Refuse): string {
  if (text === "") throw refuse(otherwise);
  return text;
}

/** Nothing of what is typed is shown. */
function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  return new Promise((resolve) => {
    let typed = "";
    const end = (answer: string): void => {
      stdin.off("data", take);
      restore(stdin);
      stderr.write("\n");
      resolve(answer);
    };
    const take = (chunk: string): void => {
      for (const key of chunk) {
        if (key === "\r" || key === "\n" || key === "\u0004") return end(typed);
        if (key === "\u0003") {
          restore(stdin);
          stderr.write("\n");
          process.exit(130);
        }
        typed = key === "\u007f" || key === "\b" ? typed.slice(0, -1) : typed + key;
      }
    };
    stdin.setEncoding("utf8").on("data", take).resume();
  });
}

function restore(terminal: ReadStream): void {
  terminal.setRawMode(false);
  terminal.pause();
}
