/**
 * `skein-manager --state-dir DIR`: reads `DIR/node.json` and `DIR/identity/`, composes a manager of
 * the real adapters and serves. A ready line goes to the log, and to the launcher when there is
 * one.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { BugError } from "@skein/common/assert";
import type { NodeConfig } from "@skein/common/model/node-config";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import { secretPurpose } from "@skein/common/model/secret";
import { readAuthoritySeed, removeAuthoritySeed } from "@skein/common/node/authority-seed";
import { createFileDisk } from "@skein/common/node/file-disk";
import { readIdentity } from "@skein/common/node/identity";
import type { JsonLog } from "@skein/common/node/json-log";
import { jsonLog } from "@skein/common/node/json-log";
import { linkDuplex } from "@skein/common/node/link-duplex";
import { caRefusal } from "@skein/common/node/link-listener";
import { lockDirectory } from "@skein/common/node/lock-file";
import type { MetricsRegistry } from "@skein/common/node/metrics";
import { createMetrics } from "@skein/common/node/metrics";
import { addProcessMetrics } from "@skein/common/node/process-metrics";
import { readStoreKey } from "@skein/common/node/store-key";
import { systemClock, watchLoopLag } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import type { Result } from "@skein/common/result";
import { fromLauncherSchema } from "@skein/common/wire/local-messages";
import { decodeWith } from "@skein/common/wire/schema";
import { RESIGN_MS } from "./limits.ts";
import { forceNewCluster } from "./raft/force-new-cluster.ts";
import type { ManagerPort } from "./shell/api/port.ts";
import type { ApiServer } from "./shell/api-server.ts";
import { serveApi } from "./shell/api-server.ts";
import { Manager } from "./shell/manager.ts";
import { createManagerPort } from "./shell/manager-port.ts";
import type { Member } from "./shell/member-file.ts";
import { findMember, incarnationOf, memberBegun, replaceMember } from "./shell/member-file.ts";
import type { Expulsion } from "./shell/member-messages.ts";
import { EXPULSIONS } from "./shell/member-messages.ts";
import { forgetRestoredState, restoredState } from "./shell/restored-state.ts";
import { IdentityWatch } from "./shell/trust/identity-watch.ts";
import { TrustOffice } from "./shell/trust/trust-office.ts";
import type { OpenedRaftStorage } from "./wal/raft-storage.ts";
import { openRaftStorage } from "./wal/raft-storage.ts";
import type { StorageError } from "./wal/storage-error.ts";

/** Ends the process with a line a person can read. */
class StartError extends Error {
  override readonly name = "StartError";
}

interface Adapters {
  readonly config: NodeConfig;
  readonly log: JsonLog;
  readonly metrics: MetricsRegistry;
  readonly network: TlsNetwork;
  readonly clock: ReturnType<typeof systemClock>;
  readonly random: ReturnType<typeof systemRandom>;
}

/** An argument, and a file in the node's directory that a launcher leaves for the next start. */
const FORCE_NEW_CLUSTER = "force-new-cluster";

const stateDir = option("--state-dir");
let log: JsonLog | undefined;
main().catch((error: unknown) => stop(error instanceof Error ? error.message : String(error)));

async function main(): Promise<void> {
  const adapters = makeAdapters(stateDir);
  log = adapters.log;
  containBugs(adapters);
  const directory = join(stateDir, "manager");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  if (!lock.ok) throw new StartError(lock.error.message);
  const manager = await openManager(adapters, directory);
  const port = openTrust(adapters, manager);
  const api = await serveApi({ port, path: adapters.config.apiSocket });
  if (!api.ok) throw new StartError(api.error.reason);
  apiServer = api.value;
  await started(manager);
  adapters.log.write("info", "ready", { address: adapters.config.address });
  process.send?.({ kind: "ready" });
  listenToLauncher(adapters, manager);
}

let apiServer: ApiServer | undefined;
let office: TrustOffice | undefined;

function openTrust(adapters: Adapters, manager: Manager): ManagerPort {
  const { network } = adapters;
  const directory = join(stateDir, "identity");
  const base = createManagerPort({ ...adapters, manager });
  const trust = new TrustOffice({
    ...adapters,
    port: base,
    storeKey: () => readStoreKey(directory),
    seed: () => readAuthoritySeed(directory),
    seeded: () => removeAuthoritySeed(directory),
    standing: (standing) => network.setStanding(standing),
  });
  office = trust;
  manager.store.onChange((changes) => {
    if (changes.some(({ table }) => table === "cluster" || table === "node")) trust.changed();
  });
  trust.changed();
  new IdentityWatch({ directory, log: adapters.log, changed: (next) => network.setIdentity(next) });
  const leave = (): boolean => process.send?.({ kind: "leave" }) ?? false;
  return { ...base, trust, leave };
}

