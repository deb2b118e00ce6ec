/** Checked after every step in tests and in the simulator, never in business code. */
import { assert } from "../assert.ts";
import { GOSSIP_HEALTH_MAX, GOSSIP_LINKS_MAX } from "../limits.ts";
import type { Gossip } from "./gossip.ts";
import { STORE_OWNERS } from "./protocol.ts";

export function checkGossipInvariants(gossip: Gossip): void {
  const state = gossip.inspect();
  const { self, members, spaces, links, suspicions, detector, rings } = state;
  const isLive = (id: Parameters<typeof members.isLive>[0]): boolean => members.isLive(id);
  for (const { subject, epoch, round } of suspicions.list()) {
    const member = members.get(subject);
    assert(member !== undefined, `S1: ${subject} is suspected and no member`);
    const same = member.epoch === epoch && member.round === round && member.state === "suspect";
    assert(same, `S1: ${subject} is suspected in a round that is over`);
  }
  const own = members.get(self);
  if (own !== undefined) {
    assert(own.state === "alive", `J1: ${self} takes itself for ${own.state}`);
    assert(own.round <= state.round, `M2: ${self} is heard of in a round it never said`);
  }
  for (const owner of spaces.owners()) {
    const kept = STORE_OWNERS.includes(owner) || owner === self || members.has(owner);
    assert(kept, `P2: ${owner} is no member and its namespace is kept`);
  }
  for (const id of detector.observed()) {
    assert(isLive(id), `R2: ${id} is observed and dead`);
    assert(id !== self, "R2: observes itself");
  }
  assert(rings.size() === members.size(), `R1: ${rings.size()} on the rings`);
  assert(links.list().length <= GOSSIP_LINKS_MAX, `${links.list().length} links`);
  assert(detector.health() <= GOSSIP_HEALTH_MAX, `F1: health ${detector.health()}`);
}
