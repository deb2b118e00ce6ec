/** `skein up` and `skein down`: the life of a local cluster. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { ClusterFile } from "../local/cluster-file.ts";
import { isBackground, startDetached, tellStarter } from "../local/detached.ts";
import { takeDown } from "../local/down.ts";
import { socketDirectory } from "../local/paths.ts";
import type { Up, UpHandle, UpOptions } from "../local/up.ts";
import { bringUp } from "../local/up.ts";
import { createProgress } from "../output/progress.ts";
import type { GlobalOptions } from "./context.ts";
import {
  CommandError,
  colours,
  localStateDirectory,
  newStateDirectory,
  orFail,
  print,
  printJson,
  remark,
} from "./context.ts";
import { examples } from "./help.ts";
import { showReady } from "./ready.ts";
import { duration, wholeNumber } from "./values.ts";

interface UpFlags extends GlobalOptions {
  readonly managers?: number;
  readonly workers?: number;
  readonly detach?: boolean;
  readonly restartAfter?: number;
}
type DownFlags = GlobalOptions & { readonly purge?: boolean };

export function addUp(program: Command): void {
  program
    .command("up")
    .description("Start a local cluster of real processes (3 managers, 3 workers)")
    .option("--managers <n>", "number of managers (3)", wholeNumber)
    .option("--workers <n>", "number of workers (3)", wholeNumber)
    .option("-d, --detach", "return when the cluster is ready")
    .option("--restart-after <duration>", "start processes again that end, as in 10s", duration)
    .addHelpText(
      "after",
      examples(
        "skein up",
        "skein up --managers 5 --workers 5 --detach",
        "skein up --cluster two --detach",
      ),
    )
    .action((_flags: unknown, command: Command) => up(command.optsWithGlobals<UpFlags>()));
  program
    .command("down")
    .description("Stop the local cluster; its state is kept for the next up")
    .option("--purge", "delete the state as well")
    .addHelpText("after", examples("skein down", "skein down --purge"))
    .action((_flags: unknown, command: Command) => down(command.optsWithGlobals<DownFlags>()));
}

async function up(flags: UpFlags): Promise<void> {
  const what = "start the cluster";
  const stateDir = newStateDirectory(flags, what);
  if (isBackground()) return launchInBackground(flags, stateDir);
  const startedAt = process.hrtime.bigint();
  const name = flags.cluster ?? "default";
  const progress = createProgress(process.stderr, flags.json !== true);
  progress.update(`Starting cluster ${name} …`);
  const onProgress = (ready: number, all: number): void =>
    progress.update(
      ready < all
        ? `Starting cluster ${name}: ${ready} of ${all} processes run …`
        : `Starting cluster ${name}: the managers elect a leader, the nodes register …`,
    );
  const note = (line: string): void => {
    progress.done();
    remark(line);
  };
  if (flags.detach === true) {
    const started = await startDetached({
      stateDir,
      args: process.argv.slice(2),
      onMessage: (message) => {
        if (message.kind === "progress") onProgress(message.ready, message.all);
        if (message.kind === "remark") note(message.line);
      },
    });
    progress.done();
    const { file, attached, launcherGone } = orFail(started, what);
    return attached
      ? showAttached(flags, { file, launcherGone, stateDir })
      : showReady(flags, { stateDir, file, startedAt });
  }
  await stayWith(flags, { stateDir, startedAt, note, onProgress, end: () => progress.done() });
}

interface Staying {
  readonly stateDir: string;
  readonly startedAt: bigint;
  readonly note: (line: string) => void;
  readonly onProgress: (ready: number, all: number) => void;
  /** Takes the progress line away. */
  readonly end: () => void;
}

