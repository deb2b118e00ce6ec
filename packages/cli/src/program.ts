/** The tree of commands with their flags and help. */
import { Command, Option } from "commander";
import { addBackup } from "./commands/backup.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEnv } from "./commands/env.ts";
import { addExperiment } from "./commands/experiment.ts";
import { addExplain } from "./commands/explain.ts";
import { addGossip } from "./commands/gossip.ts";
import { examples } from "./commands/help.ts";
import { addImport } from "./commands/import.ts";
import { addLoad } from "./commands/load.ts";
import { addLogs } from "./commands/logs.ts";
import { addNetwork } from "./commands/network.ts";
import { addNode } from "./commands/node.ts";
import { addService } from "./commands/service.ts";
import { addStack } from "./commands/stack.ts";
import { addStatus } from "./commands/status.ts";
import { addStoredData } from "./commands/stored-data.ts";
import { addSwarm } from "./commands/swarm.ts";
import { addUp } from "./commands/up.ts";

export function createProgram(): Command {
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
  addDoctor(program);
  addGossip(program);
  addDemo(program);
  addService(program);
  addNode(program);
  addNetwork(program);
  addStoredData(program, "config");
  addStack(program);
  addImport(program);
  addStoredData(program, "secret");
  addSwarm(program);
  addLogs(program);
  addExplain(program);
  addExperiment(program);
  addLoad(program);
  addBackup(program);
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
