/** The `skein` command: a thin client of the API, and the launcher of local clusters. */
import { Command, CommanderError, Option } from "commander";
import { addConfig } from "./commands/config.ts";
import { CommandError } from "./commands/context.ts";
import { addDemo } from "./commands/demo.ts";
import { addEnv } from "./commands/env.ts";
import { addExperiment } from "./commands/experiment.ts";
import { examples } from "./commands/help.ts";
import { addLogs } from "./commands/logs.ts";
import { addNode } from "./commands/node.ts";
import { addService } from "./commands/service.ts";
import { addStatus } from "./commands/status.ts";
import { addUp } from "./commands/up.ts";

/**
 * Exit codes: 1 refused or failed, 2 a command line that cannot be meant, 70 a mistake in Skein.
 */
const [FAILED, MISUSED, BUG] = [1, 2, 70];

function createProgram(): Command {
  const program = new Command("skein");
  program
    .description(
      "A cluster orchestrator with Docker Swarm's model that needs neither Docker nor root",
    )
    .version("0.1.0")
    .enablePositionalOptions()
    // Errors are printed here, in one form.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  addUp(program);
  addEnv(program);
  addStatus(program);
  addDemo(program);
  addService(program);
  addNode(program);
  addConfig(program);
  addLogs(program);
  addExperiment(program);
  addGlobalOptions(program);
  program.addHelpText(
    "after",
    examples(
      "skein up --detach",
      "skein run --name web --replicas 3 -p 8080:3000 -- node server.js",
      "skein kill leader",
      "skein down",
    ),
  );
  return program;
}

/** Accepted before and after every command: nobody remembers which. */
function addGlobalOptions(command: Command): void {
  const options = [
    new Option("--cluster <name>", "the local cluster's name (default)"),
    new Option("--state-dir <dir>", "the local cluster's state directory"),
    new Option("--host <url>", "the API to use, as in unix:///path/skein.sock (SKEIN_HOST)"),
    new Option("--json", "print JSON"),
  ];
  for (const option of options) command.addOption(option.hideHelp(command.parent !== null));
  for (const child of command.commands) addGlobalOptions(child);
}

// A reader that has seen enough (`skein status | head -1`) is no error.
process.stdout.on("error", (error) =>
  process.exit(Reflect.get(error, "code") === "EPIPE" ? 0 : FAILED),
);

const args = process.argv.slice(2);
const program = createProgram();
try {
  if (args.length === 0) program.outputHelp();
  else await program.parseAsync(args, { from: "user" });
} catch (error) {
  process.exitCode = report(error);
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
