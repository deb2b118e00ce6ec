/** `skein env`: what a shell needs so that `skein` and `docker` talk to this cluster. */
import type { Command } from "commander";
import { clusterFilePath, readClusterFile } from "../local/cluster-file.ts";
import { quote } from "../output/text.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, localStateDirectory, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import { COMMAND_DIRECTORY } from "./ready.ts";

export function addEnv(program: Command): void {
  program
    .command("env")
    .description("Print shell settings for skein and docker")
    .addHelpText("after", examples('eval "$(skein env)"', 'eval "$(skein env --cluster two)"'))
    .action((_flags: unknown, command: Command) => env(command.optsWithGlobals<GlobalOptions>()));
}

function env(flags: GlobalOptions): void {
  const what = "print the environment";
  const stateDir = localStateDirectory(flags, what);
  const file = readClusterFile(stateDir);
  if (!file.ok) throw new CommandError(`Cannot ${what}: ${file.error.message}`);
  const { api } = file.value;
  if (flags.json === true) {
    return printJson({ DOCKER_HOST: api, SKEIN_HOST: api, path: COMMAND_DIRECTORY });
  }
  print(`export DOCKER_HOST=${quote(api)}`);
  print(`export SKEIN_HOST=${quote(api)}`);
  // Once is enough, however often this is evaluated.
  const directory = quote(COMMAND_DIRECTORY);
  print(`case ":$PATH:" in *:${directory}:*) ;; *) export PATH=${directory}:"$PATH" ;; esac`);
  print(`# state: ${clusterFilePath(stateDir)}`);
}
