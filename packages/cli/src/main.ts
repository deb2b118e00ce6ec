/** The `skein` command: a thin client of the API, and the launcher of local clusters. */
import { Command, CommanderError, Option } from "commander";
import { CommandError } from "./commands/context.ts";
import { addDemo } from "./commands/demo.ts";
import { addExperiment } from "./commands/experiment.ts";
import { addLogs } from "./commands/logs.ts";
import { addNode } from "./commands/node.ts";
import { addService } from "./commands/service.ts";
import { addStatus } from "./commands/status.ts";
import { addUp } from "./commands/up.ts";

function createProgram(): Command {
  const program = new Command("skein");
  program.description(
    "A cluster orchestrator with Docker Swarm's model that needs neither Docker nor root",
  );
  program
    .version("0.1.0")
    .enablePositionalOptions()
    .showHelpAfterError("(see skein --help)")
    .exitOverride();
  addUp(program);
  addExperiment(program);
  addStatus(program);
  addDemo(program);
  addService(program);
  addNode(program);
  addLogs(program);
  addGlobalOptions(program);
  return program;
}

/** Accepted before and after every command: nobody remembers which. */
function addGlobalOptions(command: Command): void {
  const options = [
    new Option("--state-dir <dir>", "the local cluster's state directory"),
    new Option("--cluster <name>", "the local cluster's name (default: default)"),
    new Option("--host <url>", "the API to use, such as unix:///path/skein.sock (SKEIN_HOST)"),
    new Option("--json", "print JSON"),
  ];
  for (const option of options) command.addOption(option.hideHelp(command.parent !== null));
  for (const child of command.commands) addGlobalOptions(child);
}

// A reader that has seen enough (`skein status | head -1`) is no error.
process.stdout.on("error", (error) => process.exit(Reflect.get(error, "code") === "EPIPE" ? 0 : 1));

try {
  await createProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own errors, and help.
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof CommandError) {
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  process.stderr.write(`Cannot go on: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 70;
}
