/** Makes the files of a new local cluster: its CA, each node's identity and `node.json`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterId } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import type { Authority } from "@skein/common/node/certificates";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import { writeIdentity } from "@skein/common/node/identity";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decodeWith } from "@skein/common/wire/schema";
import type { ClusterFile } from "./cluster-file.ts";
import { writeClusterFile } from "./cluster-file.ts";
import { layOut, MANAGER_PORT } from "./layout.ts";
import { clusterSocket, makePrivateDirectory, nodeDirectory, nodeSocket } from "./paths.ts";

export interface CreateOptions {
  readonly stateDir: string;
  readonly name: string;
  readonly index: number;
  readonly managers: number;
  readonly workers: number;
  readonly directory: string;
}

/** Written last, `cluster.json` is what makes the cluster exist: a half-made one is made anew. */
export async function createCluster(options: CreateOptions): Promise<ClusterFile> {
  const random = systemRandom();
  const now = systemClock().wall();
  const id = clusterId(random.id());
  const newId = (): string => random.id();
  const configs = layOut({ ...options, clusterId: id, newId });
  const authority = await createAuthority({ clusterId: id, now });
  keepAuthority(options.stateDir, authority);
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
    writeNodeConfig(options.stateDir, config);
  }
  const file: ClusterFile = {
    schema: 1,
    name: options.name,
    index: options.index,
    clusterId: id,
    api: `unix://${clusterSocket(options.stateDir)}`,
    nodes: configs.map((config) => ({
      name: config.name,
      role: config.role,
      id: config.nodeId,
      pids: {},
      address: config.address,
      port: config.role === "manager" ? MANAGER_PORT : config.controlPort,
      api: `unix://${nodeSocket(options.stateDir, config.name)}`,
      log: join(nodeDirectory(options.stateDir, config.name), "log"),
    })),
  };
  writeClusterFile(options.stateDir, file);
  return file;
}

/** The root's key stays with the launcher: nodes added later are signed with it. */
function keepAuthority(stateDir: string, authority: Authority): void {
  const directory = join(stateDir, "authority");
  makePrivateDirectory(directory);
  writeFileSync(join(directory, "ca.crt"), authority.certificatePem, { mode: 0o600 });
  writeFileSync(join(directory, "ca.key"), authority.privateKeyPem, { mode: 0o600 });
}

export function writeNodeConfig(stateDir: string, config: NodeConfig): void {
  const path = join(nodeDirectory(stateDir, config.name), "node.json");
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}

export function readNodeConfig(stateDir: string, node: string): Result<NodeConfig, string> {
  const path = join(nodeDirectory(stateDir, node), "node.json");
  try {
    const decoded = decodeWith(nodeConfigSchema, JSON.parse(readFileSync(path, "utf8")));
    return decoded.ok ? ok(decoded.value) : fail(`${path}: ${decoded.error.reason}`);
  } catch (error) {
    return fail(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
