/**
 * Which program listens on a TCP port, from /proc: so that "in use" always comes with a name. Sees
 * every process of the same user, and of all users when run as root. Looks at one process a turn of
 * the event loop: a manager that asks must not stall.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";

export interface Listener {
  /** Undefined when the process belongs to a user whose processes cannot be looked at. */
  readonly process?: {
    readonly pid: number;
    readonly name: string;
    readonly command: readonly string[];
  };
  readonly uid: number;
}

/** Everyone who listens where a listener on `host` would: on it, or on every address. */
export async function listenersOn(host: string, port: number): Promise<readonly Listener[]> {
  const sockets = [...rows("/proc/net/tcp"), ...rows("/proc/net/tcp6")].filter(
    (row) => row.port === port && covers(row.address, host),
  );
  const holders = await holdersOf(new Set(sockets.map((row) => row.inode)));
  return sockets.flatMap((row): Listener[] => {
    const pids = holders.get(row.inode) ?? [];
    if (pids.length === 0) return [{ uid: row.uid }];
    return pids.map((pid) => ({ uid: row.uid, process: describe(pid) }));
  });
}

/** "pid 4711 (python3)", or what can be said of another user's program. */
export function listenerText(listener: Listener | undefined): string {
  if (listener === undefined) return "another program";
  const { process: owner, uid } = listener;
  return owner === undefined ? `a program of user ${uid}` : `pid ${owner.pid} (${owner.name})`;
}

interface SocketRow {
  readonly address: string;
  readonly port: number;
  readonly uid: number;
  readonly inode: string;
}

/** Columns: 1 local address, 3 state (0A: listening), 7 user, 9 inode. */
function rows(file: string): SocketRow[] {
  return read(file)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === "0A")
    .map((columns) => {
      const [hex = "", port = "0"] = (columns[1] ?? "").split(":");
      const [uid, inode] = [Number(columns[7]), columns[9] ?? ""];
      return { address: addressOf(hex), port: Number.parseInt(port, 16), uid, inode };
    });
}

/** Words of four bytes in the machine's order; an IPv4 address inside IPv6 comes out as itself. */
function addressOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).reverse());
  const last = (words.at(-1) ?? []).map((byte) => Number.parseInt(byte, 16)).join(".");
  if (words.length === 1) return last;
  const rest = words.slice(0, 3).flat().join("");
  if (rest === "00000000000000000000ffff" || /^0+$/.test(rest)) return last;
  return `[${rest}]`;
}

function covers(listening: string, host: string): boolean {
  return listening === "0.0.0.0" || listening === host;
}

async function holdersOf(
  inodes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const holders = new Map<string, number[]>();
  if (inodes.size === 0) return holders;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    await nextTurn();
    for (const inode of new Set(socketsOf(entry))) {
      if (!inodes.has(inode)) continue;
      holders.set(inode, [...(holders.get(inode) ?? []), Number(entry)]);
    }
  }
  return holders;
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    // Ended meanwhile, or another user's.
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function describe(pid: number): NonNullable<Listener["process"]> {
  const command = read(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
  return { pid, name: read(`/proc/${pid}/comm`).trim(), command };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
