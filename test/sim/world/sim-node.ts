/**
 * One simulated machine: its disks, its task processes, and the manager and worker process on it.
 */
import { assert } from "@skein/common/assert";
import type { ClusterId, RaftId } from "@skein/common/ids";
import { raftId } from "@skein/common/ids";
import type { Log } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import type { NodeConfig } from "@skein/common/model/node-config";
import { Manager } from "@skein/manager/shell/manager";
import type { ManagerPorts } from "@skein/manager/shell/manager-ports";
import { openRaftStorage } from "@skein/manager/wal/raft-storage";
import type { Worker } from "@skein/worker/shell/worker";
import { createWorker } from "@skein/worker/shell/worker";
import type { SimClock, SimProcessClock, SimProcessOptions } from "../sim-clock.ts";
import type { SimEndpoint, SimNetwork } from "../sim-network.ts";
import type { SimRandom } from "../sim-random.ts";
import { NodeDisk } from "./node-disk.ts";
import { SimDataPlane } from "./sim-data-plane.ts";
import { SimEngine, SimMachine } from "./sim-engine.ts";

/** Often: a run has some hundred entries. */
const DIGEST_EVERY = 8;

export interface SimNodeOptions {
  readonly config: NodeConfig;
  readonly clusterId: ClusterId;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly random: SimRandom;
  readonly note: (line: string) => void;
  readonly createRaft: NonNullable<ManagerPorts["createRaft"]>;
  /** A manager counts a metric. */
  readonly count: (metric: string, by: number) => void;
  /** A manager process was made and takes part from now on. */
  readonly managerMade: (name: string, manager: Manager) => void;
}

interface Process {
  readonly clock: SimProcessClock;
  readonly endpoint: SimEndpoint;
}

export class SimNode {
  readonly config: NodeConfig;
  readonly machine = new SimMachine();
  readonly #options: SimNodeOptions;
  #managerDisk: NodeDisk;
  readonly #workerDisk: NodeDisk;
  readonly #offsets: SimProcessOptions;
  #managerProcess: Process | undefined;
  #workerProcess: Process | undefined;
  #manager: Manager | undefined;
  #worker: Worker | undefined;
  #dataPlane: SimDataPlane | undefined;
  #lives = 0;
  /** How often the manager's disk was lost: each time it is another Raft member. */
  #wipes = 0;

  constructor(options: SimNodeOptions) {
    this.config = options.config;
    this.#options = options;
    const { random } = options;
    this.#managerDisk = new NodeDisk(random.fork("manager-disk"));
    this.#workerDisk = new NodeDisk(random.fork("worker-disk"));
    // Wall clocks are an hour apart either way: nothing may depend on them.
    const wallOffsetMs = random.between(-3_600_000, 3_600_000);
    // No clock is right: one of two gains or loses up to three seconds in a hundred.
    const pace = random.once(2) ? 1 : random.between(97, 103) / 100;
    this.#offsets = { wallOffsetMs, instantOffsetMs: random.between(0, 1_000_000), pace };
  }

  get name(): string {
    return this.config.name;
  }

  get manager(): Manager | undefined {
    return this.#manager;
  }

  /** The manager, unless it is stopped (SIGSTOP). */
  get liveManager(): Manager | undefined {
    return this.#managerProcess?.clock.state() === "running" ? this.#manager : undefined;
  }

  /**
   * Runs `what` in the manager process after the delay, later if it is stopped, never if it dies
   * before; undefined: the process does not listen yet. False: there is no process.
   */
  toManager(delayMs: number, what: (manager: Manager | undefined) => void): boolean {
    this.#managerProcess?.clock.deliver(delayMs, () => what(this.#manager));
    return this.#managerProcess !== undefined;
  }

  get managerLives(): boolean {
    return this.#managerProcess !== undefined;
  }

  get workerLives(): boolean {
    return this.#workerProcess !== undefined;
  }

  get dataPlane(): SimDataPlane | undefined {
    return this.#dataPlane;
  }

