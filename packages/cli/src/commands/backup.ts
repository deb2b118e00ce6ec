/** `skein backup` and `skein restore`: a cluster as one sealed file, and a cluster of it. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { newSealKey } from "@skein/common/node/sealed-file";
import type { Command } from "commander";
import { messageOf } from "../api/client.ts";
import type { Backup } from "../local/backup-file.ts";
import { readBackup, writeBackup } from "../local/backup-file.ts";
import { restoreCluster } from "../local/restore.ts";
import { client, refusal } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, newStateDirectory, orFail, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import { passphrase } from "./passphrase.ts";

interface BackupFlags extends GlobalOptions {
  readonly passphraseFile?: string;
  readonly force?: boolean;
}

const PASSPHRASE_FILE = [
  "--passphrase-file <file>",
  "its first line (else SKEIN_BACKUP_PASSPHRASE, else it is asked for)",
] as const;

export function addBackup(program: Command): void {
  program
    .command("backup <file>")
    .description("Save the cluster's state and keys to a file sealed with a passphrase")
    .option(...PASSPHRASE_FILE)
    .option("-f, --force", "replace a file that is there")
    .addHelpText("after", examples("skein backup cluster.bak"))
    .action((file: string, _flags: unknown, command: Command) =>
      backUp(file, command.optsWithGlobals<BackupFlags>()),
    );
  program
    .command("restore <file>")
    .description("Make a new local cluster of a backup; skein up starts it")
    .option(...PASSPHRASE_FILE)
    .addHelpText(
      "after",
      examples("skein restore cluster.bak --cluster again", "skein up --cluster again"),
    )
    .action((file: string, _flags: unknown, command: Command) =>
      restore(file, command.optsWithGlobals<BackupFlags>()),
    );
}

async function backUp(path: string, flags: BackupFlags): Promise<void> {
  const what = "back up the cluster";
  if (flags.force !== true && existsSync(path)) {
    throw new CommandError(`Cannot ${what}: ${path} is there already: give another, or --force`);
  }
  const api = await client(flags, what);
  const key = await newSealKey(await passphrase({ file: flags.passphraseFile, what, isNew: true }));
  const asked = await api.stream({
    method: "POST",
    path: "/skein/v1/backup",
    body: { header: base64(key.header), key: base64(key.key) },
  });
  if (!asked.ok) throw refusal(asked.error, what);
  const response = asked.value;
  const status = response.statusCode ?? 0;
  if (status >= 400) {
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    const message = messageOf(Buffer.concat(parts).toString("utf8"), status);
    throw refusal({ status, message }, what);
  }
  const backup = orFail(await writeBackup(resolve(path), key, response), what);
  if (flags.json === true) return printJson(factsOf(backup, path));
  print(`Backed up ${textOf(backup)} to ${path} (${backup.bytes} bytes, sealed).`);
}

async function restore(path: string, flags: BackupFlags): Promise<void> {
  const what = `restore ${path}`;
  const ask = () => passphrase({ file: flags.passphraseFile, what, isNew: false });
  const backup = orFail(await readBackup(path, ask), "restore");
  const stateDir = newStateDirectory(flags, what);
  const own = flags.stateDir === undefined ? "default" : backup.head.cluster.name;
  const name = flags.cluster ?? own;
  const made = await restoreCluster(backup, { stateDir, name, directory: resolve(".") });
  const file = orFail(made, what);
  if (flags.json === true) {
    return printJson({ ...factsOf(backup, path), stateDir, clusterId: file.clusterId, name });
  }
  print(`Restored ${textOf(backup)} as cluster ${name} in ${stateDir}.`);
  const named = flags.cluster === undefined ? "" : ` --cluster ${flags.cluster}`;
  const placed = flags.stateDir === undefined ? "" : ` --state-dir ${flags.stateDir}`;
  print(`Start it with: skein up${named}${placed}`);
}

function textOf({ head }: Backup): string {
  const { cluster, services, nodes, index } = head;
  const plural = services === 1 ? "1 service" : `${services} services`;
  return `cluster ${cluster.name} (${plural}, ${nodes.length} nodes, index ${index})`;
}

function factsOf({ head, bytes }: Backup, file: string): object {
  const { cluster, services, nodes, index, at } = head;
  const from = { cluster: cluster.name, clusterId: cluster.id, index };
  return { file, bytes, at: new Date(at).toISOString(), from, services, nodes: nodes.length };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
