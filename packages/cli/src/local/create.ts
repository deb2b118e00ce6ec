/** Makes the files of a new local cluster: its CA, each node's identity and `node.json`. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterId } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import { writeAuthoritySeed } from "@skein/common/node/authority-seed";
import { writeIdentity } from "@skein/common/node/identity";
import { newStoreKey, writeStoreKey } from "@skein/common/node/store-key";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decodeWith } from "@skein/common/wire/schema";
import type { ClusterFile } from "./cluster-file.ts";
import { fileOf, writeClusterFile } from "./cluster-file.ts";
import type { NodePorts } from "./layout.ts";
import { layOut } from "./layout.ts";
import { errorText, makePrivateDirectory, nodeDirectory } from "./paths.ts";

export interface CreateOptions {
  readonly stateDir: string;
  readonly sockets: string;
  readonly name: string;
  readonly index: number;
  readonly ports: NodePorts;
  readonly managers: number;
  readonly workers: number;
  readonly directory: string;
}

/** Written last, `cluster.json` is what makes the cluster exist: a half-made one is made anew. */
export async function createCluster(options: CreateOptions): Promise<ClusterFile> {
  // Only a new cluster needs it, and it is half of this program.
  const { createAuthority, issueNodeCertificate } = await import("@skein/common/node/certificates");
  const random = systemRandom();
  const now = systemClock().wall();
  const id = clusterId(random.id());
  const configs = layOut({ ...options, clusterId: id, newId: () => random.id() });
  const authority = await createAuthority({ clusterId: id, now });
  const storeKey = newStoreKey();
  for (const config of configs) {
    const directory = nodeDirectory(options.stateDir, config.name);
    makePrivateDirectory(join(directory, "identity"));
    const certificate = await issueNodeCertificate(authority, {
      nodeId: config.nodeId,
      role: config.role,
      clusterId: id,
      addresses: [config.address],
      now,
    });
    writeIdentity(join(directory, "identity"), certificate);
    if (config.role === "manager") {
      writeStoreKey(join(directory, "identity"), storeKey);
      writeAuthoritySeed(join(directory, "identity"), authority);
    }
    writeNodeConfig(options.stateDir, config);
  }
  const file = fileOf(options.stateDir, options.sockets, configs);
  writeClusterFile(options.stateDir, file);
  return file;
}

export function nodeConfigPath(stateDir: string, node: string): string {
  return join(nodeDirectory(stateDir, node), "node.json");
}

export function writeNodeConfig(stateDir: string, config: NodeConfig): void {
  const path = nodeConfigPath(stateDir, config.name);
  writeFileSync(`${path}.new`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function readNodeConfig(stateDir: string, node: string): Result<NodeConfig, string> {
  const path = nodeConfigPath(stateDir, node);
  const remedy = "put a copy of it back, or make the cluster anew (skein down --purge, skein up)";
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    return fail(`${path} cannot be read (${errorText(error)}): ${remedy}`);
  }
  try {
    const decoded = decodeWith(nodeConfigSchema, JSON.parse(content));
    if (decoded.ok) return ok(decoded.value);
    return fail(`${path} is damaged (${decoded.error.reason}): ${remedy}`);
  } catch {
    return fail(`${path} is damaged (it is not JSON): ${remedy}`);
  }
}