  startAll(): void {
    if (this.config.role === "manager") this.startManager();
    this.startWorker();
  }

  /** The Raft member that this node's manager is now; undefined for a worker. */
  get raftId(): RaftId | undefined {
    const first = this.config.raftId;
    return first === undefined || this.#wipes === 0 ? first : raftId(`${first}-${this.#wipes}`);
  }

  /** The manager's disk is gone for good: whoever starts here next is another member. */
  wipeManager(): void {
    this.killManager(true);
    this.#wipes += 1;
    this.#managerDisk = new NodeDisk(this.#options.random.fork(`manager-disk-${this.#wipes}`));
  }

  startManager(): void {
    const id = this.raftId;
    if (this.#managerProcess !== undefined || id === undefined) return;
    const process = this.#newProcess();
    this.#managerProcess = process;
    this.#managerDisk.attach(process.clock);
    // A first member knows the first configuration; one that comes later knows nobody.
    const bootstrap = this.#wipes === 0 ? (this.config.bootstrap ?? []) : [];
    const random = this.#options.random.fork(`manager-${this.#lives}`);
    const log = this.#log("manager");
    const addresses = Object.fromEntries(
      bootstrap.map(({ raftId: member, nodeId, address }) => [member, { nodeId, address }]),
    );
    const voters = bootstrap.map((member) => member.raftId).toSorted();
    openRaftStorage(
      {
        disk: this.#managerDisk.disk,
        directory: "raft",
        clusterId: this.#options.clusterId,
        raftId: id,
        bootstrap: { voters, learners: [], addresses },
        random,
        log,
        metrics: noMetrics,
        clock: process.clock,
        segmentBytes: 64 * 1024,
      },
      (result) => {
        if (this.#managerProcess !== process) return;
        if (!result.ok) return this.#managerEnded(process, result.error.message);
        const { storage, recovered, state } = result.value;
        this.#manager = new Manager({
          config: this.config,
          raftId: id,
          incarnation: `${this.name}-${this.#wipes}`,
          announceTo: this.config.managers,
          expelled: (why) => assert(false, `${this.name}: ${id} has no place: ${why}`),
          clock: process.clock,
          random,
          network: process.endpoint,
          storage,
          recovered,
          state,
          log,
          metrics: { ...noMetrics, count: (name, by = 1) => this.#options.count(name, by) },
          // Often, so that followers that were away are brought up by snapshots.
          compaction: { everyEntries: random.between(20, 200), keepEntries: random.between(1, 30) },
          digestEvery: DIGEST_EVERY,
          snapshotChunkBytes: 64,
          fatal: (reason) => this.#managerEnded(process, reason),
          soon: (what) => void process.clock.after(0, what),
          createRaft: this.#options.createRaft,
          roleChanged: ({ raft }) =>
            this.#options.note(`${this.name} ${raft.role} term ${raft.term} of ${raft.leader}`),
        });
        this.#options.managerMade(this.name, this.#manager);
        this.#manager.start((error) => assert(error === undefined, `${this.name}: ${error}`));
      },
    );
  }

  startWorker(): void {
    if (this.#workerProcess !== undefined) return;
    const process = this.#newProcess();
    this.#workerProcess = process;
    this.#workerDisk.attach(process.clock);
    const random = this.#options.random.fork(`worker-${this.#lives}`);
    this.#dataPlane = new SimDataPlane(process.clock);
    this.#worker = createWorker({
      config: this.config,
      clock: process.clock,
      random,
      network: process.endpoint,
      disk: this.#workerDisk.disk,
      engine: new SimEngine(this.machine, process.clock, random),
      dataPlane: this.#dataPlane,
      describe: () => describe(this.config),
      taskDefaults: { env: { PATH: "/bin" } },
      log: this.#log("worker"),
      metrics: noMetrics,
      fatal: (reason) => assert(false, `${this.name}: ${reason}`),
      published: () => undefined,
    });
    this.#worker.start((error) => assert(error === undefined, `${this.name}: ${error}`));
  }