function makeAdapters(directory: string): Adapters {
  const config = readConfig(directory);
  const identity = readIdentity(join(directory, "identity"));
  if (!identity.ok) throw new StartError(`Cannot start manager: ${identity.error.reason}`);
  const clock = systemClock();
  const metrics = createMetrics({ labels: { process: "manager", node: config.name } });
  const journal = jsonLog({ node: config.name, role: "manager", level: "info" });
  addProcessMetrics(metrics);
  watchLoopLag(metrics);
  const network = createTlsNetwork({
    identity: identity.value,
    clock,
    log: journal,
    metrics,
    host: config.address,
    ca: (call) =>
      office?.serve(call) ??
      Promise.resolve(caRefusal(503, "unreachable", "this manager is starting: try again")),
  });
  return { config, log: journal, metrics, network, clock, random: systemRandom() };
}

function readConfig(directory: string): NodeConfig {
  const path = join(directory, "node.json");
  const config = decodeWith(nodeConfigSchema, JSON.parse(readFileSync(path, "utf8")));
  if (config.ok) return config.value;
  throw new StartError(`Cannot start manager: ${path}: ${config.error.reason}`);
}

/** A log that cannot be trusted is put aside, if others have what it held: see member-file.ts. */
async function openManager(adapters: Adapters, directory: string): Promise<Manager> {
  const { config, random } = adapters;
  const member = findMember(stateDir, config, random);
  const opened = await openLog(adapters, directory, member);
  if (opened.ok) {
    const begun = await restored(adapters, directory, { member, opened: opened.value });
    return makeManager(adapters, member, await alone(adapters, member, begun));
  }
  const { code, message } = opened.error;
  if (code !== "corrupt" || member.others.length === 0) {
    throw new StartError(`Cannot start manager: ${message}`);
  }
  adapters.log.write("error", "the log is damaged: joining again as a new member", { message });
  const again = replaceMember(stateDir, config, random);
  const fresh = await openLog(adapters, directory, again);
  if (!fresh.ok) throw new StartError(`Cannot start manager: ${fresh.error.message}`);
  return makeManager(adapters, again, fresh.value);
}

/** The first start in a restored cluster: its snapshot becomes what the log begins behind. */
async function restored(
  adapters: Adapters,
  directory: string,
  { member, opened }: { readonly member: Member; readonly opened: OpenedRaftStorage },
): Promise<OpenedRaftStorage> {
  const beginning = restoredState(stateDir, opened.recovered);
  if (!beginning.ok) throw new StartError(`Cannot start manager: ${beginning.error}`);
  if (beginning.value === undefined) {
    forgetRestoredState(stateDir);
    return opened;
  }
  const { meta, state } = beginning.value;
  const { storage } = opened;
  const error = await new Promise<string | undefined>((resolve) => {
    storage.saveSnapshot(meta, state, resolve);
  });
  if (error !== undefined) throw new StartError(`Cannot start manager: ${error}`);
  await new Promise<void>((resolve) => storage.close(resolve));
  const again = await openLog(adapters, directory, member);
  if (!again.ok) throw new StartError(`Cannot start manager: ${again.error.message}`);
  forgetRestoredState(stateDir);
  adapters.log.write("info", "begins with the state of a backup", { index: meta.index });
  return again.value;
}

/** Asked for by a person, once: this member goes on as the only one. */
async function alone(
  adapters: Adapters,
  { raftId }: Member,
  opened: OpenedRaftStorage,
): Promise<OpenedRaftStorage> {
  const marker = join(stateDir, FORCE_NEW_CLUSTER);
  if (!process.argv.includes(`--${FORCE_NEW_CLUSTER}`) && !existsSync(marker)) return opened;
  const { storage, recovered } = opened;
  const forced = forceNewCluster(recovered, raftId);
  const { hardState, entries, removed, keptTo } = forced;
  const error = await new Promise<string | undefined>((resolve) => {
    storage.persist([{ kind: "persist", hardState, entries }], resolve);
  });
  if (error !== undefined) throw new StartError(`Cannot force a new cluster: ${error}`);
  rmSync(marker, { force: true });
  adapters.log.write("warn", "new cluster of this manager alone", { removed, keptTo });
  return { ...opened, recovered: forced.recovered };
}

