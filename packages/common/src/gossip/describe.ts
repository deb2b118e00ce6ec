/** The one printed form of a member's state, its messages and its effects. */
import { unreachable } from "../assert.ts";
import type { Delta, GossipMessage, Statement } from "../wire/gossip-messages.ts";
import type { Gossip } from "./gossip.ts";
import type { Member } from "./members.ts";
import type { GossipEffect } from "./protocol.ts";

/** One line a member: "n1 alive 1000.0 observed linked rtt=2". */
export function describeGossip(gossip: Gossip): string {
  const { members, detector, links, self } = gossip.inspect();
  const observed = new Set(detector.observed());
  return members
    .list()
    .map((member) => {
      const { id } = member;
      const marks = [
        id === self ? " self" : "",
        observed.has(id) ? " observed" : "",
        links.to(id) === undefined ? "" : " linked",
        detector.rttOf(id) === undefined ? "" : ` rtt=${detector.rttOf(id)}`,
      ];
      return `${id} ${describeMember(member)}${marks.join("")}`;
    })
    .join("\n");
}

function describeMember({ state, epoch, round, evidence }: Member): string {
  const why = evidence === undefined ? "" : ` (${evidence})`;
  return `${state}${why} ${epoch}.${round}`;
}

export function describeGossipEffect(effect: GossipEffect): string {
  switch (effect.kind) {
    case "dial":
      return `dial #${effect.link} ${effect.nodeId}`;
    case "send":
      return `#${effect.link} <- ${describeGossipMessage(effect.message)}`;
    case "close":
      return `close #${effect.link}: ${effect.reason}`;
    case "changed":
      return `changed ${effect.owners.join(" ")}${effect.members ? " (members)" : ""}`;
    case "verdict":
      return `verdict ${effect.nodeId} ${effect.evidence}`;
    case "note":
      return `note ${effect.message}`;
    case "count":
      return `count ${effect.name}`;
    default:
      return unreachable(effect);
  }
}

export function describeGossipMessage(message: GossipMessage): string {
  switch (message.kind) {
    case "hello":
      return `hello ${message.epoch}.${message.round}`;
    case "ping":
      return `ping ${message.seq}${message.suspected === undefined ? "" : " suspected"}`;
    case "ack":
      return `ack ${message.seq} health ${message.health}`;
    case "ping-req":
      return `ping-req ${message.seq} ${message.subject}`;
    case "nack":
      return `nack ${message.seq}`;
    case "news": {
      const parts = [...message.statements.map(describeStatement), ...message.deltas.map(ofDelta)];
      return `news ${parts.join(", ")}`;
    }
    case "digest":
      return `digest of ${message.rows.length}${message.answer ? "?" : ""}`;
    case "have":
    case "graft":
      return `${message.kind} ${message.rows.map(([owner, , seq]) => `${owner}@${seq}`).join(" ")}`;
    case "prune":
      return "prune";
    default:
      return unreachable(message);
  }
}

function describeStatement({ subject, epoch, round, state, observer }: Statement): string {
  const by = observer === undefined ? "" : ` by ${observer}`;
  return `${subject} ${state} ${epoch}.${round}${by}`;
}

function ofDelta({ owner, base, to, records }: Delta): string {
  const keys = records.map(({ key, value }) => (value === undefined ? `-${key}` : key));
  return `${owner} ${base}>${to} [${keys.join(" ")}]`;
}