/** Holds the cluster until it is taken down or this process is interrupted. */
async function stayWith(flags: UpFlags, staying: Staying): Promise<void> {
  const { stateDir, startedAt, note, onProgress, end } = staying;
  outliveTheTerminal();
  let handle: UpHandle | undefined;
  let interrupted = false;
  let hungUp = false;
  process.on("SIGHUP", () => {
    hungUp = true;
  });
  endOnSignal((reason) => {
    if (!interrupted) note("Stopping … (the state is kept)");
    interrupted = true;
    // Nothing is running yet: the process just ends.
    if (handle === undefined) process.exit(130);
    void handle.stop(reason);
  });
  const started = await bringUp({
    ...upOptions(flags, stateDir),
    remark: (line) => note(`${new Date().toISOString().slice(11, 23)}  ${line}`),
    progress: onProgress,
    started: (held) => {
      handle = held;
    },
  });
  end();
  if (interrupted) {
    await handle?.ended;
    process.exitCode = 130;
    return remark("Stopped before it was ready.");
  }
  const result: Up = orFail(started, "start the cluster");
  if (result.kind === "attached") return showAttached(flags, { ...result, stateDir });
  await showReady(flags, { stateDir, file: result.handle.file, startedAt });
  if (flags.json !== true) print(colours.dim("Ctrl-C stops the cluster and keeps its state."));
  await result.handle.ended;
  remark("Stopped. The state is kept: skein up resumes it.");
  if (hungUp) dieOfHangup();
}

/** The launcher of `--detach`: says how it goes to the one that waits, then is on its own. */
async function launchInBackground(flags: UpFlags, stateDir: string): Promise<void> {
  outliveTheTerminal();
  let handle: UpHandle | undefined;
  endOnSignal((reason) => {
    if (handle === undefined) process.exit(130);
    void handle.stop(reason);
  });
  const options = upOptions(flags, stateDir);
  // Nobody's working directory is held for as long as the cluster runs.
  process.chdir("/");
  const started = await bringUp({
    ...options,
    remark: (line) => {
      remark(`${new Date().toISOString()} ${line}`);
      tellStarter({ kind: "remark", line });
    },
    progress: (ready, all) => tellStarter({ kind: "progress", ready, all }),
    started: (held) => {
      handle = held;
    },
  });
  if (!started.ok) {
    tellStarter({ kind: "failed", reason: started.error });
    throw new CommandError(`Cannot start the cluster: ${started.error}`);
  }
  const { value } = started;
  const launcherGone = value.kind === "attached" && value.launcherGone;
  tellStarter({ kind: "ready", attached: value.kind === "attached", launcherGone });
  if (process.connected) process.disconnect();
  if (value.kind === "started") await value.handle.ended;
}

function upOptions(
  flags: UpFlags,
  stateDir: string,
): Omit<UpOptions, "remark" | "progress" | "started"> {
  return {
    stateDir,
    sockets: socketDirectory(stateDir),
    name: flags.cluster,
    newName: flags.cluster ?? "default",
    managers: flags.managers,
    workers: flags.workers,
    directory: resolve("."),
    restartAfterMs: flags.restartAfter,
  };
}

/** As the signal would have had it. A plain exit aborts: Node resets a terminal that is gone. */
function dieOfHangup(): void {
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
}

function endOnSignal(end: (reason: string) => void): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => end(`the launcher got ${name}`));
  }
}

/**
 * A closed terminal, or a reader that has gone, must not leave the nodes without their launcher.
 */
function outliveTheTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners("error");
    stream.on("error", () => undefined);
  }
}

interface Attached {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly launcherGone: boolean;
}

async function showAttached(
  flags: UpFlags,
  { stateDir, file, launcherGone }: Attached,
): Promise<void> {
  const pid = file.launcher?.pid;
  if (launcherGone) {
    remark(
      `Cluster ${file.name} runs, but its launcher is gone: nodes serve on; ` +
        "skein down, then skein up brings it back.",
    );
  } else remark(`Cluster ${file.name} runs already (launcher pid ${pid ?? "unknown"}).`);
  await showReady(flags, { stateDir, file });
}

async function down(flags: DownFlags): Promise<void> {
  const what = "take the cluster down";
  const stateDir = localStateDirectory(flags, what);
  const progress = createProgress(process.stderr, flags.json !== true);
  progress.update("Stopping tasks and nodes …");
  const done = await takeDown(stateDir, flags.purge === true);
  progress.done();
  const { name, wasUp, purged, left } = orFail(done, what);
  if (flags.json === true) return printJson({ name, down: true, wasUp, purged, left });
  const state = purged ? "deleted" : `its state is kept in ${stateDir}`;
  print(`Cluster ${name} is down${wasUp ? "" : " already"}; ${purged ? `it is ${state}` : state}.`);
  if (left.length > 0) remark(`Left in ${stateDir}: ${left.join(", ")} (not the cluster's)`);
}
