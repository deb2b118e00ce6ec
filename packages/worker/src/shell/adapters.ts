/** The real adapters a worker is composed of, made from its state directory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import type { NodeIdentity } from "@skein/common/node/identity";
import { readIdentity } from "@skein/common/node/identity";
import type { JsonLog } from "@skein/common/node/json-log";
import { jsonLog } from "@skein/common/node/json-log";
import type { MetricsRegistry } from "@skein/common/node/metrics";
import { createMetrics } from "@skein/common/node/metrics";
import { addProcessMetrics } from "@skein/common/node/process-metrics";
import { systemClock, watchLoopLag } from "@skein/common/node/system-clock";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import { decodeWith } from "@skein/common/wire/schema";
import type { TaskDefaults } from "../agent/run-spec.ts";
import { dnsPort } from "../dns/shell/port.ts";
import { Cgroups } from "../engine/process-cgroup.ts";
import type { ProcessEngine } from "../engine/process-engine.ts";
import { createProcessEngine } from "../engine/process-engine.ts";
import { SecretFiles } from "../engine/process-secrets.ts";
import { TASKS_DIRECTORY } from "../logs/log-files.ts";
import type { DataPlaneThread } from "./data-plane-thread.ts";
import { startDataPlane } from "./data-plane-thread.ts";

/** Ends the process with a line a person can read. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export interface Adapters {
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly clock: ReturnType<typeof systemClock>;
  readonly log: JsonLog;
  readonly metrics: MetricsRegistry;
  readonly network: TlsNetwork;
  readonly engine: ProcessEngine;
  readonly cgroups: Cgroups;
  readonly dataPlane: DataPlaneThread;
}

/** The only variables of its own that an agent passes on. */
const PASSED_ON = ["PATH", "HOME", "USER", "LANG"] as const;

export interface AdapterOptions {
  readonly directory: string;
  /** The program's own URL: its thread and its preload lie beside it. */
  readonly entry: string;
  readonly stop: (reason: string) => never;
}

export function makeAdapters({ directory, entry, stop }: AdapterOptions): Adapters {
  const config = readConfig(directory);
  const identityDirectory = join(directory, "identity");
  const identity = readIdentity(identityDirectory);
  if (!identity.ok) throw new StartError(`Cannot start worker: ${identity.error.reason}`);
  const clock = systemClock();
  const metrics = createMetrics({ labels: { process: "worker", node: config.name } });
  const journal = jsonLog({ node: config.name, role: "worker", level: "info" });
  addProcessMetrics(metrics);
  watchLoopLag(metrics);
  const host = config.address;
  const cgroups = new Cgroups(`skein-${config.nodeId}`);
  return {
    config,
    identity: identity.value,
    clock,
    log: journal,
    metrics,
    network: createTlsNetwork({ identity: identity.value, clock, log: journal, metrics, host }),
    engine: createProcessEngine({
      directory: join(directory, TASKS_DIRECTORY),
      clock,
      log: journal,
      cgroups,
      secrets: new SecretFiles({
        node: config.nodeId,
        disk: process.argv.includes("--allow-disk-secrets") ? directory : undefined,
      }),
    }),
    cgroups,
    dataPlane: startDataPlane({
      entry: new URL("./dataplane-thread.mjs", entry),
      config,
      identityDirectory,
      died: (reason) => stop(`Cannot go on: the data plane ended: ${reason}`),
    }),
  };
}

function readConfig(directory: string): NodeConfig {
  const path = join(directory, "node.json");
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StartError(`Cannot start worker: ${path}: ${String(error)}`);
  }
  const config = decodeWith(nodeConfigSchema, content);
  if (config.ok) return config.value;
  throw new StartError(`Cannot start worker: ${path}: ${config.error.reason}`);
}

export function taskDefaults(config: NodeConfig, entry: string): TaskDefaults {
  const env: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // Beside `src/` and beside the bundle's `dist/` alike.
  const preload = fileURLToPath(new URL("../preload/listen.cjs", entry));
  const { defaultDirectory } = config;
  return {
    env,
    preload,
    dns: `${config.address}:${dnsPort()}`,
    ...(defaultDirectory === undefined ? {} : { directory: defaultDirectory }),
  };
}
