/** `skein import`: files of other process managers become Compose files. */
import { existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Command } from "commander";
import { stringify } from "yaml";
import type { Imported } from "../import/imported.ts";
import { importPm2 } from "../import/pm2.ts";
import { importProcfile } from "../import/procfile.ts";
import { readEcosystem } from "../import/read-ecosystem.ts";
import { readText } from "../stack/read-text.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, printJson, remark } from "./context.ts";
import { examples } from "./help.ts";

type Flags = GlobalOptions & { readonly output?: string; readonly env?: string };

export function addImport(program: Command): void {
  program
    .command("import <file>")
    .description("Make a Compose file of a Procfile or of PM2's ecosystem.config.js")
    .option("-o, --output <file>", "write it there instead of printing it")
    .option("--env <name>", "PM2: with the values of env_<name>")
    .addHelpText(
      "after",
      examples("skein import Procfile", "skein import ecosystem.config.js -o compose.yml"),
    )
    .action((file: string, _flags: unknown, command: Command) =>
      run(file, command.optsWithGlobals<Flags>()),
    );
}

async function run(file: string, flags: Flags): Promise<void> {
  const { output } = flags;
  if (output !== undefined && existsSync(output)) {
    throw new CommandError(`Cannot import ${file}: ${output} is there already: choose another`);
  }
  const { tree, report } = await read(file, flags);
  for (const { path, reason } of report) remark(`${path}: ${reason}`);
  const text = `# Made of ${basename(file)} by skein import.\n${stringify(tree)}`;
  if (output !== undefined) {
    writeFileSync(output, text);
    remark(`${output} is written: skein stack deploy -c ${output} NAME`);
  } else if (flags.json === true) printJson({ tree, report });
  else process.stdout.write(text);
}

async function read(file: string, flags: Flags): Promise<Imported> {
  const what = `Cannot import ${file}`;
  if (/^procfile/i.test(basename(file))) {
    const text = readText(file);
    if (!text.ok) throw new CommandError(`${what}: ${text.error}`);
    return importProcfile(text.value);
  }
  const tree = await readEcosystem(file);
  if (!tree.ok) throw new CommandError(`${what}: ${tree.error}`);
  return importPm2(tree.value, { env: flags.env, processors: availableParallelism() });
}
