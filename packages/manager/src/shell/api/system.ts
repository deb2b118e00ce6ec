/** What any manager answers by itself, with or without a quorum. */
import { readFileSync } from "node:fs";
import os from "node:os";
import { NO_LEADER, PING_HEADERS } from "@skein/common/api/api-version";
import { evenManagers } from "@skein/common/model/manager-count";
import type { Node } from "@skein/common/model/node";
import { clusterStatus } from "../../control/cluster-status.ts";
import { isHostImage, isReference } from "../../control/engine/image.ts";
import { swarmInfo } from "../../control/engine/swarm.ts";
import type { HostFacts } from "../../control/engine/system.ts";
import { infoToEngine, versionToEngine } from "../../control/engine/system.ts";
import { gossip } from "./gossip.ts";
import type { Handler } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import { failure, json } from "./reply.ts";
import { traffic } from "./traffic.ts";

const ping: Handler = (port, request) => ({
  kind: "text",
  text: request.method === "HEAD" ? "" : "OK",
  headers: {
    ...PING_HEADERS,
    Swarm: port.status().leader === undefined ? "error" : "active/manager",
  },
});

const version: Handler = (port) => json(versionToEngine(hostFacts(port)));

const info: Handler = (port) => {
  const { config, view } = port;
  const error = port.status().leader === undefined ? NO_LEADER : "";
  const nodes = view.nodes.list();
  const swarm = swarmInfo({ config, cluster: view.cluster, nodes, error });
  const stale = error === "" ? [] : ["WARNING: no leader: what is shown may be out of date"];
  return json(
    infoToEngine(hostFacts(port), {
      id: config.nodeId,
      swarm,
      plane: config.plane,
      stateDirectory: "",
      warnings: [...stale, ...managersWarning(nodes), ...TRUST_WARNING],
    }),
  );
};

/** An even number buys nothing: whoever made it so should know. */
function managersWarning(nodes: readonly Node[]): readonly string[] {
  const even = evenManagers(nodes.filter((node) => node.spec.role === "manager").length);
  return even === undefined ? [] : [`WARNING: ${even}`];
}

const TRUST_WARNING = [
  'WARNING: tasks of the image "host" are plain processes of this node: run only what you trust',
];

const metrics: Handler = async (port) => ({
  kind: "text",
  text: await port.metricsText(),
  headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
});

/** The CLI asks before every create; an empty digest leaves the reference as the user wrote it. */
const distribution: Handler = (_port, request) => {
  const name = request.subject;
  if (isHostImage(name)) {
    return json({ Descriptor: { mediaType: "", digest: "", size: 0 }, Platforms: [] });
  }
  if (isReference(name)) {
    return failure(404, "not-found", "manifest unknown: manifest unknown");
  }
  const hint = /[A-Z]/.test(name.replace(/:[^/]*$/, ""))
    ? ": repository name must be lowercase"
    : "";
  return failure(400, "bad-request", `invalid reference format${hint}`);
};

/** Parameters under /skein/v1 are ours: one that is not known is refused by name. */
const status: Handler = (port, request) => {
  const [unknown] = request.query.keys();
  if (unknown !== undefined) {
    const message = `Cannot show the status: unknown parameter ${unknown}: it takes none`;
    return failure(400, "bad-request", message);
  }
  const raft = port.status();
  const current = port.isLeader() && raft.quorum.contact * 2 > raft.quorum.voters;
  const { config, view } = port;
  return json(clusterStatus({ config, view, raft, stale: !current }));
};

export const SYSTEM_HANDLERS = {
  ping,
  version,
  info,
  metrics,
  distribution,
  "skein-status": status,
  "skein-gossip": gossip,
  "skein-traffic": traffic,
} as const;

function hostFacts(port: ManagerPort): HostFacts {
  const machine = os.machine();
  return {
    name: port.config.name,
    machine,
    architecture: GO_ARCHITECTURES[machine] ?? machine,
    kernel: os.release(),
    operatingSystem: OPERATING_SYSTEM,
    cpus: os.cpus().length,
    memoryBytes: os.totalmem(),
    runtime: process.version,
    wall: port.wall(),
  };
}

/** "Debian GNU/Linux 12 (bookworm)", as the machine calls itself. */
const OPERATING_SYSTEM = operatingSystem();

function operatingSystem(): string {
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type();
  } catch {
    return os.type();
  }
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };
