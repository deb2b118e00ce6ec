/** `skein up --detach`: a launcher in the background, and what it says until it is ready. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Decoded } from "@skein/common/wire/schema";
import { count, decodeWith, flag, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { ClusterFile } from "./cluster-file.ts";
import { readClusterFile } from "./cluster-file.ts";
import { makePrivateDirectory } from "./paths.ts";
import { strangersIn, unusable } from "./state.ts";

/** Set in the launcher's environment, so that it knows that it is the one in the background. */
const MARK = "SKEIN_LAUNCHER";

const messageSchema = v.variant("kind", [
  v.object({ kind: v.literal("progress"), ready: count, all: count }),
  v.object({ kind: v.literal("remark"), line: text }),
  v.object({ kind: v.literal("ready"), attached: flag, launcherGone: flag }),
  v.object({ kind: v.literal("failed"), reason: text }),
]);
export type LauncherMessage = Decoded<typeof messageSchema>;

export function isBackground(): boolean {
  return process.env[MARK] === "1";
}

/** From the launcher in the background to whoever waits for it. */
export function tellStarter(message: LauncherMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

export interface DetachedOptions {
  readonly stateDir: string;
  /** The command line, for the same command again. */
  readonly args: readonly string[];
  readonly onMessage: (message: LauncherMessage) => void;
}

export interface Detached {
  readonly file: ClusterFile;
  readonly attached: boolean;
  readonly launcherGone: boolean;
}

/** Resolves when the cluster is ready. A Ctrl-C meanwhile ends what was started. */
export async function startDetached(options: DetachedOptions): Promise<Result<Detached, string>> {
  const { stateDir, args, onMessage } = options;
  const strangers = strangersIn(stateDir);
  if (strangers !== undefined) return fail(strangers);
  let log: number;
  try {
    makePrivateDirectory(stateDir);
    log = openSync(join(stateDir, "launcher.log"), "a", 0o600);
  } catch (error) {
    return fail(unusable(stateDir, error));
  }
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...args], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    env: { ...process.env, [MARK]: "1" },
  });
  closeSync(log);
  const cancel = (): void => void child.kill("SIGTERM");
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, cancel);
  const said = await new Promise<Result<Detached, string>>((resolve) => {
    child.on("message", (raw) => {
      const message = decodeWith(messageSchema, raw);
      if (!message.ok) return;
      onMessage(message.value);
      if (message.value.kind === "failed") resolve(fail(message.value.reason));
      if (message.value.kind === "ready") resolve(withFile(stateDir, message.value));
    });
    const see = `see ${join(stateDir, "launcher.log")}`;
    child.on("exit", (code, name) =>
      resolve(fail(`its launcher ended (${name ?? `exit ${code}`}): ${see}`)),
    );
    child.on("error", (error) => resolve(fail(error.message)));
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, cancel);
  if (child.connected) child.disconnect();
  child.unref();
  return said;
}

function withFile(
  stateDir: string,
  ready: Pick<Detached, "attached" | "launcherGone">,
): Result<Detached, string> {
  const file = readClusterFile(stateDir);
  const { attached, launcherGone } = ready;
  return file.ok
    ? ok({ file: file.value, attached, launcherGone })
    : fail(`${file.error.message}, though it was just there`);
}
