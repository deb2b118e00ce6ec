/**
 * Is a published port free on this machine's addresses? Asked before a service is created, so that a port
 * of another program is a refusal at once and not a listener that fails on every node.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { NodeConfig } from "@skein/common/model/node-config";

/** Undefined: free, or held by this cluster itself. Else who has it. */
export async function checkPort(config: NodeConfig, port: number): Promise<string | undefined> {
  const addresses = config.local ? [config.address, "127.0.0.1"] : [config.address];
  for (const address of addresses) {
    const code = await tryListen(address, port);
    if (code === undefined) continue;
    if (code !== "EADDRINUSE") return `cannot be bound on ${address} (${code})`;
    const owners = ownersOf(port);
    if (owners.some((owner) => owner.ours)) continue;
    const [owner] = owners;
    const who = owner === undefined ? "another program" : `pid ${owner.pid} (${owner.name})`;
    return `in use on ${address} by ${who}`;
  }
  return undefined;
}

function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(String(Reflect.get(error, "code"))));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

interface Owner {
  readonly pid: number;
  readonly name: string;
  /** A node process or launcher of a local cluster: its ingress follows the store. */
  readonly ours: boolean;
}

function ownersOf(port: number): readonly Owner[] {
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => inodesOf(file, port)),
  );
  const owners: Owner[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && holds(pid, inodes)) owners.push(describe(pid));
  }
  return owners;
}

/** Inodes of the sockets that listen on `port`: column 4 is the state (0A: listening), 10 the inode. */
function inodesOf(file: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1]?.endsWith(`:${hex}`) === true && columns[3] === "0A")
      .map((columns) => `socket:[${columns[9]}]`);
  } catch {
    return [];
  }
}

function holds(pid: number, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function describe(pid: number): Owner {
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const ours = command.some((word) => /(skein-(worker|manager)|skein)\.mjs$/.test(word));
  const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  return { pid, name, ours };
}
