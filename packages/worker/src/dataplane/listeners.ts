/**
 * Who listens where, from the text of /proc/net/tcp and /proc/net/tcp6, and what a user is told
 * about a task that does not listen at its own address. Pure; `shell/proc-sockets.ts` reads the
 * files.
 */
import { NAMED_SOCKETS_MAX } from "../limits.ts";

export interface ListenSocket {
  /** "0.0.0.0", "127.65.0.5", "::" */
  readonly address: string;
  readonly port: number;
  readonly inode: number;
  /** Connections that no program has taken from it yet. */
  readonly waiting: number;
}

/**
 * What a look at a task's processes found; `undefined` where it could not look: then it is trusted.
 */
export type Found = readonly ListenSocket[] | undefined;

const LISTEN_STATE = "0A";

/** The listening sockets of one file. Lines of another shape are passed over. */
export function parseListenSockets(table: string): readonly ListenSocket[] {
  const sockets: ListenSocket[] = [];
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const [, local, , state] = fields;
    const inode = Number(fields[9]);
    if (state !== LISTEN_STATE || local === undefined || !Number.isSafeInteger(inode)) continue;
    const endpoint = parseEndpoint(local);
    const waiting = Number.parseInt(fields[4]?.split(":")[1] ?? "", 16) || 0;
    if (endpoint !== undefined) sockets.push({ ...endpoint, inode, waiting });
  }
  return sockets;
}

/** True when no listening socket follows in the file: the kernel lists them before all others. */
export function endsListening(table: string): boolean {
  const lines = table.slice(0, table.lastIndexOf("\n")).split("\n");
  const last = lines.at(-1)?.trim().split(/\s+/)[3];
  return last !== undefined && last !== LISTEN_STATE && last !== "rem_address" && last !== "st";
}

/** Inode of a /proc/<pid>/fd link such as "socket:[12345]". */
export function socketInode(link: string): number | undefined {
  const found = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  return found === undefined ? undefined : Number(found);
}

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** From a /proc/<pid>/stat line; the name in it may hold spaces and parentheses. */
export function processOf(stat: string): ProcessRow | undefined {
  const pid = Number.parseInt(stat, 10);
  const [, parent, group] = stat
    .slice(stat.lastIndexOf(")") + 1)
    .trim()
    .split(" ")
    .map(Number);
  if (!Number.isSafeInteger(pid) || parent === undefined || group === undefined) return undefined;
  return Number.isSafeInteger(parent + group) ? { pid, parent, group } : undefined;
}

/** The members of the group that `leader` leads, and all that descend from one of them. */
export function taskProcesses(all: readonly ProcessRow[], leader: number): readonly number[] {
  const found = new Set<number>();
  for (const one of all) if (one.pid === leader || one.group === leader) found.add(one.pid);
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const one of all) if (found.has(one.parent)) found.add(one.pid);
  }
  return [...found].toSorted((a, b) => a - b);
}

/** True when a connection to `address:port` would reach this socket. */
export function covers(socket: ListenSocket, address: string, port: number): boolean {
  if (socket.port !== port) return false;
  return socket.address === address || socket.address === "0.0.0.0" || socket.address === "::";
}

/** `web.1 listens on 0.0.0.0:8000, not on 127.65.0.5:3000: use $HOST and $PORT` */
export function elsewhereText(
  name: string,
  wanted: { readonly address: string; readonly port: number },
  sockets: readonly ListenSocket[],
): string {
  const where = [...sockets]
    .toSorted((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1))
    .map((socket) => endpointText(socket.address, socket.port));
  const named = [...new Set(where)].slice(0, NAMED_SOCKETS_MAX).join(" and ");
  const own = endpointText(wanted.address, wanted.port);
  return `${name} listens on ${named}, not on ${own}: use $HOST and $PORT`;
}

export function nowhereText(name: string, address: string, port: number): string {
  return `${name} does not listen on ${endpointText(address, port)} yet`;
}

/** Something accepts at the task's address, and it is not the task. */
export function foreignText(name: string, address: string, port: number): string {
  const endpoint = endpointText(address, port);
  const cause = `another program listens on port ${port} of every address`;
  return `${endpoint} is answered by a process that is not ${name}: ${cause}`;
}

export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** "0500417F:0BB8" or 32 hexadecimal digits for IPv6: words of 4 bytes in the machine's order. */
function parseEndpoint(text: string): { address: string; port: number } | undefined {
  const [address, port] = text.split(":");
  if (address === undefined || port === undefined || !/^[0-9A-F]{4}$/i.test(port)) return undefined;
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(address)) return undefined;
  const octets: number[] = [];
  for (let at = 0; at < address.length; at += 8) {
    const word = address.slice(at, at + 8);
    for (let byte = 6; byte >= 0; byte -= 2)
      octets.push(Number.parseInt(word.slice(byte, byte + 2), 16));
  }
  return { address: addressText(octets), port: Number.parseInt(port, 16) };
}

function addressText(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join(".");
  const mapped = octets.slice(0, 10).every((octet) => octet === 0);
  if (mapped && octets[10] === 255 && octets[11] === 255) return octets.slice(12).join(".");
  return ipv6Text(octets);
}

/** RFC 5952: the longest run of zero groups (two or more) is written "::". */
function ipv6Text(octets: readonly number[]): string {
  const groups: string[] = [];
  for (let at = 0; at < octets.length; at += 2) {
    groups.push((((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0)).toString(16));
  }
  const text = groups.join(":");
  const runs = text.match(/(?:^|(?<=:))0(?::0)+(?=:|$)/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const at = text.search(new RegExp(`(?:^|(?<=:))${longest}(?=:|$)`));
  const before = text.slice(0, at).replace(/:$/, "");
  const after = text.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
