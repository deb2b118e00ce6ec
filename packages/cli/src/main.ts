/** The `skein` command: a thin client of the API, and the launcher of local clusters. */
import { CommanderError } from "commander";
import { CommandError } from "./commands/context.ts";
import { createProgram } from "./program.ts";

/**
 * Exit codes: 1 refused or failed, 2 a command line that cannot be meant, 70 a mistake in Skein.
 */
const [FAILED, MISUSED, BUG] = [1, 2, 70];

// A reader that has seen enough (`skein status | head -1`) is no error.
process.stdout.on("error", (error) =>
  process.exit(Reflect.get(error, "code") === "EPIPE" ? 0 : FAILED),
);

const args = process.argv.slice(2);
const program = createProgram();
try {
  if (args.length === 0) program.outputHelp();
  else {
    standSomewhere();
    await program.parseAsync(args, { from: "user" });
  }
} catch (error) {
  process.exitCode = report(error);
}

/** A working directory that was deleted is found out here, not wherever it is first needed. */
function standSomewhere(): void {
  try {
    process.cwd();
  } catch {
    const { name } = commandNamed();
    throw new CommandError(`Cannot run ${name}: the directory you are in is gone: cd to another`);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return reportUsage(error);
  if (error instanceof CommandError) {
    process.stderr.write(`${error.message}\n`);
    return FAILED;
  }
  const command = commandNamed().name;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Cannot finish ${command}: ${message} (a mistake in Skein)\n`);
  if (process.env["SKEIN_DEBUG"] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
  return BUG;
}

/** `Cannot run skein up: unknown option '--foo': skein up --help`. */
function reportUsage(error: CommanderError): number {
  // Help and version were asked for, and are printed.
  if (error.exitCode === 0) return 0;
  const { name } = commandNamed();
  if (error.code === "commander.help") return MISUSED;
  const reason = error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
  process.stderr.write(`Cannot run ${name}: ${reason}: see ${name} --help\n`);
  return MISUSED;
}

/** The command the line names, as far as its words go. */
function commandNamed(): { readonly name: string } {
  let command = program;
  for (const word of args) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) {
      if (command.commands.length > 0 && word.startsWith("-")) continue;
      break;
    }
    command = next;
  }
  const names = [command.name()];
  for (let parent = command.parent; parent !== null; parent = parent.parent) {
    names.unshift(parent.name());
  }
  return { name: names.join(" ") };
}
