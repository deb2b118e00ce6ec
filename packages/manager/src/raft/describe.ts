/**
 * The one printed form of Raft's entries, messages, effects and state: logs, transcripts and tests
 * use it.
 */
import { unreachable } from "@skein/common/assert";
import type { Configuration, Entry, RaftEffect, RaftMessage, SnapshotMeta } from "./protocol.ts";
import type { PeerStatus, RaftStatus } from "./status.ts";

/** `7:3` is index 7 of term 3. */
export function describeEntry(entry: Entry): string {
  const kind = entry.kind === "command" ? "" : ` ${entry.kind}`;
  return `${entry.index}:${entry.term}${kind}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return "[]";
  if (first === last) return `[${describeEntry(first)}]`;
  return `[${describeEntry(first)} … ${describeEntry(last)}]`;
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners } = configuration;
  const parts = [`voters ${voters.join(" ")}`];
  if (outgoing !== undefined) parts.push(`outgoing ${outgoing.join(" ")}`);
  if (learners.length > 0) parts.push(`learners ${learners.join(" ")}`);
  if (configuration.removed !== undefined) parts.push(`removed ${configuration.removed.length}`);
  return parts.join(", ");
}

export function describeSnapshot(meta: SnapshotMeta): string {
  return `${meta.index}:${meta.term} (${describeConfiguration(meta.configuration)})`;
}

export function describeMessage(message: RaftMessage): string {
  const head = `${message.kind} t${message.term}`;
  switch (message.kind) {
    case "pre-vote":
    case "vote":
      return `${head} log ${message.lastIndex}:${message.lastTerm}${message.force ? " force" : ""}`;
    case "pre-vote-response":
    case "vote-response":
      return `${head} ${message.granted ? "granted" : "refused"}`;
    case "append": {
      const prev = `prev ${message.prevIndex}:${message.prevTerm}`;
      return `${head} ${prev} commit ${message.commit} ${describeEntries(message.entries)}`;
    }
    case "append-response":
      if (message.accepted) return `${head} accepted ${message.index}`;
      return `${head} rejected ${message.index} hint ${message.hintIndex}:${message.hintTerm}`;
    case "heartbeat":
      return `${head} commit ${message.commit} round ${message.round}`;
    case "heartbeat-response":
      return `${head} round ${message.round}`;
    case "timeout-now":
      return head;
    case "read-index":
      return `${head} #${message.id}`;
    case "read-index-response":
      return `${head} #${message.id} ${message.index === undefined ? "refused" : message.index}`;
    default:
      return unreachable(message);
  }
}

export function describeEffect(effect: RaftEffect): string {
  switch (effect.kind) {
    case "persist": {
      const { term, votedFor, commit } = effect.hardState;
      const vote = votedFor === undefined ? "" : ` vote ${votedFor}`;
      const snapshot =
        effect.snapshot === undefined ? "" : ` snapshot ${describeSnapshot(effect.snapshot)}`;
      const entries = describeEntries(effect.entries);
      return `persist t${term}${vote} commit ${commit}${snapshot} ${entries}`;
    }
    case "send":
      return `send ${effect.timing} to ${effect.to}: ${describeMessage(effect.message)}`;
    case "apply":
      return `apply ${describeEntries(effect.entries)}`;
    case "install-snapshot":
      return `install-snapshot ${describeSnapshot(effect.meta)}`;
    case "send-snapshot":
      return `send-snapshot t${effect.term} to ${effect.to}`;
    case "appended":
      return `appended #${effect.token} ${effect.index}:${effect.term}`;
    case "refused":
      return `refused #${effect.token} ${effect.reason}`;
    case "change-refused":
      return `change-refused #${effect.token} ${effect.reason}`;
    case "read-ready":
      return `read-ready #${effect.token} at ${effect.index}`;
    case "role": {
      const leader = effect.leader === undefined ? "" : ` leader ${effect.leader}`;
      return `role ${effect.role} t${effect.term}${leader}${effect.ready ? " ready" : ""}`;
    }
    case "configuration":
      return `configuration ${describeConfiguration(effect.configuration)}`;
    default:
      return unreachable(effect);
  }
}

export function describeStatus(status: RaftStatus): string {
  const vote = status.votedFor === undefined ? "" : ` vote ${status.votedFor}`;
  const log = `snapshot ${status.snapshotIndex} applied ${status.applied} commit ${status.commit}`;
  const tail = `durable ${status.durableIndex} last ${status.lastIndex}:${status.lastTerm}`;
  const peers = (status.leading?.peers ?? []).map((peer) => `; ${describePeer(peer)}`).join("");
  return `${status.id} ${status.role} t${status.term}${vote} ${log} ${tail}${peers}`;
}

function describePeer(peer: PeerStatus): string {
  return `${peer.id} ${peer.state} match ${peer.match} next ${peer.next} inflight ${peer.inflight}`;
}
