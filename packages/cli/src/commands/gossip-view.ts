/** How gossip is shown: each function gives lines, from the answers of `GET /skein/v1/gossip`. */
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { GOSSIP_RING_NEAR, GOSSIP_RING_WHOLE_MAX } from "../limits.ts";
import { table } from "../output/table.ts";
import { plural } from "../output/text.ts";
import { compareNames } from "./calls.ts";
import { colours } from "./context.ts";

/** What nodes said of themselves, by name; undefined: it did not answer. */
export type Views = ReadonlyMap<string, unknown>;

const HEALTH_MAX = 7;
/** Columns of numbers beside bars stay readable up to here. */
const BAR_WIDTH = 20;

const MARKS: Readonly<Record<string, string>> = { alive: "●", suspect: "?", dead: "✗" };

/** Everything, from the top: the node, its members, the rings, the traffic, the matrix. */
export function describeGossip(own: unknown, views: Views): readonly string[] {
  return [
    ...describeHead(own),
    "",
    ...describeMembers(own, views),
    "",
    ...describeRings(own),
    "",
    ...describeTraffic(own),
    "",
    ...describeMatrix(own, views),
  ];
}

export function describeHead(own: unknown): readonly string[] {
  const members = listAt(own, "members");
  const count = (state: string): number =>
    members.filter((member) => textAt(member, "state") === state).length;
  const [alive, suspect, dead] = [count("alive"), count("suspect"), count("dead")];
  const parts = [
    colours.green(`${alive} alive`),
    ...(suspect > 0 ? [colours.yellow(`${suspect} suspect`)] : []),
    ...(dead > 0 ? [colours.red(`${dead} dead`)] : []),
  ];
  const name = colours.bold(textAt(own, "node", "name"));
  const head = `As ${name} sees it: ${plural(members.length, "member")}, ${parts.join(", ")}`;
  if (at(own, "isolated") !== true) return [head];
  const reason = "it is isolated: most of the cluster does not answer, so its view is frozen";
  return [head, colours.red(reason)];
}

export function describeMembers(own: unknown, views: Views): readonly string[] {
  const members = listAt(own, "members").toSorted(compareMembers);
  const headings = [
    "  MEMBER",
    "ROLE",
    "STATE",
    "SINCE",
    "RTT",
    "LINK",
    "HEALTH",
    "SAYS",
    "OBSERVED BY",
  ];
  return table(
    headings.map((heading) => colours.dim(heading)),
    members.map((member) => memberRow(member, own, views)),
  );
}

/** Managers first, each by name. */
function compareMembers(a: unknown, b: unknown): number {
  const rank = (member: unknown): number => (textAt(member, "role") === "manager" ? 0 : 1);
  return rank(a) - rank(b) || compareNames(textAt(a, "name"), textAt(b, "name"));
}

function memberRow(member: unknown, own: unknown, views: Views): readonly string[] {
  const [name, state] = [textAt(member, "name"), textAt(member, "state")];
  const isSelf = textAt(member, "id") === textAt(own, "node", "id");
  const observers = names(at(member, "observers"));
  const isMesh = textAt(own, "shape") === "mesh";
  return [
    `${markOf(state)} ${isSelf ? colours.bold(name) : name}`,
    textAt(member, "role"),
    stateOf(member, listAt(own, "members")),
    duration(numberAt(member, "sinceMs")),
    rttOf(at(member, "rttMs")),
    isSelf ? colours.dim("self") : at(member, "linked") === true ? "up" : colours.dim("-"),
    healthOf(views.get(name)),
    plural(numberAt(member, "keys"), "key"),
    isMesh && state !== "dead" ? colours.dim("everybody") : shorten(observers, 6),
  ];
}

function markOf(state: string): string {
  const mark = MARKS[state] ?? " ";
  if (state === "alive") return colours.green(mark);
  return state === "suspect" ? colours.yellow(mark) : colours.red(mark);
}

/** With the reason, and of a suspect how long it has to say that it lives. */
function stateOf(member: unknown, members: readonly unknown[]): string {
  const state = textAt(member, "state");
  const evidence = textAt(member, "evidence");
  if (state === "suspect") {
    const nameOf = (id: string): string =>
      textAt(
        members.find((one) => textAt(one, "id") === id),
        "name",
      ) || id;
    const by = [...new Set(names(at(member, "suspectedBy")).map(nameOf))];
    const left = (Math.max(0, numberAt(member, "judgedInMs")) / 1000).toFixed(1);
    return colours.yellow(`suspected by ${shorten(by, 3)}, judged in ${left} s`);
  }
  if (state !== "dead") return state;
  return colours.red(`dead${evidence === "" ? "" : `: ${EVIDENCE[evidence] ?? evidence}`}`);
}

const EVIDENCE: Readonly<Record<string, string>> = {
  refused: "its port refuses",
  silent: "no answer",
  left: "stopped as planned",
};

function rttOf(rtt: unknown): string {
  if (typeof rtt !== "number") return colours.dim("-");
  return rtt < 1 ? "<1 ms" : `${rtt} ms`;
}

/** Local health, as the node itself says: how much longer its time-outs are. */
function healthOf(view: unknown): string {
  const health = at(view, "health");
  if (typeof health !== "number") return colours.dim("-");
  if (health === 0) return "good";
  const text = `${health} of ${HEALTH_MAX}, time-outs x${health + 1}`;
  return health > 3 ? colours.red(text) : colours.yellow(text);
}

