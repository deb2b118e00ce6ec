/**
 * Links to the other managers: one outgoing `/raft` connection to each member of the configuration,
 * kept up with backoff. Raft messages leave on ours and arrive on theirs. A lost message is Raft's
 * business; a lost process is told at once: a dial that is refused proves that nobody listens
 * there.
 */
import type { NodeId, RaftId } from "@skein/common/ids";
import { compareIds, nodeId, raftId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Link, LinkEnd, Network } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { Instant } from "@skein/common/time";
import { decode, encode } from "@skein/common/wire/codec";
import { REDIAL_MS_MAX, REDIAL_MS_MIN } from "../limits.ts";
import type { Configuration, RaftMessage } from "../raft/protocol.ts";
import { raftMessageSchema } from "../raft/protocol.ts";
import { isExpelled } from "../raft/quorum.ts";
import type { Expulsion } from "./member-messages.ts";
import { EXPULSIONS, expulsionIn } from "./member-messages.ts";
import type { DigestMessage } from "./peer-messages.ts";
import { digestSchema } from "./peer-messages.ts";

export interface PeersOptions {
  readonly self: RaftId;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where this manager is dialled, for members that do not know it yet. */
  readonly address: string;
  /** Which life of its log this member is in: told to every peer. */
  readonly incarnation: string | undefined;
  received(from: RaftId, message: RaftMessage): void;
  /** A peer told the digest of its state. */
  digest(from: RaftId, message: DigestMessage): void;
  linked(peer: RaftId): void;
  gone(peer: RaftId): void;
  /** A member of this cluster says that this one has no place in it. */
  expelled(expulsion: Expulsion): void;
}

interface Peer {
  readonly id: RaftId;
  readonly nodeId: NodeId;
  readonly address: string;
  link: Link | undefined;
  dial: { cancel(): void } | undefined;
  timer: Timer | undefined;
  backoffMs: number;
  /** When the link opened or closed, or was first wanted. */
  since: Instant;
  /** Not in our configuration: kept while its own connection is open. */
  readonly isStranger: boolean;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<RaftId, Peer>();
  #configuration: Configuration | undefined;
  /** Connections that others opened, by who they are. */
  readonly #incoming = new Map<RaftId, Set<Link>>();
  readonly #lives = new Map<RaftId, string>();
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** The life of its log that each peer named, and our own. */
  get lives(): ReadonlyMap<RaftId, string> {
    const { self, incarnation } = this.#options;
    return incarnation === undefined ? this.#lives : new Map(this.#lives).set(self, incarnation);
  }

