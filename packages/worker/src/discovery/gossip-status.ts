/** What this node's gossip member knows, as `GET /skein/v1/gossip` shows it. */
import type { Gossip } from "@skein/common/gossip/gossip";
import type { Member } from "@skein/common/gossip/members";
import type { GossipState } from "@skein/common/gossip/state";
import type { NodeId } from "@skein/common/ids";
import type { Instant } from "@skein/common/time";

export interface GossipFigures {
  /** Messages by kind. */
  readonly messages: Readonly<Record<string, { readonly sent: number; readonly received: number }>>;
  readonly bytes: { readonly sent: number; readonly received: number };
  readonly sinceMs: number;
}

export function gossipStatus(gossip: Gossip, now: Instant, figures: GossipFigures): object {
  const state = gossip.inspect();
  const { self, members, verdicts, detector, links, rings, tree } = state;
  const nameOf = (id: NodeId): string => members.get(id)?.facts.name ?? id;
  return {
    node: { id: self, name: nameOf(self) },
    isolated: verdicts.isIsolated(),
    health: detector.health(),
    links: links.openCount(),
    shape: rings.isMesh() ? "mesh" : "rings",
    lazyLinks: tree.lazyCount(),
    members: members.list().map((member) => memberStatus(state, member, now)),
    rings: rings.isMesh() ? [] : rings.list().map((ring) => ring.map(nameOf)),
    traffic: figures,
  };
}

function memberStatus(state: Readonly<GossipState>, member: Member, now: Instant): object {
  const { self, members, rings, links, detector, spaces, suspicions } = state;
  const { id, facts, epoch, round, evidence, since } = member;
  const isLive = (other: NodeId): boolean => members.isLive(other);
  const rtt = detector.rttOf(id);
  const suspicion = suspicions.get(id);
  const [, , version] = spaces.version(id);
  return {
    id,
    ...facts,
    state: member.state,
    ...(evidence === undefined ? {} : { evidence }),
    epoch,
    round,
    sinceMs: now - since,
    version,
    keys: spaces.values(id).length,
    linked: id !== self && links.to(id) !== undefined,
    observed: detector.observed().includes(id),
    observers: rings.observers(id, isLive).map((one) => members.get(one)?.facts.name ?? one),
    ...(rtt === undefined ? {} : { rttMs: rtt }),
    ...(suspicion === undefined
      ? {}
      : {
          suspectedBy: [...suspicion.silent, ...suspicion.refused],
          judgedInMs: suspicion.until - now,
        }),
  };
}
