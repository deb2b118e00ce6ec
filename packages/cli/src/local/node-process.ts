/**
 * One process of a node: forked with a channel to whoever starts it, its output in the node's log.
 */
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromLauncher, ToLauncher } from "@skein/common/wire/local-messages";
import { toLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import type { LocalNode } from "./cluster-file.ts";
import { socketPath } from "./cluster-file.ts";
import { makePrivateDirectory, nodeDirectory } from "./paths.ts";

export type ProcessKind = "manager" | "worker";

export function kindsOf(node: Pick<LocalNode, "role">): readonly ProcessKind[] {
  return node.role === "manager" ? ["manager", "worker"] : ["worker"];
}

export interface NodeProcessOptions {
  readonly stateDir: string;
  readonly node: LocalNode;
  readonly kind: ProcessKind;
}

/** Throws what the system throws; the process may still fail after that. */
export function forkNode({ stateDir, node, kind }: NodeProcessOptions): ChildProcess {
  const directory = nodeDirectory(stateDir, node.name);
  makePrivateDirectory(dirname(socketPath(node.api)));
  const log = openSync(node.log, "a", 0o600);
  try {
    return fork(programOf(kind), ["--state-dir", directory], {
      stdio: ["ignore", log, log, "ipc"],
      // Its own group: a Ctrl-C in the terminal is for the launcher, which ends the nodes in order.
      detached: true,
      // Nobody's working directory is held.
      cwd: directory,
      env: environment(),
      // No source maps: with the first error whose stack is taken (a refused connection: the leader
      // is dead) the map would be read, and the event loop held up for a quarter of a second.
      execArgv: [],
    });
  } finally {
    closeSync(log);
  }
}

/** Undefined when the built programs of the nodes are there; else what to do. */
export function notBuilt(): string | undefined {
  const missing = (["manager", "worker"] as const).map(programOf).find((path) => !existsSync(path));
  return missing === undefined ? undefined : `${missing} is not built: npm run build`;
}

export function readMessage(raw: unknown): ToLauncher | undefined {
  const message = decodeWith(toLauncherSchema, raw);
  return message.ok ? message.value : undefined;
}

export function tell(child: ChildProcess, message: FromLauncher): void {
  if (child.connected) child.send(message, () => undefined);
}

function programOf(kind: ProcessKind): string {
  return fileURLToPath(new URL(`../../${kind}/dist/skein-${kind}.mjs`, import.meta.url));
}

/**
 * Without options for Node that were meant for one program: ten that wait for a debugger are none.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, SKEIN_LAUNCHER: _launcher, ...rest } = process.env;
  return rest;
}
