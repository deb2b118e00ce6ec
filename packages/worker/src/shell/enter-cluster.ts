/**
 * Makes this machine a node: `swarm init` makes a cluster of it, `swarm join` asks one with a
 * token. Both write identity and `node.json`, the latter last: until it is there the machine is in
 * no cluster, whatever else was written.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { clusterId, nodeId, raftId } from "@skein/common/ids";
import type { Availability } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import { writeAuthoritySeed } from "@skein/common/node/authority-seed";
import { join as askToJoin } from "@skein/common/node/ca-client";
import type { IdentityPems } from "@skein/common/node/identity";
import { writeIdentity } from "@skein/common/node/identity";
import { newStoreKey, storeKeyFromJson, writeStoreKey } from "@skein/common/node/store-key";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { base36 } from "@skein/common/trust/base36";
import { addressTowards, onlyAddress, readAddress } from "./advertise.ts";

/** What a standalone worker was started with. */
export interface Home {
  readonly stateDir: string;
  readonly apiSocket: string;
  readonly name: string;
  readonly controlPort: number;
  readonly dataPort: number;
  readonly defaultDirectory: string;
}

export interface InitRequest {
  readonly listen: string;
  readonly advertise: string;
  readonly availability: Availability;
  /** "10.65.0.0/16"; "": the default. */
  readonly pool: string;
}

export interface JoinRequest {
  readonly listen: string;
  readonly advertise: string;
  readonly availability: Availability;
  readonly remotes: readonly string[];
  readonly token: string;
}

const MANAGER_PORT = 2377;
const TASK_POOL = "10.64.0.0/16";

export async function initCluster(
  home: Home,
  request: InitRequest,
): Promise<Result<NodeConfig, string>> {
  const where = chooseAddress(request.advertise, onlyAddress());
  if (!where.ok) return where;
  const listen = listenAddress(request.listen, where.value.host);
  if (!listen.ok) return listen;
  const { createAuthority, issueNodeCertificate } = await import("@skein/common/node/certificates");
  const random = systemRandom();
  const now = systemClock().wall();
  const id = clusterId(random.id());
  const node = nodeId(base36(randomBytes(32), 25));
  const authority = await createAuthority({ clusterId: id, now });
  const identity = await issueNodeCertificate(authority, {
    nodeId: node,
    role: "manager",
    clusterId: id,
    addresses: [where.value.host],
    now,
  });
  const member = raftId(random.id());
  const managerPort = where.value.port ?? listen.value.port ?? MANAGER_PORT;
  const address = `${where.value.host}:${managerPort}`;
  const config: NodeConfig = {
    ...baseConfig(home, where.value.host, listen.value.host),
    clusterId: id,
    clusterName: "default",
    nodeId: node,
    role: "manager",
    availability: request.availability,
    managerPort,
    taskPool: request.pool === "" ? TASK_POOL : request.pool,
    managers: [address],
    raftId: member,
    bootstrap: [{ raftId: member, nodeId: node, address }],
  };
  const directory = clearIdentity(home);
  writeIdentity(directory, identity);
  writeStoreKey(directory, newStoreKey());
  writeAuthoritySeed(directory, authority);
  writeNodeConfig(home.stateDir, config);
  return ok(config);
}

export async function joinCluster(
  home: Home,
  request: JoinRequest,
): Promise<Result<NodeConfig, string>> {
  if (request.remotes.length === 0) return fail("at least 1 RemoteAddr is required to join");
  const failures: string[] = [];
  for (const remote of request.remotes.map(withPort)) {
    const joined = await joinAt(home, request, remote);
    if (joined.ok || !joined.error.isElsewhere) {
      return joined.ok ? joined : fail(joined.error.reason);
    }
    failures.push(joined.error.reason);
  }
  return fail(failures.join("; "));
}

async function joinAt(home: Home, request: JoinRequest, remote: string) {
  const towards = request.advertise === "" ? await addressTowards(remote) : undefined;
  const found = towards === undefined ? onlyAddress() : ok(towards);
  const where = chooseAddress(request.advertise, found);
  const listen = where.ok ? listenAddress(request.listen, where.value.host) : where;
  if (!where.ok) return refused(where.error);
  if (!listen.ok) return refused(listen.error);
  const { host } = where.value;
  const { token, availability } = request;
  const what = { remote, token, name: home.name, availability, addresses: [host] };
  const certified = await askToJoin(what);
  if (!certified.ok) {
    const isElsewhere = certified.error.code === "unreachable";
    return refused(certified.error.message, isElsewhere);
  }
  const { issued, identity } = certified.value;
  const config: NodeConfig = {
    ...baseConfig(home, host, listen.value.host),
    clusterId: issued.clusterId,
    clusterName: issued.clusterName,
    nodeId: issued.nodeId,
    role: issued.role,
    availability,
    managerPort: where.value.port ?? listen.value.port ?? MANAGER_PORT,
    plane: issued.plane,
    taskPool: issued.taskPool,
    managers: [...new Set([...issued.managers, remote])],
  };
  const directory = clearIdentity(home);
  writeIdentity(directory, identity satisfies IdentityPems);
  const key = issued.storeKey === undefined ? undefined : storeKeyFromJson(issued.storeKey);
  if (key?.ok === true) writeStoreKey(directory, key.value);
  writeNodeConfig(home.stateDir, config);
  return ok(config);
}

function refused(reason: string, isElsewhere = false) {
  return fail({ reason, isElsewhere });
}

/** Everything of a cluster that this machine leaves. Output of tasks goes, too. */
export function forgetCluster(home: Home): void {
  rmSync(join(home.stateDir, "node.json"), { force: true });
  for (const name of ["identity", "manager", "tasks", "tasks.db"]) {
    rmSync(join(home.stateDir, name), { recursive: true, force: true });
  }
}

export function writeNodeConfig(stateDir: string, config: NodeConfig): void {
  const path = join(stateDir, "node.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function baseConfig(home: Home, address: string, listen: string) {
  const { name, controlPort, dataPort, apiSocket, defaultDirectory } = home;
  return {
    schema: 1,
    name,
    address,
    ...(listen === address ? {} : { listenAddress: listen }),
    controlPort,
    dataPort,
    apiSocket,
    plane: "loopback",
    defaultDirectory,
    local: false,
  } as const;
}

function clearIdentity(home: Home): string {
  const directory = join(home.stateDir, "identity");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

function chooseAddress(asked: string, otherwise: Result<string, string>) {
  if (asked !== "") return readAddress(asked, "advertise address");
  return otherwise.ok ? ok({ host: otherwise.value, port: undefined }) : otherwise;
}

/** Docker's default, 0.0.0.0:2377, means the advertised address: nothing else is announced. */
function listenAddress(asked: string, advertised: string) {
  if (asked === "") return ok({ host: advertised, port: undefined });
  const listen = readAddress(asked, "listen address");
  if (!listen.ok) return listen;
  const isAny = listen.value.host === "0.0.0.0" || listen.value.host === "::";
  return ok({ host: isAny ? advertised : listen.value.host, port: listen.value.port });
}

function withPort(remote: string): string {
  return /:\d+$/.test(remote) ? remote : `${remote}:${MANAGER_PORT}`;
}

export function hostName(): string {
  return os.hostname();
}
