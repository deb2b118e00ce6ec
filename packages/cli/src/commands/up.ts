/** `skein up`, `down` and `env`: the life of a local cluster. */
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { ClusterFile } from "../local/cluster-file.ts";
import { clusterFilePath, readClusterFile } from "../local/cluster-file.ts";
import { runningCluster, startCluster, startDetached, takeDown } from "../local/up.ts";
import type { GlobalOptions } from "./context.ts";
import {
  CommandError,
  colours,
  localStateDirectory,
  orFail,
  print,
  printJson,
  remark,
} from "./context.ts";

interface UpFlags extends GlobalOptions {
  readonly managers?: number;
  readonly workers?: number;
  readonly detach?: boolean;
  readonly restartAfter?: number;
}

export function addUp(program: Command): void {
  program
    .command("up")
    .description("Start a local cluster of real processes (3 managers, 3 workers)")
    .option("--managers <n>", "number of managers", wholeNumber)
    .option("--workers <n>", "number of workers", wholeNumber)
    .option("-d, --detach", "return when the cluster is ready")
    .option("--restart-after <duration>", "restart processes that end, such as 10s", duration)
    .addHelpText("after", "\nExamples:\n  skein up\n  skein up --workers 5 --detach\n")
    .action((_flags: unknown, command: Command) => up(command.optsWithGlobals<UpFlags>()));
  program
    .command("down")
    .description("Stop the local cluster; its state is kept for the next up")
    .option("--purge", "delete the state as well")
    .action((_flags: unknown, command: Command) =>
      down(command.optsWithGlobals<GlobalOptions & { readonly purge?: boolean }>()),
    );
  program
    .command("env")
    .description('Print shell settings: eval "$(skein env)"')
    .action((_flags: unknown, command: Command) => env(command.optsWithGlobals<GlobalOptions>()));
}

async function up(flags: UpFlags): Promise<void> {
  const stateDir = localStateDirectory(flags);
  const running = runningCluster(stateDir);
  if (running !== undefined) {
    remark(`Cluster ${running.name} is running already.`);
    showReady(flags, running);
    return;
  }
  const startedAt = process.hrtime.bigint();
  if (flags.detach === true && process.env["SKEIN_LAUNCHER"] === undefined) {
    const file = orFail(
      await startDetached({ stateDir }, process.argv.slice(2)),
      `start cluster ${flags.cluster ?? "default"}`,
    );
    showReady(flags, file, startedAt);
    return;
  }
  await stay(flags, stateDir, startedAt);
}

/** Holds the cluster until it is taken down or this process is interrupted. */
async function stay(flags: UpFlags, stateDir: string, startedAt: bigint): Promise<void> {
  const background = process.env["SKEIN_LAUNCHER"] === "1";
  const name = flags.cluster ?? "default";
  if (!background) remark(`Starting cluster ${name} …`);
  const started = await startCluster({
    stateDir,
    name,
    managers: flags.managers,
    workers: flags.workers,
    directory: process.env["INIT_CWD"] ?? process.cwd(),
    restartAfterMs: flags.restartAfter,
    onExit: (line) => remark(`${new Date().toISOString()} ${line}`),
  });
  const handle = orFail(started, `start cluster ${name}`);
  if (background) {
    process.send?.("ready");
    process.disconnect?.();
  } else {
    showReady(flags, handle.file, startedAt);
    if (flags.json !== true) print(colours.dim("Ctrl-C stops the cluster and keeps its state."));
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!background) remark("\nStopping …");
      void handle.stop(`the launcher got ${signal}`);
    });
  }
  await handle.ended;
  if (!background) remark("Stopped. The state is kept: skein up resumes it.");
}

function showReady(flags: UpFlags, file: ClusterFile, since?: bigint): void {
  if (flags.json === true) {
    printJson(file);
    return;
  }
  const count = (role: string): number => file.nodes.filter((node) => node.role === role).length;
  const took =
    since === undefined
      ? ""
      : ` in ${(Number(process.hrtime.bigint() - since) / 1e9).toFixed(1)} s`;
  print(
    `${colours.green("Ready")}: ${count("manager")} managers and ${count("worker")} workers${took}.`,
  );
  print("");
  print(
    `  eval "$(${skeinPath()} ${globalArgs(flags)}env)"   ${colours.dim("# skein and docker")}`,
  );
  print("  skein run --name web --replicas 3 -p 8080:3000 -- node examples/hello/server.js");
  print("  curl http://127.0.0.1:8080/");
  print("  skein status");
  print("  skein kill worker-1");
  print("  docker node ls");
  print("");
}

async function down(flags: GlobalOptions & { readonly purge?: boolean }): Promise<void> {
  const stateDir = localStateDirectory(flags);
  const said = orFail(await takeDown(stateDir, flags.purge === true), "take the cluster down");
  if (flags.json === true) printJson({ down: true, purged: flags.purge === true });
  else print(`Cluster ${said}.`);
}

function env(flags: GlobalOptions): void {
  const stateDir = localStateDirectory(flags);
  const file = readClusterFile(stateDir);
  if (!file.ok) throw new CommandError(`Cannot print the environment: ${file.error.message}`);
  const bin = skeinPath().replace(/\/[^/]*$/, "");
  if (flags.json === true) {
    printJson({ DOCKER_HOST: file.value.api, SKEIN_HOST: file.value.api, path: bin });
    return;
  }
  print(`export DOCKER_HOST=${quote(file.value.api)}`);
  print(`export SKEIN_HOST=${quote(file.value.api)}`);
  print(`export PATH=${quote(bin)}:"$PATH"`);
  print(`# state: ${clusterFilePath(stateDir)}`);
}

/** The directory npm links commands into, when there is one: it holds `skein`. */
function skeinPath(): string {
  return new URL("../../../node_modules/.bin/skein", import.meta.url).pathname;
}

function globalArgs(flags: GlobalOptions): string {
  if (flags.stateDir !== undefined) return `--state-dir ${quote(localStateDirectory(flags))} `;
  return flags.cluster === undefined ? "" : `--cluster ${quote(flags.cluster)} `;
}

function quote(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function wholeNumber(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError("it must be a whole number.");
  return Number(value);
}

/** "10s", "1m30s", "500ms" to milliseconds. */
export function duration(value: string): number {
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== value) {
    throw new InvalidArgumentError("it must be a duration such as 10s, 1m30s or 500ms.");
  }
  const unit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unit[part[2] ?? ""] ?? 0), 0);
}
