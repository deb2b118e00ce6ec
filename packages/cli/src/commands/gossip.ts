/**
 * `skein gossip`: who can be reached as a node sees it, who observes whom, what it costs, and who
 * believes what. Works without managers: on the socket of any node, and in a local cluster by
 * itself, since every node's socket is there to be asked.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { ApiClient } from "../api/client.ts";
import { listAt, textAt } from "../api/read.ts";
import { GOSSIP_ASK_MS, GOSSIP_MATRIX_MAX, GOSSIP_WATCH_MS } from "../limits.ts";
import type { ClusterFile } from "../local/cluster-file.ts";
import { socketPath } from "../local/cluster-file.ts";
import { call, client } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, localCluster, print, printJson } from "./context.ts";
import type { Views } from "./gossip-view.ts";
import { describeGossip } from "./gossip-view.ts";
import { examples } from "./help.ts";

const PATH = "/skein/v1/gossip";
const WHAT = "show gossip";
/** Home, then erase below: what was there is written over without flicker. */
const HOME = "\x1b[H";
const ERASE_LINE = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

interface GossipFlags extends GlobalOptions {
  readonly watch?: boolean;
}

interface Seen {
  readonly own: unknown;
  readonly views: Views;
}

export function addGossip(program: Command): void {
  program
    .command("gossip")
    .description("Show who can be reached, who observes whom, and who believes what")
    .argument("[node]", "as this node sees it; else one that answers")
    .option("-w, --watch", "show it again every second")
    .addHelpText("after", examples("skein gossip", "skein gossip worker-2", "skein gossip -w"))
    .action((node: string | undefined, _flags: unknown, command: Command) =>
      gossip(node, command.optsWithGlobals<GossipFlags>()),
    );
}

async function gossip(node: string | undefined, flags: GossipFlags): Promise<void> {
  const seen = await look(node, flags);
  const { own, views } = seen;
  if (flags.json === true) return printJson({ ...Object(own), views: Object.fromEntries(views) });
  if (flags.watch !== true) return describeGossip(own, views).forEach(print);
  process.stdout.write(`${HOME}${ERASE_BELOW}`);
  for (let now = seen; ; now = await look(node, flags)) {
    const lines = describeGossip(now.own, now.views).map((line) => `${line}${ERASE_LINE}\n`);
    process.stdout.write(`${HOME}${lines.join("")}${ERASE_BELOW}`);
    await pause(GOSSIP_WATCH_MS);
  }
}

async function look(node: string | undefined, flags: GlobalOptions): Promise<Seen> {
  const local = localCluster(flags);
  return local === undefined ? lookFrom(await client(flags, WHAT), node) : lookAt(local.file, node);
}

/** A local cluster: each node is asked itself. */
async function lookAt(file: ClusterFile, wanted: string | undefined): Promise<Seen> {
  const names = file.nodes.map(({ name }) => name);
  if (wanted !== undefined && !names.includes(wanted)) throw noSuchNode(wanted, names);
  const asked = file.nodes.slice(0, GOSSIP_MATRIX_MAX);
  const answers = await Promise.all(
    asked.map(async ({ name, api, pids }): Promise<readonly [string, unknown]> => {
      if (pids.worker === undefined && pids.manager === undefined) return [name, undefined];
      const own = new ApiClient([socketPath(api)]);
      const request = { method: "GET", path: PATH, timeoutMs: GOSSIP_ASK_MS, once: true } as const;
      const answer = await own.call(request);
      return [name, answer.ok ? answer.value : undefined];
    }),
  );
  const views = new Map(answers);
  const own =
    wanted === undefined ? answers.find(([, view]) => view !== undefined)?.[1] : views.get(wanted);
  if (own !== undefined) return { own, views };
  throw new CommandError(
    wanted === undefined
      ? `Cannot ${WHAT}: no node of cluster ${file.name} answers: skein status`
      : `Cannot ${WHAT} as ${wanted} sees it: it does not answer: skein status`,
  );
}

/** Elsewhere a manager asks the other nodes for us; a worker has its own view alone. */
async function lookFrom(api: ApiClient, wanted: string | undefined): Promise<Seen> {
  const first = await call(api, { method: "GET", path: PATH }, WHAT);
  const members = listAt(first, "members").slice(0, GOSSIP_MATRIX_MAX);
  const self = textAt(first, "node", "id");
  const views = new Map(
    await Promise.all(
      members.map(async (member): Promise<readonly [string, unknown]> => {
        const [name, node] = [textAt(member, "name"), textAt(member, "id")];
        if (node === self) return [name, first];
        const answer = await api.call({ method: "GET", path: PATH, query: { node }, once: true });
        const isOther = answer.ok && textAt(answer.value, "node", "id") === node;
        return [name, isOther ? answer.value : undefined];
      }),
    ),
  );
  if (wanted === undefined) return { own: first, views };
  const own = views.get(wanted);
  if (own !== undefined) return { own, views };
  if (!views.has(wanted)) throw noSuchNode(wanted, [...views.keys()]);
  throw new CommandError(`Cannot ${WHAT} as ${wanted} sees it: it does not answer`);
}

function noSuchNode(wanted: string, names: readonly string[]): CommandError {
  return new CommandError(`Cannot ${WHAT}: there is no node ${wanted}: ${names.join(", ")}`);
}