function openLog(
  adapters: Adapters,
  directory: string,
  { raftId, bootstrap }: Member,
): Promise<Result<OpenedRaftStorage, StorageError>> {
  const { config, clock, random, metrics } = adapters;
  const options = {
    disk: createFileDisk(directory),
    directory: "raft",
    clusterId: config.clusterId,
    raftId,
    random,
    log: adapters.log,
    metrics,
    clock,
    stopwatch: () => performance.now(),
    crc32: (bytes: Uint8Array, seed?: number) => crc32(bytes, seed),
  };
  return new Promise((resolve) => {
    openRaftStorage(bootstrap === undefined ? options : { ...options, bootstrap }, resolve);
  });
}

function makeManager(adapters: Adapters, member: Member, opened: OpenedRaftStorage): Manager {
  const { log: journal, random } = adapters;
  const { raftId, replaced, others } = member;
  memberBegun(stateDir, raftId);
  if (replaced) journal.write("warn", "its log is gone: joining as a new member", { raftId });
  const { storage, recovered, state } = opened;
  return new Manager({
    ...adapters,
    raftId,
    incarnation: incarnationOf(stateDir, random),
    announceTo: others,
    expelled: (expulsion) => leave(adapters, expulsion),
    storage,
    recovered,
    state,
    fatal: (reason) => stop(reason),
    soon: (what) => void setImmediate(what),
    roleChanged: (status) => {
      journal.setTerm(status.raft.term);
      office?.changed();
    },
    openSecret: (id, sealed) => {
      const unsealed = office?.keyring.unseal(secretPurpose(id), sealed);
      return unsealed?.ok === true ? unsealed.value : undefined;
    },
    extraPaths: {
      "/api": (peer) => {
        if (peer.role !== "manager") return "only managers forward API requests";
        const { stream, receiver } = linkDuplex();
        stream.on("error", () => undefined);
        apiServer?.accept(stream);
        return receiver;
      },
      "/calls": (peer) => {
        if (peer.role !== "manager") return "only managers forward API requests";
        return apiServer?.calls() ?? "this manager does not serve yet";
      },
    },
  });
}

/** The next start of this process, if there is one, is another member's. */
function leave({ config, random, log: journal }: Adapters, expulsion: Expulsion): void {
  replaceMember(stateDir, config, random);
  journal.write("warn", "stopping", { reason: EXPULSIONS[expulsion] });
  process.exit(expulsion === "removed" ? 0 : 1);
}

function started(manager: Manager): Promise<void> {
  return new Promise((resolve, reject) => {
    manager.start((error) => {
      if (error === undefined) resolve();
      else reject(new StartError(`Cannot start manager: ${error}`));
    });
  });
}

function listenToLauncher(adapters: Adapters, manager: Manager): void {
  let ending = false;
  const end = (reason: string): void => {
    if (ending) return;
    ending = true;
    adapters.log.write("info", "stopping", { reason });
    const finish = (): void => {
      manager.close(() => {
        void Promise.resolve(apiServer?.close()).finally(() => process.exit(0));
      });
      adapters.network.close("this manager is stopping");
      setTimeout(() => process.exit(0), RESIGN_MS).unref();
    };
    // A leader hands its office over first: nobody waits for an election timeout then.
    if (!manager.status().ready) finish();
    else {
      manager.resign();
      const since = Date.now();
      const poll = setInterval(() => {
        if (manager.status().ready && Date.now() - since < RESIGN_MS) return;
        clearInterval(poll);
        finish();
      }, 10);
    }
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
  process.on("message", (raw) => {
    const message = decodeWith(fromLauncherSchema, raw);
    if (!message.ok) return;
    if (message.value.kind === "stop") end(message.value.reason);
    if (message.value.kind === "cut") {
      adapters.network.setCut(message.value.addresses, message.value.deafTo);
    }
  });
  // The launcher's death is not ours.
  process.on("disconnect", () => undefined);
}

/** A broken invariant of Raft, log or store ends the process; any other bug is told and counted. */
function containBugs({ log: journal, metrics }: Adapters): void {
  const caught = (error: unknown): void => {
    metrics.count("skein_bugs_total");
    const stack = error instanceof Error ? error.stack : String(error);
    journal.write("error", "bug", { stack });
    if (error instanceof BugError) stop(error.message);
  };
  process.on("uncaughtException", caught);
  process.on("unhandledRejection", caught);
}

function stop(reason: string): never {
  log?.write("error", "stopped", { reason });
  process.stderr.write(`${reason}\n`);
  process.send?.({ kind: "failed", error: reason });
  process.exit(1);
}

function option(name: string): string {
  const value = process.argv[process.argv.indexOf(name) + 1];
  if (process.argv.includes(name) && value !== undefined) return value;
  process.stderr.write(`Cannot start manager: ${name} is missing\n`);
  process.exit(2);
}
