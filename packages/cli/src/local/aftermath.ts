/** What followed the loss of nodes, out of the logs of those that are left: pure. */
import { numberAt, textAt } from "../api/read.ts";

/** One line of a node's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly node: string;
  readonly said: unknown;
}

export interface Loss {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Names of all nodes, by id and by address without its port. */
  readonly names: ReadonlyMap<string, string>;
  readonly killed: ReadonlySet<string>;
}

export interface AftermathRow {
  /** Milliseconds after the loss. */
  readonly ms: number;
  /** Names of the nodes this happened at. */
  readonly nodes: readonly string[];
  readonly what: string;
}

/** Lines that are none are passed over: the last may be half written. */
export function readLogLines(node: string, text: string): readonly LogLine[] {
  return text.split("\n").flatMap((line) => {
    const said = parsed(line);
    const at = Date.parse(textAt(said, "time"));
    return Number.isNaN(at) ? [] : [{ at, node, said }];
  });
}

/** In order of time; what several nodes notice of one loss is one row, when the last noticed it. */
export function aftermath(lines: readonly LogLine[], loss: Loss): readonly AftermathRow[] {
  const rows: AftermathRow[] = [];
  const noticed = new Map<string, { ms: number; nodes: string[]; first: number }>();
  for (const line of [...lines].sort((a, b) => a.at - b.at)) {
    if (line.at < loss.at) continue;
    const ms = line.at - loss.at;
    const shared = sharedText(line.said, loss);
    if (shared !== undefined) {
      const row = noticed.get(shared) ?? { ms, nodes: [], first: ms };
      noticed.set(shared, row);
      if (!row.nodes.includes(line.node)) row.nodes.push(line.node);
      row.ms = ms;
      continue;
    }
    const what = roleText(line.said);
    if (what !== undefined) rows.push({ ms, nodes: [line.node], what });
  }
  for (const [what, { ms, nodes, first }] of noticed) {
    const range = nodes.length > 1 ? `${what}; the first after ${first} ms` : what;
    rows.push({ ms, nodes, what: range });
  }
  return rows.sort((a, b) => a.ms - b.ms);
}

/** Who leads and takes writes after the loss; undefined: nobody yet. */
export function newLeader(lines: readonly LogLine[], loss: Loss): string | undefined {
  const ready = lines.filter(({ at, said }) => at >= loss.at && isReadyLeader(said));
  return ready.sort((a, b) => a.at - b.at).at(-1)?.node;
}

/** Nodes that know a killed node is gone: "worker-2 of manager-1". */
export function whoKnows(lines: readonly LogLine[], loss: Loss): ReadonlySet<string> {
  const known = lines.flatMap(({ at, node, said }) => {
    const lost = textAt(said, "message") === "member is dead" ? nameAt(said, "nodeId", loss) : "";
    return at >= loss.at && loss.killed.has(lost) ? [`${node} of ${lost}`] : [];
  });
  return new Set(known);
}

function sharedText(said: unknown, loss: Loss): string | undefined {
  const message = textAt(said, "message");
  if (message === "manager link closed") {
    const peer = nameAt(said, "address", loss);
    return loss.killed.has(peer) ? `lost the connection to ${peer}` : undefined;
  }
  if (message !== "member is dead") return undefined;
  const lost = nameAt(said, "nodeId", loss);
  return loss.killed.has(lost) ? `gossip: ${lost} is dead` : undefined;
}

function roleText(said: unknown): string | undefined {
  if (textAt(said, "message") !== "raft role") return undefined;
  const term = numberAt(said, "term_");
  if (isReadyLeader(said)) return "serves reads and writes";
  switch (textAt(said, "role_")) {
    case "pre-candidate":
      return "asks whether an election could be won";
    case "candidate":
      return `candidate, term ${term}`;
    case "leader":
      return `elected leader, term ${term}`;
    default:
      return undefined;
  }
}

function isReadyLeader(said: unknown): boolean {
  const isLeader = textAt(said, "message") === "raft role" && textAt(said, "role_") === "leader";
  return isLeader && Reflect.get(Object(said), "ready") === true;
}

function nameAt(said: unknown, key: string, { names }: Loss): string {
  const id = textAt(said, key).replace(/:\d+$/, "");
  return names.get(id) ?? id;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
