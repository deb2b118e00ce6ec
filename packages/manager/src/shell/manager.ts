/**
 * One manager process over its ports: log, Raft, store, links to the other managers and, while
 * leader, the controllers and the dispatcher. It names no socket, file, clock or process, so that
 * the simulator runs this very code. Main composes it with the real adapters.
 */
import { unreachable } from "@skein/common/assert";
import { Driver } from "@skein/common/host/driver";
import type { RaftId, RequestId, Term } from "@skein/common/ids";
import type { Accept, Listener } from "@skein/common/io/network";
import { listenHost } from "@skein/common/model/node-config";
import { fail } from "@skein/common/result";
import type {
  Configuration,
  Proposal,
  RaftEffect,
  RaftInput,
  SnapshotMeta,
} from "../raft/protocol.ts";
import type { Raft } from "../raft/raft.ts";
import { createRaft } from "../raft/raft.ts";
import type { Command } from "../store/command.ts";
import { COMMAND_VERSION } from "../store/command.ts";
import { encodeEnvelope } from "../store/envelope.ts";
import type { Store } from "../store/store.ts";
import type { ClusterView } from "../store/view.ts";
import { DiskWatch } from "./disk-watch.ts";
import { firstCommand } from "./first-command.ts";
import { Gathered } from "./gathered.ts";
import { LeaderDuties } from "./leader-duties.ts";
import type { ManagerPorts, ManagerStatus } from "./manager-ports.ts";
import { Membership } from "./membership.ts";
import { Peers } from "./peers.ts";
import type { ProposalDone } from "./proposals.ts";
import { Proposals } from "./proposals.ts";
import { proposeRefusal } from "./propose-refusal.ts";
import { createRaftHost } from "./raft-host.ts";
import type { ReadDone } from "./reads.ts";
import { Reads } from "./reads.ts";
import { ignoreLink, managerAddresses, managersOnly, redirectWorker } from "./redirect.ts";
import { reportDepths } from "./report-depths.ts";
import type { Arrived } from "./snapshots.ts";
import { SnapshotTransfers } from "./snapshots.ts";
import { StateAudit } from "./state-audit.ts";
import { StateMachine } from "./state-machine.ts";

export class Manager {
  readonly #ports: ManagerPorts;
  readonly #state: StateMachine;
  readonly #disk: DiskWatch;
  #audit: StateAudit | undefined;
  readonly #raft: Raft;
  readonly #driver: Driver<RaftInput, RaftEffect>;
  readonly #peers: Peers;
  readonly #snapshots: SnapshotTransfers;
  readonly #membership: Membership;
  readonly #proposals: Proposals;
  readonly #gathered: Gathered<Proposal>;
  readonly #reads: Reads;
  #listener: Listener | undefined;
  #duties: LeaderDuties | undefined;
  readonly storeNow = () => this.#duties?.time.now() ?? this.view.time;
  #ready = false;
  #leader: RaftId | undefined;
  #addresses: Configuration["addresses"] = {};
  #arrived: Arrived | undefined;
  #closed = false;

