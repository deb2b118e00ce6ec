/** What `skein up` says when the cluster is ready: lines that work when pasted right there. */

import { accessSync, constants, realpathSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { evenManagers } from "@skein/common/model/manager-count";
import { ApiClient } from "../api/client.ts";
import { listAt } from "../api/read.ts";
import type { ClusterFile } from "../local/cluster-file.ts";
import { socketPath } from "../local/cluster-file.ts";
import { plural, quote } from "../output/text.ts";
import { nameOf } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { colours, print, printJson } from "./context.ts";

/** Holds `skein`, and nothing else that could get into somebody's way. */
export const COMMAND_DIRECTORY = fileURLToPath(new URL("../bin", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../../examples/hello/server.js", import.meta.url));
const PORTS = Array.from({ length: 20 }, (_, at) => 8080 + at);

export interface Ready {
  readonly stateDir: string;
  readonly file: ClusterFile;
  readonly startedAt?: bigint;
}

export async function showReady(
  flags: GlobalOptions,
  { stateDir, file, startedAt }: Ready,
): Promise<void> {
  if (flags.json === true) return printJson(file);
  const count = (role: string): string =>
    plural(file.nodes.filter((node) => node.role === role).length, role);
  const seconds =
    startedAt === undefined
      ? ""
      : ` in ${(Number(process.hrtime.bigint() - startedAt) / 1e9).toFixed(1)} s`;
  print(`${colours.green("Ready")}: ${count("manager")} and ${count("worker")}${seconds}.`);
  const managers = file.nodes.filter((node) => node.role === "manager").length;
  const even = startedAt === undefined ? undefined : evenManagers(managers);
  if (even !== undefined) print(colours.yellow(even));
  print("");
  if (needsEnvironment(file)) {
    const skein = quote(join(COMMAND_DIRECTORY, "skein"));
    const which = clusterFlag(flags, stateDir);
    print(`  eval "$(${skein} env${which})"   ${colours.dim("# skein and docker in this shell")}`);
  }
  for (const line of await nextCommands(file)) print(`  ${line}`);
  print("");
}

/** Five commands, fitted to what runs already, to the free ports and to what is installed. */
async function nextCommands(file: ClusterFile): Promise<readonly string[]> {
  const answer = await new ApiClient([socketPath(file.api)]).call({
    method: "GET",
    path: "/services",
  });
  const services = answer.ok ? listAt({ all: answer.value }, "all").map(nameOf) : [];
  const port = await freePort();
  const first = services.includes("web")
    ? ["skein service ls"]
    : [
        `skein run --name web --replicas 3 -p ${port}:3000 -- node ${examplePath()}`,
        `curl http://127.0.0.1:${port}/`,
      ];
  const managers = file.nodes.filter((node) => node.role === "manager").length;
  const victim =
    managers >= 3 ? "leader" : file.nodes.findLast((node) => node.role === "worker")?.name;
  const kill = victim === undefined ? [] : [`skein kill ${victim}`];
  const last = onPath("docker") === undefined ? "skein node ls" : "docker node ls";
  return [...first, "skein status", ...kill, last];
}

function needsEnvironment(file: ClusterFile): boolean {
  const skein = onPath("skein");
  const ours = skein !== undefined && sameFile(skein, join(COMMAND_DIRECTORY, "skein"));
  const { SKEIN_HOST, DOCKER_HOST } = process.env;
  return !ours || SKEIN_HOST !== file.api || DOCKER_HOST !== file.api;
}

function clusterFlag(flags: GlobalOptions, stateDir: string): string {
  if (flags.stateDir !== undefined) return ` --state-dir ${quote(stateDir)}`;
  return flags.cluster === undefined ? "" : ` --cluster ${quote(flags.cluster)}`;
}

/** Where the example is, as somebody standing here would write it. */
function examplePath(): string {
  const path = relative(process.cwd(), EXAMPLE);
  return quote(path.startsWith("..") ? EXAMPLE : path);
}

export function onPath(program: string): string | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((one) => one !== "");
  return directories
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function sameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  for (const port of PORTS) {
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  return PORTS[0] ?? 8080;
}
