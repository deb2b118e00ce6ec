/**
 * `skein gossip`: who can be reached as a node sees it, who observes whom, what it costs, and who
 * believes what. Works without managers on the socket of any node.
 */
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { GOSSIP_MATRIX_MAX } from "../limits.ts";
import { table } from "../output/table.ts";
import { call, client } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { colours, print, printJson } from "./context.ts";
import { examples } from "./help.ts";

const PATH = "/skein/v1/gossip";
const WHAT = "show gossip";

export function addGossip(program: Command): void {
  program
    .command("gossip")
    .description("Show who can be reached, who observes whom, and who believes what")
    .addHelpText("after", examples("skein gossip", "skein gossip --json"))
    .action((_flags: unknown, command: Command) =>
      gossip(command.optsWithGlobals<GlobalOptions>()),
    );
}

async function gossip(flags: GlobalOptions): Promise<void> {
  const api = await client(flags, WHAT);
  const own = await call(api, { method: "GET", path: PATH }, WHAT);
  const views = await everyView(api, own);
  if (flags.json === true) return printJson({ ...Object(own), views: Object.fromEntries(views) });
  for (const line of describeOwn(own)) print(line);
  for (const line of describeMatrix(own, views)) print(line);
}

/** By node name; a manager asks the other nodes for us, a worker has its own view alone. */
async function everyView(api: ApiClient, own: unknown): Promise<ReadonlyMap<string, unknown>> {
  const members = listAt(own, "members").slice(0, GOSSIP_MATRIX_MAX);
  const self = textAt(own, "node", "id");
  const views = await Promise.all(
    members.map(async (member): Promise<readonly [string, unknown]> => {
      const [name, node] = [textAt(member, "name"), textAt(member, "id")];
      if (node === self) return [name, own];
      const answer = await api.call({ method: "GET", path: PATH, query: { node }, once: true });
      const isOther = answer.ok && textAt(answer.value, "node", "id") === node;
      return [name, isOther ? answer.value : undefined];
    }),
  );
  return new Map(views);
}

/** The node's own view: a line of facts, its members, its rings, its traffic. */
export function describeOwn(own: unknown): readonly string[] {
  const isolated = at(own, "isolated") === true;
  const shape = textAt(own, "shape") === "mesh" ? "full mesh" : "4 rings";
  const health = numberAt(own, "health");
  const head =
    `${colours.bold(textAt(own, "node", "name"))}: ${shape}, ${numberAt(own, "links")} links, ` +
    `health ${health === 0 ? "good" : `${health} of 7 (its time-outs are longer)`}`;
  const warning = "isolated: most of the cluster does not answer; its view is frozen";
  return [
    head,
    ...(isolated ? [colours.red(warning)] : []),
    "",
    ...table(
      ["MEMBER", "ROLE", "STATE", "SINCE", "RTT", "LINK", "OBSERVED BY", "KEYS"],
      listAt(own, "members").map(memberRow),
    ),
    "",
    ...listAt(own, "rings").map((ring, number) => `ring ${number + 1}: ${names(ring)}`),
    ...describeTraffic(own),
    "",
  ];
}

function memberRow(member: unknown): readonly string[] {
  const evidence = textAt(member, "evidence");
  const state = textAt(member, "state");
  const rtt = at(member, "rttMs");
  return [
    textAt(member, "name"),
    textAt(member, "role"),
    evidence === "" || state === "alive" ? state : `${state} (${evidence})`,
    `${Math.round(numberAt(member, "sinceMs") / 1000)} s`,
    typeof rtt === "number" ? `${rtt} ms` : "-",
    at(member, "linked") === true ? "up" : "-",
    names(at(member, "observers")),
    String(numberAt(member, "keys")),
  ];
}

function names(list: unknown): string {
  const all = Array.isArray(list) ? list.map(String) : [];
  return all.length <= 8 ? all.join(" ") : `${all.slice(0, 8).join(" ")} …`;
}

function describeTraffic(own: unknown): readonly string[] {
  const seconds = Math.max(1, numberAt(own, "traffic", "sinceMs") / 1000);
  const rate = (bytes: number): string => `${Math.round(bytes / seconds)} B/s`;
  const sent = rate(numberAt(own, "traffic", "bytes", "sent"));
  const received = rate(numberAt(own, "traffic", "bytes", "received"));
  const kinds = Object.keys(Object(at(own, "traffic", "messages"))).sort();
  const parts = kinds.map((kind) => {
    const counts = ["sent", "received"].map((way) =>
      numberAt(own, "traffic", "messages", kind, way),
    );
    return `${kind} ${counts.join("/")}`;
  });
  return [`sent ${sent}, received ${received}; messages sent/received: ${parts.join(", ")}`];
}

/** Rows believe, columns are believed: `.` alive, `?` suspect, `X` dead, blank: not asked. */
export function describeMatrix(
  own: unknown,
  views: ReadonlyMap<string, unknown>,
): readonly string[] {
  const columns = [...views.keys()];
  const rows = columns.map((by) => {
    const view = views.get(by);
    const cells = columns.map((name) => (view === undefined ? "" : belief(view, name)));
    return [by, ...cells, view === undefined ? "does not answer" : ""];
  });
  const numbers = columns.map((_, number) => String(number + 1));
  const left = listAt(own, "members").length - columns.length;
  return [
    "Who believes what (. alive, ? suspect, X dead):",
    ...table(["", ...numbers, ""], rows),
    ...(left > 0 ? [`and ${left} more`] : []),
  ];
}

function belief(view: unknown, name: string): string {
  const member = listAt(view, "members").find((one) => textAt(one, "name") === name);
  const state = textAt(member, "state");
  if (state === "alive") return ".";
  return state === "suspect" ? colours.yellow("?") : state === "dead" ? colours.red("X") : " ";
}
