/** What this node says of itself to the leader. */
import { statSync } from "node:fs";
import os from "node:os";
import { SKEIN_VERSION } from "@skein/common/api/api-version";
import type { NodeDescription } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import { readBootId } from "../engine/process-stat.ts";

const NANO_CPUS = 1_000_000_000;

export function describeNode(config: NodeConfig, limits: readonly string[]): NodeDescription {
  return {
    hostname: config.name,
    architecture: os.machine(),
    os: "linux",
    nanoCpus: os.cpus().length * NANO_CPUS,
    memoryBytes: os.totalmem(),
    engineVersion: SKEIN_VERSION,
    address: config.address,
    controlAddress: `${config.address}:${config.controlPort}`,
    dataAddress: `${config.address}:${config.dataPort}`,
    hostKey: hostKey(),
    limits,
  };
}

/** Equal for nodes that share one machine's loopback: the boot, and the network namespace. */
function hostKey(): string {
  return `${readBootId()}:${statSync("/proc/self/ns/net").ino}`;
}