/** A mesh needs no drawing; of a large ring only the neighbourhood of the node is shown. */
export function describeRings(own: unknown): readonly string[] {
  const links = plural(numberAt(own, "links"), "link");
  const rings = listAt(own, "rings");
  if (textAt(own, "shape") === "mesh") {
    return [`${colours.bold("Full mesh")}: ${links}, everybody observes everybody`];
  }
  const lazy = numberAt(own, "lazyLinks");
  const tree = lazy > 0 ? `, ${lazy} of them outside the broadcast tree` : "";
  const states = new Map(
    listAt(own, "members").map((member) => [textAt(member, "name"), textAt(member, "state")]),
  );
  const self = textAt(own, "node", "name");
  return [
    `${colours.bold(`${rings.length} rings`)}: ${links}${tree}; each observes the next`,
    ...rings.map((ring, number) => {
      const shown = near(names(ring), self).map((name) => ringPlace(name, self, states));
      return `  ${number + 1}  ${shown.join(colours.dim(" → "))}`;
    }),
  ];
}

/** The whole of a small ring, else the places around `self`; "…" stands for the others. */
function near(ring: readonly string[], self: string): readonly string[] {
  if (ring.length <= GOSSIP_RING_WHOLE_MAX) return [...ring, "↺"];
  const place = Math.max(0, ring.indexOf(self));
  const around = Array.from({ length: 2 * GOSSIP_RING_NEAR + 1 }, (_, number) => {
    return ring[(place + number - GOSSIP_RING_NEAR + ring.length) % ring.length] ?? "";
  });
  return ["…", ...around, "…"];
}

function ringPlace(name: string, self: string, states: ReadonlyMap<string, string>): string {
  const state = states.get(name);
  if (name === self) return colours.bold(name);
  if (state === "dead") return colours.red(`✗${name}`);
  return state === "suspect" ? colours.yellow(`?${name}`) : name;
}

export function describeTraffic(own: unknown): readonly string[] {
  const seconds = Math.max(1, numberAt(own, "traffic", "sinceMs") / 1000);
  const way = (direction: "sent" | "received"): string => {
    const bytes = numberAt(own, "traffic", "bytes", direction);
    return `${direction} ${size(bytes)} (${size(bytes / seconds)}/s)`;
  };
  const messages = Object(at(own, "traffic", "messages"));
  const rows = Object.keys(messages).map((kind) => {
    const of = (direction: string): number => numberAt(own, "traffic", "messages", kind, direction);
    return { kind, sent: of("sent"), received: of("received") };
  });
  rows.sort((a, b) => b.sent + b.received - a.sent - a.received || (a.kind < b.kind ? -1 : 1));
  const most = Math.max(1, ...rows.map(({ sent, received }) => sent + received));
  const since = duration(numberAt(own, "traffic", "sinceMs"));
  const headings = ["  MESSAGE", "SENT", "RECEIVED", ""].map((heading) => colours.dim(heading));
  return [
    `${colours.bold("Traffic")} in ${since}: ${way("sent")}, ${way("received")}`,
    ...table(
      headings,
      rows.map(({ kind, sent, received }) => {
        const bar = Math.ceil(((sent + received) / most) * BAR_WIDTH);
        return [`  ${kind}`, String(sent), String(received), colours.dim("▪".repeat(bar))];
      }),
    ),
  ];
}

/** Rows believe, columns are believed. */
export function describeMatrix(own: unknown, views: Views): readonly string[] {
  const columns = [...views.keys()];
  const width = String(columns.length).length;
  const widest = Math.max(...columns.map((name) => name.length));
  const cell = (text: string): string => " ".repeat(width - 1) + text;
  const numbered = (name: string, number: number): string =>
    `  ${String(number + 1).padStart(width)} ${name.padEnd(widest)}`;
  const rows = columns.map((by, number) => {
    const view = views.get(by);
    if (view === undefined) return `${numbered(by, number)}  ${colours.dim("does not answer")}`;
    const frozen = at(view, "isolated") === true ? colours.red("  isolated") : "";
    const beliefs = columns.map((of) => cell(belief(view, of))).join(" ");
    return `${numbered(by, number)}  ${beliefs}${frozen}`;
  });
  const numbers = columns.map((_, number) => String(number + 1).padStart(width)).join(" ");
  const left = listAt(own, "members").length - columns.length;
  return [
    `${colours.bold("Who believes what")}: ${verdictOf(views)}`,
    colours.dim(`${" ".repeat(4 + width + widest)} ${numbers}`),
    ...rows,
    ...(left > 0 ? [colours.dim(`  and ${left} more`)] : []),
    colours.dim("  rows believe, columns are believed: ● alive  ? suspect  ✗ dead"),
  ];
}

/** Whether those that answered believe the same. */
function verdictOf(views: Views): string {
  const answered = [...views.values()].filter((view) => view !== undefined);
  const beliefs = new Set(
    answered.map((view) =>
      [...views.keys()].map((name) => stateIn(view, name).replace("suspect", "alive")).join(),
    ),
  );
  const count = plural(answered.length, "view");
  if (beliefs.size <= 1) return colours.green(`${count}, all alike`);
  return colours.yellow(`${count}, of ${beliefs.size} kinds`);
}

function belief(view: unknown, name: string): string {
  const state = stateIn(view, name);
  return state === "" ? " " : markOf(state);
}

function stateIn(view: unknown, name: string): string {
  const member = listAt(view, "members").find((one) => textAt(one, "name") === name);
  return textAt(member, "state");
}

function names(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : [];
}

function shorten(all: readonly string[], most: number): string {
  if (all.length <= most) return all.join(" ") || "-";
  return `${all.slice(0, most).join(" ")} and ${all.length - most} more`;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