  constructor(ports: ManagerPorts) {
    this.#ports = ports;
    const { clock, recovered, raftId, random } = ports;
    this.#proposals = new Proposals(clock);
    this.#gathered = new Gathered(ports.soon, (proposals) =>
      this.#driver.submit({ kind: "propose-all", proposals }),
    );
    this.#reads = new Reads(clock, (token) => this.#driver.submit({ kind: "read", token }));
    this.#state = this.#createStateMachine();
    const make = ports.createRaft ?? createRaft;
    this.#raft = make({ id: raftId, recovered, random, now: clock.now() });
    this.#audit = new StateAudit({
      ...ports,
      ...{ self: raftId, store: this.store, everyEntries: ports.digestEvery },
      voters: () => this.#raft.status().configuration.voters,
      tell: (index, digest) => this.#peers.tell({ kind: "digest", index, digest }),
    });
    const handOver = (): void => this.#driver.submit({ kind: "transfer" });
    this.#disk = new DiskWatch({ ...ports, leads: () => this.#ready, handOver });
    this.#driver = this.#createDriver();
    this.#peers = this.#createPeers();
    this.#snapshots = this.#createTransfers();
    this.#membership = new Membership({
      ports,
      view: this.view,
      submit: (input) => this.#driver.submit(input),
      status: () => this.status(),
      lives: () => this.#peers.lives,
      propose: (command, done) => this.propose(command, undefined, done),
    });
    this.#state.store.onChange((changes) => this.#duties?.changed(changes));
  }

  get view(): ClusterView {
    return this.#state.store.view;
  }

  get store(): Store {
    return this.#state.store;
  }

  /** It leads, and has applied its own term's first entry: it may serve. */
  get ready(): boolean {
    return this.#ready;
  }

  get leader(): ManagerStatus["leader"] {
    return this.#addresses[this.#leader ?? ""];
  }

  /** Listens and takes part; `ready` gets the system's error text if the port cannot be had. */
  start(ready: (error: string | undefined) => void): void {
    const { config, network, extraPaths } = this.#ports;
    const dispatch: Accept = (peer, query) =>
      this.#duties === undefined ? redirectWorker(this.status()) : this.#duties.accept(peer, query);
    this.#listener = network.listen(
      `${listenHost(config)}:${config.managerPort}`,
      {
        "/raft": managersOnly(this.#peers.accept),
        "/snapshot": managersOnly(this.#snapshots.accept),
        "/members": managersOnly(this.#membership.accept),
        "/dispatch": dispatch,
        "/ping": () => ignoreLink,
        ...extraPaths,
      },
      (error) => {
        if (error === undefined) this.#join();
        ready(error);
      },
    );
  }

  status(): ManagerStatus {
    return {
      raft: this.#raft.status(),
      applied: this.#state.applied,
      ready: this.#ready,
      leader: this.leader,
      linked: this.#peers.linkedPeers(),
      awayMs: this.#peers.awayMs(),
    };
  }

  /** Writes through the log. `done` is called exactly once, within `PROPOSAL_ANSWER_MS`. */
  propose(command: Command, request: RequestId | undefined, done: ProposalDone): void {
    const refusal = proposeRefusal({
      ...{ isClosed: this.#closed, leads: this.#duties !== undefined },
      ...{ waiting: this.#proposals.count, disk: this.#disk.refusal },
    });
    if (refusal !== undefined) return done(fail(refusal));
    const { clock, metrics } = this.#ports;
    const [since, time] = [clock.now(), this.storeNow()];
    const base = { version: COMMAND_VERSION, time, wall: clock.wall(), command };
    const data = encodeEnvelope(request === undefined ? base : { ...base, request });
    const token = this.#proposals.register(request, (result) => {
      if (result.ok) metrics.observeMs("skein_commit_seconds", clock.now() - since);
      done(result);
    });
    this.#gathered.add({ token, data });
  }

  /** `done` ok: the view holds every write acknowledged before this call. */
  linearize(done: ReadDone): void {
    if (this.#closed) done(fail({ code: "stopping", message: "this manager is stopping" }));
    else this.#reads.read(done);
  }

  /** Depths of queues against their limits, for metrics. */
  report(): void {
    reportDepths(this.#ports.metrics, {
      raft: this.#raft.status(),
      applied: this.#state.applied,
      driver: this.#driver.depths(),
      proposals: this.#proposals.count,
      reads: this.#reads.count,
      sessions: this.#duties?.depths().sessions ?? 0,
    });
  }

  /** Hands leadership over when it has it; the process stops a moment later. */
  resign(): void {
    this.#driver.submit({ kind: "transfer" });
  }

  /** `closed` when the log is whole on disk. */
  close(closed: () => void): void {
    this.#closed = true;
    this.#duties?.close("this manager is stopping");
    this.#duties = undefined;
    this.#membership.close();
    this.#proposals.close();
    this.#reads.close();
    this.#driver.close();
    this.#disk.close();
    this.#peers.close();
    this.#listener?.close();
    this.#ports.storage.close(closed);
  }

  #join(): void {
    this.#configured(this.#raft.status().configuration);
    this.#driver.submit({ kind: "wake" });
    this.#membership.start();
  }

  #configured(configuration: Configuration): void {
    this.#addresses = configuration.addresses;
    this.#peers.configure(configuration);
    this.#snapshots.configure(configuration);
    this.#duties?.managersChanged(managerAddresses(this.status()));
  }

  #perform(effect: RaftEffect): void {
    switch (effect.kind) {
      case "send":
        this.#peers.send(effect.to, effect.message);
        return;
      case "apply":
        this.#state.apply(effect.entries);
        this.#reads.applied(this.#state.applied);
        return;
      case "appended":
        if (effect.token < 0) this.#membership.answered(effect.token, undefined);
        else this.#proposals.appended(effect.token, effect.index, effect.term);
        return;
      case "refused":
        if (effect.token % 2 === 1) this.#proposals.refused(effect.token, effect.reason);
        else this.#reads.refused(effect.token, effect.reason);
        return;
      case "change-refused":
        this.#membership.answered(effect.token, effect.reason);
        return;
      case "read-ready":
        this.#reads.ready(effect.token, effect.index, this.#state.applied);
        return;
      case "role":
        this.#roleChanged(effect);
        return;
      case "configuration":
        this.#configured(effect.configuration);
        return;
      case "send-snapshot":
        this.#sendSnapshot(effect.to, effect.term);
        return;
      case "install-snapshot":
        this.#install(effect.meta);
        return;
      case "persist":
        throw new Error("persist effects are the driver's");
      default:
        unreachable(effect);
    }
  }

  #roleChanged(effect: Extract<RaftEffect, { readonly kind: "role" }>): void {
    const { log, metrics, roleChanged } = this.#ports;
    const leads = effect.role === "leader" && effect.ready;
    const { role, term } = effect;
    log.write("info", "raft role", { role, term, leader: effect.leader, ready: effect.ready });
    if (role === "leader" && effect.ready && !this.#ready) {
      metrics.count("skein_raft_leader_changes_total");
    }
    this.#ready = leads;
    this.#leader = effect.leader;
    if (!leads || this.#duties !== undefined) {
      this.#duties?.close("no longer the leader");
      this.#duties = undefined;
      this.#membership.leaveOffice();
    }
    if (leads) this.#takeOffice();
    roleChanged?.(this.status());
  }

  #takeOffice(): void {
    const { clock, random, network, log, metrics, openSecret } = this.#ports;
    this.#duties = new LeaderDuties({
      ...{ view: this.view, time: this.#state.time },
      ...{ clock, random, network, log, metrics, openSecret },
      managers: managerAddresses(this.status()),
      propose: (command, done) => this.propose(command, undefined, done),
    });
    this.#membership.takeOffice();
    if (this.view.cluster === undefined) this.#initCluster();
  }

  /** The first leader of a new cluster writes its first command. */
  #initCluster(): void {
    const { config, log } = this.#ports;
    this.propose(firstCommand(config), undefined, (result) => {
      if (!result.ok) log.write("warn", "cluster not initialised", { why: result.error.message });
    });
  }

  #sendSnapshot(to: RaftId, term: Term): void {
    const { storage, log } = this.#ports;
    const delivered = (ok: boolean): void =>
      this.#driver.submit({ kind: "snapshot-sent", to, delivered: ok });
    storage.readSnapshot((result) => {
      if (this.#closed) return;
      if (!result.ok) {
        log.write("error", "snapshot not readable", { reason: result.error.message });
        delivered(false);
        return;
      }
      const { meta, state } = result.value;
      this.#snapshots.send(to, { term, meta, state }, delivered);
    });
  }

  /** Durable first, told to Raft second: an install never finds its snapshot missing. */
  #snapshotArrived(snapshot: Arrived, stored: (ok: boolean) => void): void {
    const { meta, term, from, state } = snapshot;
    if (meta.index <= this.#state.applied) {
      stored(true);
      this.#driver.submit({ kind: "snapshot-received", from, term, meta });
      return;
    }
    this.#ports.storage.saveSnapshot(meta, state, (error) => {
      stored(error === undefined);
      if (error !== undefined || this.#closed) return;
      this.#arrived = snapshot;
      this.#driver.submit({ kind: "snapshot-received", from, term, meta });
    });
  }

  #install(meta: SnapshotMeta): void {
    const arrived = this.#arrived;
    if (arrived === undefined || arrived.meta.index !== meta.index) {
      this.#ports.fatal(`snapshot ${meta.index} is to be installed but did not arrive`);
      return;
    }
    this.#arrived = undefined;
    this.#state.replace(meta, arrived.state);
    this.#reads.applied(this.#state.applied);
  }

  #createStateMachine(): StateMachine {
    const { storage, recovered, state, clock, log, metrics, fatal, compaction } = this.#ports;
    return new StateMachine({
      storage,
      snapshot: recovered.snapshot,
      state,
      clock,
      compaction,
      log,
      metrics,
      fatal,
      entryApplied: (index) => this.#audit?.applied(index),
      replaced: () => this.#audit?.restored(),
      answered: (index, term, result) => this.#proposals.applied(index, term, result),
      snapshotTaken: (meta, keepFrom) => this.#driver.submit({ kind: "compact", meta, keepFrom }),
    });
  }

  #createDriver(): Driver<RaftInput, RaftEffect> {
    const { storage, clock, fatal } = this.#ports;
    const perform = (effect: RaftEffect): void => this.#perform(effect);
    return new Driver(
      this.#raft,
      createRaftHost({ storage, perform, fatal, watch: this.#disk }),
      clock,
    );
  }

  #createPeers(): Peers {
    const { network, clock, random, log, metrics, raftId, config } = this.#ports;
    const submit = (input: RaftInput): void => this.#driver.submit(input);
    return new Peers({
      self: raftId,
      network,
      clock,
      random,
      log,
      metrics,
      address: `${config.address}:${config.managerPort}`,
      incarnation: this.#ports.incarnation,
      expelled: (expulsion) => this.#membership.expelled(expulsion),
      received: (from, message) => submit({ kind: "receive", from, message }),
      digest: (from, message) => this.#audit?.heard(from, message),
      linked: (peer) => submit({ kind: "peer-linked", peer }),
      gone: (peer) => submit({ kind: "peer-gone", peer }),
    });
  }

  #createTransfers(): SnapshotTransfers {
    const { raftId: self, snapshotChunkBytes: chunkBytes } = this.#ports;
    const arrived = (snapshot: Arrived, stored: (ok: boolean) => void): void =>
      this.#snapshotArrived(snapshot, stored);
    return new SnapshotTransfers({ ...this.#ports, self, chunkBytes, arrived });
  }
}
