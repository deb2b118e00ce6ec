/** The `skein` command: a thin client of the API, and the launcher of local clusters. */
import { Command, CommanderError } from "commander";
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
  program
    .description(
      "A cluster orchestrator with Docker Swarm's model that needs neither Docker nor root",
    )
    .option("--state-dir <dir>", "the local cluster's state directory")
    .option("--cluster <name>", "the local cluster's name (default: default)")
    .option("--host <url>", "the API to use, such as unix:///path/skein.sock (SKEIN_HOST)")
    .option("--json", "print JSON")
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
  return program;
}

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
