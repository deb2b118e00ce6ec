/**
 * Is a published port free on this machine's addresses? Asked before a service is created, so that
 * a port of another program is a refusal at once and not a listener that fails on every node.
 */
import { createServer } from "node:net";
import { dirname, resolve } from "node:path";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Listener } from "@skein/common/node/socket-owner";
import { listenersOn, listenerText } from "@skein/common/node/socket-owner";

/** Undefined: free, or held by this cluster itself. Else who has it. */
export async function checkPort(config: NodeConfig, port: number): Promise<string | undefined> {
  const addresses = config.local ? [config.address, "127.0.0.1"] : [config.address];
  for (const address of addresses) {
    const code = await tryListen(address, port);
    if (code === undefined) continue;
    if (code === "EACCES") return `only for the administrator (${address}:${port}: ${code})`;
    if (code !== "EADDRINUSE") return `not to be had on ${address} (${code})`;
    const owners = await listenersOn(address, port);
    if (owners.some(isOurs)) continue;
    // Whoever it was has let go meanwhile, as the ingress does after a service was removed.
    if (owners.length === 0 && (await tryListen(address, port)) === undefined) continue;
    return `in use on ${address} by ${owners.map(ownerText)[0] ?? "another program"}`;
  }
  return undefined;
}

function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((settle) => {
    const server = createServer();
    server.once("error", (error) => settle(String(Reflect.get(error, "code"))));
    server.listen({ host, port, exclusive: true }, () => server.close(() => settle(undefined)));
  });
}

/** This cluster's launcher, or a process of its nodes: their ingress follows the store. */
function isOurs(owner: Listener): boolean {
  if (owner.process?.pid === process.ppid && process.ppid !== 1) return true;
  const theirs = clusterDirectory(owner.process?.command ?? []);
  return theirs !== undefined && theirs === clusterDirectory(process.argv);
}

/** Nodes of a local cluster lie side by side in its state directory. */
function clusterDirectory(command: readonly string[]): string | undefined {
  const at = command.indexOf("--state-dir");
  const isNode = command.some((word) => /skein-(worker|manager)\.mjs$/.test(word));
  const directory = command[at + 1];
  return isNode && at >= 0 && directory !== undefined ? dirname(resolve(directory)) : undefined;
}

function ownerText(owner: Listener, _at: number, all: readonly Listener[]): string {
  const cluster = all.map((one) => clusterDirectory(one.process?.command ?? [])).find((one) => one);
  const text = listenerText(owner);
  return cluster === undefined ? text : `${text}, of the local cluster in ${cluster}`;
}
