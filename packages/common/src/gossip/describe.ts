/** The one printed form of a member's state, its messages and its effects. */
import { unreachable } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import type { Delta, GossipMessage, Statement } from "../wire/gossip-messages.ts";
import type { Probe } from "./detector.ts";
import type { Gossip } from "./gossip.ts";
import type { GossipLink } from "./links.ts";
import type { Member } from "./members.ts";
import type { GossipEffect } from "./protocol.ts";
import type { Suspicion } from "./suspicion.ts";

/**
 * The member itself, then a line for each member, suspicion, probe and link:
 *
 *     n1 1000.0 health 0, 3 members, rings, 2 links, 0 lazy
 *     n2 alive 1000.0 says 7 (2 keys) observed linked rtt=2
 *     suspects n3 1000.0: silent n2, refused -, until 4200
 *     probes n3 through 3, until 1500
 *     #1 n2 dialled open
 */
export function describeGossip(gossip: Gossip): string {
  const { members, detector, links, suspicions, self } = gossip.inspect();
  const observed = new Set(detector.observed());
  const lines = members.list().map((member) => {
    const { id } = member;
    const marks = [
      id === self ? " self" : "",
      observed.has(id) ? " observed" : "",
      links.to(id) === undefined ? "" : " linked",
      detector.rttOf(id) === undefined ? "" : ` rtt=${detector.rttOf(id)}`,
    ];
    return `${id} ${describeMember(member)}${describeSpace(gossip, id)}${marks.join("")}`;
  });
  return [
    describeSelf(gossip),
    ...lines,
    ...suspicions.list().map(describeSuspicion),
    ...detector.probes().map(describeProbe),
    ...links.list().map(describeLink),
  ].join("\n");
}

function describeSelf(gossip: Gossip): string {
  const { self, epoch, round, detector, members, rings, links, tree } = gossip.inspect();
  const { verdicts, left } = gossip.inspect();
  const marks = [verdicts.isIsolated() ? ", isolated" : "", left ? ", left" : ""];
  const held = verdicts.held().size === 0 ? "" : `, judges ${[...verdicts.held()].join(" ")}`;
  return (
    `${self} ${epoch}.${round} health ${detector.health()}, ${members.size()} members, ` +
    `${rings.isMesh() ? "mesh" : "rings"}, ${links.openCount()} links, ` +
    `${tree.lazyCount()} lazy${held}${marks.join("")}`
  );
}

function describeSpace(gossip: Gossip, owner: NodeId): string {
  const { spaces } = gossip.inspect();
  const [, , seq] = spaces.version(owner);
  return seq === 0 ? "" : ` says ${seq} (${spaces.keyCount(owner)} keys)`;
}

function describeSuspicion({ subject, epoch, round, silent, refused, until }: Suspicion): string {
  const ids = (all: ReadonlySet<NodeId>): string => [...all].join(" ") || "-";
  const by = `silent ${ids(silent)}, refused ${ids(refused)}`;
  return `suspects ${subject} ${epoch}.${round}: ${by}, until ${until}`;
}

function describeProbe({ subject, indirect, mute, heard, deadline }: Probe): string {
  const how = indirect ? ` through ${mute}` : "";
  return `probes ${subject}${how}${heard ? " (heard of)" : ""}, until ${deadline}`;
}

function describeLink({ number, peer, dialled, open }: GossipLink): string {
  return `#${number} ${peer} ${dialled ? "dialled" : "accepted"}${open ? " open" : ""}`;
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
