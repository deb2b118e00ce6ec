/**
 * Makes a local cluster of a backup: a new cluster id, new nodes with certificates of the old
 * authority, and for each manager the state its log begins behind (docs/design/backup.md). Nothing
 * is started: `skein up` does that.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterId, logIndex } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import { issueNodeCertificate } from "@skein/common/node/certificates";
import { writeIdentity } from "@skein/common/node/identity";
import { lockDirectory } from "@skein/common/node/lock-file";
import { storeKeyFromJson, writeStoreKey } from "@skein/common/node/store-key";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { BackupHead, RestorePlan } from "@skein/common/wire/backup";
import { RESTORE_FILE } from "@skein/common/wire/backup";
import { encodeHead } from "@skein/common/wire/headed";
import { RESTORE_INDEX_AHEAD } from "../limits.ts";
import type { Backup } from "./backup-file.ts";
import type { ClusterFile } from "./cluster-file.ts";
import { fileOf, writeClusterFile } from "./cluster-file.ts";
import { writeNodeConfig } from "./create.ts";
import { findPlace } from "./guard.ts";
import { layOut } from "./layout.ts";
import {
  claimSocketDirectory,
  makePrivateDirectory,
  nodeDirectory,
  socketDirectory,
} from "./paths.ts";
import { isCluster, reservedIndexes, strangersIn, unusable } from "./state.ts";

export interface RestoreOptions {
  readonly stateDir: string;
  readonly name: string;
  /** Where tasks without a working directory start. */
  readonly directory: string;
}

/** The error completes "Cannot restore FILE: ". */
export async function restoreCluster(
  backup: Backup,
  options: RestoreOptions,
): Promise<Result<ClusterFile, string>> {
  const { stateDir } = options;
  const elsewhere = "give another --state-dir or --cluster";
  if (isCluster(stateDir)) return fail(`there is a cluster in ${stateDir}: ${elsewhere}`);
  try {
    makePrivateDirectory(stateDir);
  } catch (error) {
    return fail(unusable(stateDir, error));
  }
  const sockets = socketDirectory(stateDir);
  const refusal = strangersIn(stateDir) ?? claimSocketDirectory(stateDir, sockets);
  if (refusal !== undefined) return fail(refusal);
  const lock = lockDirectory(stateDir);
  if (!lock.ok) return fail(unusable(stateDir, lock.error.message));
  try {
    return await place(backup, { ...options, sockets });
  } catch (error) {
    return fail(unusable(stateDir, error));
  } finally {
    lock.value.release();
  }
}

async function place(
  backup: Backup,
  options: RestoreOptions & { readonly sockets: string },
): Promise<Result<ClusterFile, string>> {
  const { stateDir, sockets, name, directory } = options;
  const { head } = backup;
  if (!POOL.test(head.cluster.taskPool)) {
    const pool = `its pool of addresses is ${head.cluster.taskPool}`;
    return fail(`it is not of a local cluster (${pool}): only those are restored`);
  }
  const managers = head.nodes.filter(({ role }) => role === "manager").length;
  const workers = head.nodes.length - managers;
  if (managers === 0) return fail("it knows of no manager");
  const owner = `restore of pid ${process.pid}`;
  const found = await findPlace(head.nodes.length, owner, reservedIndexes(stateDir));
  if (!found.ok) return found;
  try {
    const random = systemRandom();
    const configs = layOut({
      ...{ sockets, name, managers, workers, directory },
      ...{ index: found.value.index, ports: found.value.ports },
      clusterId: clusterId(random.id()),
      newId: () => random.id(),
    });
    return await write(backup, { stateDir, sockets, configs });
  } finally {
    found.value.release();
  }
}

/** The pool of a local cluster: 10.(64+k).0.0/16. */
const POOL = /^10\.\d+\.0\.0\/16$/;

interface Made {
  readonly stateDir: string;
  readonly sockets: string;
  readonly configs: readonly NodeConfig[];
}

async function write(backup: Backup, made: Made): Promise<Result<ClusterFile, string>> {
  const { stateDir, sockets, configs } = made;
  const { head, state } = backup;
  const storeKey = storeKeyFromJson(head.storeKey);
  if (!storeKey.ok) return fail(`its store key is damaged (${storeKey.error})`);
  const now = systemClock().wall();
  const plan = planOf(head, configs, now);
  for (const config of configs) {
    const { nodeId, role, address, name } = config;
    const directory = nodeDirectory(stateDir, name);
    const identity = join(directory, "identity");
    makePrivateDirectory(identity);
    const authority = { ...head.authority, clusterId: config.clusterId };
    const request = { nodeId, role, clusterId: config.clusterId, addresses: [address], now };
    writeIdentity(identity, await issueNodeCertificate(authority, request));
    const { availability = config.availability } =
      plan.nodes.find((node) => node.nodeId === nodeId) ?? {};
    if (role === "manager") {
      writeStoreKey(identity, storeKey.value);
      const bytes = Buffer.concat([encodeHead(plan), state]);
      writeFileSync(join(directory, RESTORE_FILE), bytes, { mode: 0o600, flush: true });
    }
    writeNodeConfig(stateDir, { ...config, availability });
  }
  const file = fileOf(stateDir, sockets, configs);
  writeClusterFile(stateDir, file);
  return ok(file);
}

/** Who takes whose place: the same name, else the next of the same role. */
export function planOf(head: BackupHead, configs: readonly NodeConfig[], at: number): RestorePlan {
  const [first] = configs;
  const left = [...head.nodes].sort((a, b) =>
    a.name.localeCompare(b.name, "en", { numeric: true }),
  );
  const take = (fits: (node: BackupHead["nodes"][number]) => boolean) => {
    const index = left.findIndex(fits);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  const byName = new Map(
    configs.map(({ name, role }) => [name, take((old) => old.name === name && old.role === role)]),
  );
  const nodes = configs.map((config): RestorePlan["nodes"][number] => {
    const { nodeId, name, role, address, raftId, managerPort } = config;
    const old = byName.get(name) ?? take((one) => one.role === role);
    return {
      ...{ nodeId, name, role, address },
      availability: old?.availability ?? config.availability,
      ...(old === undefined ? {} : { from: old.id }),
      ...(raftId === undefined ? {} : { member: { raftId, address: `${address}:${managerPort}` } }),
    };
  });
  return {
    ...{ format: 1, at, nodes },
    index: logIndex(head.index + RESTORE_INDEX_AHEAD),
    cluster: {
      id: first?.clusterId ?? clusterId(""),
      name: first?.clusterName ?? "",
      taskPool: first?.taskPool ?? "",
    },
  };
}