  /** Connects to every member but ourselves, and drops links to those who are none any more. */
  configure(configuration: Configuration): void {
    this.#configuration = configuration;
    for (const peer of [...this.#peers.values()]) {
      const member = configuration.addresses[peer.id];
      const isAway = member === undefined && !(peer.isStranger && this.#incoming.has(peer.id));
      if (isAway || (member !== undefined && member.address !== peer.address)) this.#drop(peer);
    }
    // It dials again, and is told.
    for (const id of (configuration.removed ?? []).filter((id) => isExpelled(configuration, id))) {
      for (const link of this.#incoming.get(id) ?? []) link.close(EXPULSIONS.removed);
    }
    for (const key of Object.keys(configuration.addresses).sort(compareIds)) {
      const member = configuration.addresses[key];
      if (member !== undefined) this.#meet(raftId(key), member);
    }
  }

  #meet(
    id: RaftId,
    at: { readonly nodeId: string; readonly address: string },
    isStranger = false,
  ): void {
    if (id === this.#options.self || this.#peers.has(id)) return;
    const peer: Peer = {
      id,
      nodeId: nodeId(at.nodeId),
      address: at.address,
      link: undefined,
      dial: undefined,
      timer: undefined,
      backoffMs: REDIAL_MS_MIN,
      since: this.#options.clock.now(),
      isStranger,
    };
    this.#peers.set(id, peer);
    this.#dial(peer);
  }

  /** False when there is no link: Raft repeats what matters. */
  send(to: RaftId, message: RaftMessage): boolean {
    const link = this.#peers.get(to)?.link;
    if (link?.send(encode(message)) === true) return true;
    this.#options.metrics.count("skein_raft_messages_unsent_total");
    return false;
  }

  /** To everybody that is linked; one that is not misses nothing it must have. */
  tell(message: DigestMessage): void {
    const bytes = encode(message);
    for (const peer of this.#peers.values()) peer.link?.send(bytes);
  }

  /** For how long there has been no link, by peer. */
  awayMs(): ReadonlyMap<RaftId, number> {
    const now = this.#options.clock.now();
    const away = [...this.#peers.values()].filter((peer) => peer.link === undefined);
    return new Map(away.map((peer) => [peer.id, now - peer.since]));
  }

  /** Members we have an open link to. */
  linkedPeers(): readonly RaftId[] {
    return [...this.#peers.values()].filter((peer) => peer.link !== undefined).map((p) => p.id);
  }

  /**
   * A member that this log does not know yet may be the leader of a configuration to come: it is
   * heard (thesis 4.2.2), and dialled back. Who was removed, or lost its log, is told so.
   */
  readonly accept: Accept = (identity, query) => {
    const from = raftId(query.get("from") ?? "");
    if (query.get("to") !== this.#options.self) {
      return `this is Raft member ${this.#options.self}, not ${query.get("to") ?? "(none)"}`;
    }
    const refusal = this.#refusalOf(from, identity.nodeId, query.get("life") ?? undefined);
    if (refusal !== undefined) return refusal;
    const address = query.get("address");
    let open: Link | undefined;
    return {
      opened: (link) => {
        open = link;
        this.#incoming.set(from, (this.#incoming.get(from) ?? new Set()).add(link));
        if (address !== null) this.#meet(from, { nodeId: identity.nodeId, address }, true);
        this.#wakeDial(from);
      },
      message: (bytes) => this.#receive(from, bytes),
      closed: () => this.#left(from, open),
    };
  };

  #refusalOf(from: RaftId, node: NodeId, life: string | undefined): string | undefined {
    const configuration = this.#configuration;
    if (configuration && isExpelled(configuration, from)) return EXPULSIONS.removed;
    const member = configuration?.addresses[from];
    if (member !== undefined && member.nodeId !== node)
      return `Raft member ${from} is another node`;
    const known = member?.incarnation ?? this.#lives.get(from);
    if (known !== undefined && life !== known) return EXPULSIONS["disk-lost"];
    if (life !== undefined) this.#lives.set(from, life);
    return undefined;
  }

  #left(from: RaftId, link: Link | undefined): void {
    const links = this.#incoming.get(from);
    if (link === undefined || links === undefined) return;
    links.delete(link);
    if (links.size > 0) return;
    this.#incoming.delete(from);
    const peer = this.#peers.get(from);
    const isKnown = this.#configuration?.addresses[from] !== undefined;
    if (peer !== undefined && !isKnown) this.#drop(peer);
  }

  close(): void {
    this.#closed = true;
    for (const peer of [...this.#peers.values()]) this.#drop(peer);
  }

  #receive(from: RaftId, bytes: Uint8Array): void {
    if (this.#closed) return;
    const message = decode(raftMessageSchema, bytes);
    if (message.ok) {
      this.#options.received(from, message.value);
      return;
    }
    const digest = decode(digestSchema, bytes);
    if (digest.ok) return this.#options.digest(from, digest.value);
    this.#options.metrics.count("skein_frames_refused_total", 1, { path: "/raft" });
    this.#options.log.write("warn", "raft message refused", { from, reason: message.error.reason });
  }

  /** A peer that dialled us is there: no reason to sit out the backoff. */
  #wakeDial(from: RaftId): void {
    const peer = this.#peers.get(from);
    if (peer?.timer === undefined) return;
    peer.timer.cancel();
    peer.timer = undefined;
    peer.backoffMs = REDIAL_MS_MIN;
    this.#dial(peer);
  }

  #dial(peer: Peer): void {
    if (this.#closed || this.#peers.get(peer.id) !== peer) return;
    const { self, address: own, incarnation } = this.#options;
    const said = new URLSearchParams({ from: self, to: peer.id, address: own });
    if (incarnation !== undefined) said.set("life", incarnation);
    const [query, address] = [said.toString(), peer.address];
    peer.dial = this.#options.network.dial(
      { address, path: "/raft", query, expect: peer.nodeId },
      {
        opened: (link) => this.#opened(peer, link),
        message: () => undefined,
        closed: (end) => this.#ended(peer, end),
      },
    );
  }

  #opened(peer: Peer, link: Link): void {
    peer.link = link;
    peer.since = this.#options.clock.now();
    peer.backoffMs = REDIAL_MS_MIN;
    this.#options.log.write("info", "manager linked", { peer: peer.id, address: peer.address });
    this.#options.linked(peer.id);
  }

  #ended(peer: Peer, end: LinkEnd): void {
    const wasOpen = peer.link !== undefined;
    peer.link = undefined;
    peer.dial = undefined;
    if (this.#closed || this.#peers.get(peer.id) !== peer) return;
    if (wasOpen) {
      peer.since = this.#options.clock.now();
      const { id, address } = peer;
      const told = { peer: id, address, reason: end.reason };
      this.#options.log.write("warn", "manager link closed", told);
      this.#dial(peer);
      return;
    }
    if (end.kind === "refused") this.#options.gone(peer.id);
    const expulsion = end.kind === "forbidden" ? expulsionIn(end.reason) : undefined;
    if (expulsion !== undefined) this.#options.expelled(expulsion);
    const wait = peer.backoffMs + this.#options.random.below(peer.backoffMs);
    peer.backoffMs = Math.min(peer.backoffMs * 2, REDIAL_MS_MAX);
    peer.timer = this.#options.clock.after(wait, () => {
      peer.timer = undefined;
      this.#dial(peer);
    });
  }

  #drop(peer: Peer): void {
    this.#peers.delete(peer.id);
    peer.timer?.cancel();
    peer.dial?.cancel();
    peer.link?.close("member removed or manager stopping");
  }
}
