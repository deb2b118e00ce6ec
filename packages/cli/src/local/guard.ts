/**
 * A local cluster's index k is held by a bound port on 127.0.k.254: whoever connects is told who holds
 * it. The kernel frees it with the launcher, so there is nothing stale to clean up.
 */
import type { Server } from "node:net";
import { connect, createServer } from "node:net";
import { LOCAL_INDEX_MAX } from "../limits.ts";

const GUARD_PORT = 7077;

export interface Guard {
  readonly index: number;
  close(): void;
}

/** Takes index `wanted`, or the lowest free one. The string says who holds the wanted one. */
export async function takeIndex(
  wanted: number | undefined,
  owner: string,
): Promise<Guard | { readonly takenBy: string }> {
  const indexes =
    wanted === undefined ? Array.from({ length: LOCAL_INDEX_MAX }, (_, at) => at + 1) : [wanted];
  for (const index of indexes) {
    const server = await listen(`127.0.${index}.254`, owner);
    // The guard of a dead launcher is free, but its nodes may still serve on these addresses.
    if (server !== undefined && !(await answers(`127.0.${index}.1`, 2377))) {
      return { index, close: () => server.close() };
    }
    server?.close();
    if (wanted !== undefined) return { takenBy: await askOwner(`127.0.${index}.254`) };
  }
  return { takenBy: `${LOCAL_INDEX_MAX} other local clusters` };
}

function listen(host: string, owner: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(owner);
    });
    server.once("error", () => resolve(undefined));
    server.listen(GUARD_PORT, host, () => resolve(server));
  });
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(true));
  });
}

function askOwner(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: GUARD_PORT, timeout: 1000 });
    let said = "";
    const end = (): void => {
      socket.destroy();
      resolve(said === "" ? "another program" : said);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      said += chunk;
    });
    socket.once("close", end);
    socket.once("error", end);
    socket.once("timeout", end);
  });
}
