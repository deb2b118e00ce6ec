/** A process of real gossip members over mutual TLS, told by IPC; started by gossip-members.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterId, nodeId } from "@skein/common/ids";
import type { LogLevel } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { NodeConfig } from "@skein/common/model/node-config";
import { createFileDisk } from "@skein/common/node/file-disk";
import type { NodeIdentity } from "@skein/common/node/identity";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import { GossipHost } from "@skein/worker/shell/gossip-host";

export interface MemberSpec {
  readonly id: string;
  readonly address: string;
  readonly identity: NodeIdentity;
}

export type ToGossipProcess =
  | {
      readonly kind: "start";
      readonly members: readonly MemberSpec[];
    }
  /** The store's word: these are the members. */
  | {
      readonly kind: "admit";
      readonly roster: readonly { readonly id: string; readonly address: string }[];
    }
  /** The event loop does not turn for this long. */
  | { readonly kind: "block"; readonly milliseconds: number }
  | { readonly kind: "look" };

export type FromGossipProcess =
  | { readonly kind: "listening" }
  | { readonly kind: "dead"; readonly by: string; readonly subject: string; readonly at: number }
  | {
      readonly kind: "seen";
      /** Members all of whose links are up and to whom everybody is alive. */
      readonly whole: number;
      readonly bytesSent: number;
      readonly cpuMs: number;
    };

const hosts: GossipHost[] = [];
let expected = 0;
let listening = 0;
const directory = mkdtempSync(join(tmpdir(), "skein-gossip-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
process.on("disconnect", () => process.exit(0));

process.on("message", (message: ToGossipProcess) => {
  if (message.kind === "start") {
    for (const member of message.members) start(member, message.members.length);
  } else if (message.kind === "admit") {
    admit(message.roster);
  } else if (message.kind === "block") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.milliseconds);
  } else {
    look();
  }
});

function start({ id, address, identity }: MemberSpec, count: number): void {
  const [host = "", port = "0"] = address.split(":");
  const log = {
    write: (_level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>): void => {
      if (text !== "member is dead") return;
      tell({ kind: "dead", by: id, subject: String(fields?.["nodeId"]), at: Date.now() });
    },
  };
  const clock = systemClock();
  const network = createTlsNetwork({ identity, clock, log, metrics: noMetrics, host });
  const config: NodeConfig = {
    schema: 1,
    clusterId: clusterId("c"),
    clusterName: "gossip",
    nodeId: nodeId(id),
    name: id,
    role: "worker",
    availability: "active",
    address: host,
    managerPort: 0,
    controlPort: Number(port),
    dataPort: 0,
    apiSocket: "",
    plane: "loopback",
    taskPool: "",
    managers: [],
    local: true,
  };
  const disk = createFileDisk(directory);
  const ports = { config, clock, random: systemRandom(), network, disk, log, metrics: noMetrics };
  const gossip = new GossipHost(ports, {
    verdict: () => undefined,
    routes: () => undefined,
    isConnected: () => false,
  });
  hosts.push(gossip);
  network.listen(address, { "/gossip": gossip.accept }, (error) => {
    if (error !== undefined) throw new Error(error);
    gossip.start();
    listening += 1;
    if (listening === count) tell({ kind: "listening" });
  });
}

function admit(roster: readonly { readonly id: string; readonly address: string }[]): void {
  expected = roster.length;
  const put = roster.map((one) => ({
    nodeId: nodeId(one.id),
    name: one.id,
    role: "worker" as const,
    address: one.address,
  }));
  const increment = { complete: true, base: 0, version: 1, remove: [] } as const;
  for (const host of hosts) host.learn({ kind: "members", ...increment, put, index: 1 });
}

function look(): void {
  const whole = hosts.filter(({ gossip }) => {
    const { members, links } = gossip.inspect();
    const linked = [...links.wanted()].every((peer) => links.to(peer) !== undefined);
    return (
      members.size() === expected &&
      linked &&
      members.list().every(({ state, epoch }) => state === "alive" && epoch > 0)
    );
  }).length;
  const { user, system } = process.cpuUsage();
  const bytesSent = hosts.reduce((sum, host) => sum + host.bytesSent(), 0);
  tell({ kind: "seen", whole, bytesSent, cpuMs: Math.round((user + system) / 1000) });
}

function tell(message: FromGossipProcess): void {
  process.send?.(message);
}