  /** `power`: what was not synced is lost as well. */
  killManager(power: boolean): void {
    if (this.#managerProcess === undefined) return;
    this.#end(this.#managerProcess);
    this.#managerProcess = undefined;
    this.#manager = undefined;
    this.#managerDisk.disk.observe(undefined);
    this.#managerDisk.disk.crash(power ? "random" : "process");
  }

  /** From so many synced calls on they fail. */
  failSyncs(after: number): void {
    let left = after;
    this.#managerDisk.disk.setFault((call) => {
      if (call.isSynced) left -= 1;
      return call.isSynced && left <= 0 ? "io" : undefined;
    });
  }

  /** Nothing is wrong, or about to be, with the manager's disk. */
  soundDisk(): void {
    this.#managerDisk.disk.setFault(undefined);
    this.#managerDisk.disk.observe(undefined);
  }

  /** The power goes at one of the next calls to the manager's disk, before it completes. */
  crashAtCall(calls: number): void {
    let left = calls;
    this.#managerDisk.disk.observe(() => {
      left -= 1;
      if (left === 0) this.#options.clock.after(0, () => this.killManager(true));
    });
  }

  /** The loss of an agent: its tasks run on. */
  killWorker(power = false): void {
    if (this.#workerProcess === undefined) return;
    this.#end(this.#workerProcess);
    this.#workerProcess = undefined;
    this.#worker = undefined;
    this.#dataPlane = undefined;
    this.machine.engine = undefined;
    this.#workerDisk.disk.crash(power ? "random" : "process");
  }

  /** The loss of a machine: its processes, its tasks, and what its disks had not made durable. */
  lose(): void {
    this.killManager(true);
    this.killWorker(true);
    this.machine.lose();
  }

  /** Syncs of the manager's disk take so many times as long; 1: as ever. */
  slowDisk(slowness: number): void {
    this.#managerDisk.slowness = slowness;
  }

  /** The manager's disk takes no byte more than it has, or as many as there are. */
  fillDisk(isFull: boolean): void {
    const { disk } = this.#managerDisk;
    disk.setCapacity(isFull ? disk.usedBytes() : Number.POSITIVE_INFINITY);
  }

  stop(): void {
    this.#managerProcess?.clock.stop();
    this.#workerProcess?.clock.stop();
  }

  continue(): void {
    this.#managerProcess?.clock.continue();
    this.#workerProcess?.clock.continue();
  }

  /** It found that it must not go on: only a disk that failed may be the reason. */
  #managerEnded(process: Process, reason: string): void {
    assert(/simulated io/.test(reason), `${this.name}: ${reason}`);
    this.#options.clock.after(0, () => {
      if (this.#managerProcess === process) this.killManager(false);
    });
  }

  #newProcess(): Process {
    const { clock, network } = this.#options;
    const { nodeId, role, clusterId } = this.config;
    this.#lives += 1;
    const process = clock.process(this.#offsets);
    const identity = { nodeId, role, clusterId };
    const endpoint = network.join({ identity, host: this.config.address, clock: process });
    return { clock: process, endpoint };
  }

  #end(process: Process): void {
    process.endpoint.kill();
    process.clock.kill();
  }

  #log(role: string): Log {
    return {
      write: (level, message, fields) => {
        if (level !== "warn" && level !== "error") return;
        this.#options.note(`${this.name} ${role} ${level}: ${message} ${JSON.stringify(fields)}`);
      },
    };
  }
}

function describe(config: NodeConfig): ReturnType<Parameters<typeof createWorker>[0]["describe"]> {
  return {
    hostname: config.name,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: 2_000_000_000,
    memoryBytes: 4 * 2 ** 30,
    engineVersion: "sim",
    address: config.address,
    controlAddress: `${config.address}:${config.controlPort}`,
    dataAddress: `${config.address}:${config.dataPort}`,
    hostKey: config.name,
  };
}
