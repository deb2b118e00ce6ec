/** What a manager is composed of, and what it says of itself. */
import type { LogIndex, RaftId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, LinkPath, Network } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { OpenSecret } from "../dispatcher/task-files.ts";
import type { RaftRecovered } from "../raft/protocol.ts";
import type { CreateRaftOptions, Raft } from "../raft/raft.ts";
import type { RaftStatus } from "../raft/status.ts";
import type { RaftStorage } from "../wal/raft-storage.ts";
import type { Expulsion } from "./member-messages.ts";

export interface ManagerPorts {
  readonly config: NodeConfig;
  readonly raftId: RaftId;
  /** Drawn when the log was begun, kept with it: another one is another life. */
  readonly incarnation?: string;
  /** Managers to announce to while this one is no member: "127.0.1.1:2377". */
  readonly announceTo?: readonly string[];
  /** This Raft id has no future: the process ends, or comes back under another. */
  expelled?(expulsion: Expulsion): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly storage: RaftStorage;
  readonly recovered: RaftRecovered;
  /** The newest snapshot's bytes, when there is one. */
  readonly state: Uint8Array | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A broken disk or a broken invariant: the process must stop. */
  fatal(reason: string): void;
  /** Told at every change of role, term or leader. */
  roleChanged?(status: ManagerStatus): void;
  /**
   * Calls back in this turn of the event loop, after whatever else its sockets bring: writes that
   * arrive together are proposed together. Absent: each is proposed at once.
   */
  soon?(what: () => void): void;
  /** How often the log is cut; absent: the limits of this package. */
  readonly compaction?: Compaction;
  /** Entries between two digests that managers compare; absent: the limit of this package. */
  readonly digestEvery?: number;
  /** Of one message of a snapshot's transfer; absent: the limit of this package. */
  readonly snapshotChunkBytes?: number;
  /** Makes the Raft machine; the simulator's checks its invariants after every step. */
  createRaft?(options: CreateRaftOptions): Raft;
  /** Opens secrets for the nodes that need them; absent, as in a simulation: none is kept. */
  readonly openSecret?: OpenSecret;
  /** Paths that only the real process serves, such as `/api`. */
  readonly extraPaths?: Partial<Record<LinkPath, Accept>>;
}

export interface Compaction {
  /** Entries applied between two snapshots. */
  readonly everyEntries: number;
  /** Entries kept before a snapshot for followers that lag. */
  readonly keepEntries: number;
}

export interface ManagerStatus {
  readonly raft: RaftStatus;
  readonly applied: LogIndex;
  /** Leader that has applied its own term's first entry: serves reads, runs the controllers. */
  readonly ready: boolean;
  readonly leader: { readonly nodeId: string; readonly address: string } | undefined;
  readonly linked: readonly RaftId[];
  /** For how long there has been no link to a member, in milliseconds. */
  readonly awayMs: ReadonlyMap<RaftId, number>;
}
