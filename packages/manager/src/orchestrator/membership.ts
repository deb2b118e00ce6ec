/**
 * Brings Raft's configuration to what the node rows want, one step at a time. Level-triggered: it
 * compares, and what it does not get today it asks for again.
 *
 *   1. Who is in the configuration but in no row (the node was removed, or came back under a new id
 *      after it lost its disk) is removed.
 *   2. A row that wants a worker: its member is removed; when it is gone the row forgets it. The
 *      leader itself hands over first.
 *   3. A row that wants a manager and names a member that is none yet: it becomes a learner.
 *   4. A learner that has caught up becomes a voter.
 *   5. What a member says of itself (address, life of its log) is written down.
 *
 * Removals come before additions: a replaced voter costs the quorum for as long as it counts.
 */
import type { RaftId } from "@skein/common/ids";
import { compareIds, raftId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Configuration, MemberChange } from "../raft/protocol.ts";
import { membersOf } from "../raft/quorum.ts";
import type { CommandOf } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";

export interface MembershipFacts {
  readonly self: RaftId;
  /** In effect; and whether it is committed and not joint. */
  readonly configuration: Configuration;
  readonly settled: boolean;
  /** The life of its log that each linked member named, this one's too. */
  readonly lives: ReadonlyMap<RaftId, string>;
}

export type MembershipStep =
  | { readonly kind: "change"; readonly change: MemberChange }
  | { readonly kind: "transfer" }
  | { readonly kind: "write"; readonly command: CommandOf<"unregister-manager"> };

/** In order of urgency; one that is refused does not keep the next from being tried. */
export function membershipSteps(
  view: ClusterView,
  facts: MembershipFacts,
): readonly MembershipStep[] {
  if (!facts.settled || view.cluster === undefined) return [];
  const rows = view.nodes.list().filter((node) => node.manager !== undefined);
  const wanted = rows.filter((node) => node.spec.role === "manager");
  return [
    ...removals(facts, wanted),
    ...departures(facts, rows),
    ...additions(facts, wanted),
    ...promotions(facts),
    ...descriptions(facts, wanted),
  ];
}

function removals(facts: MembershipFacts, wanted: readonly Node[]): readonly MembershipStep[] {
  const { configuration, self } = facts;
  const kept = new Set(wanted.map((node) => node.manager?.raftId));
  const going = membersOf(configuration).filter((id) => !kept.has(id));
  if (going.length === 0) return [];
  // Somebody else removes the leader; with nobody else to lead it does so itself.
  const others = configuration.voters.some((id) => id !== self && kept.has(id));
  return going
    .filter((id) => id !== self || !others)
    .map((id): MembershipStep => ({ kind: "change", change: { kind: "remove", id } }))
    .concat(going.includes(self) && others ? [{ kind: "transfer" }] : []);
}

function departures(facts: MembershipFacts, rows: readonly Node[]): readonly MembershipStep[] {
  const members = new Set<string>(membersOf(facts.configuration));
  return rows.flatMap((node): readonly MembershipStep[] => {
    const id = node.manager?.raftId;
    if (id === undefined || node.spec.role === "manager" || members.has(id)) return [];
    return [
      { kind: "write", command: { kind: "unregister-manager", nodeId: node.id, raftId: id } },
    ];
  });
}

function additions(facts: MembershipFacts, wanted: readonly Node[]): readonly MembershipStep[] {
  const members = new Set<string>(membersOf(facts.configuration));
  const removed = new Set<string>(facts.configuration.removed ?? []);
  return wanted.flatMap((node): readonly MembershipStep[] => {
    const { manager } = node;
    if (manager === undefined || members.has(manager.raftId)) return [];
    // Its process will hear that it was removed, and come back under another id.
    if (removed.has(manager.raftId)) return [];
    const id = raftId(manager.raftId);
    const change = { kind: "add-learner", id, nodeId: node.id, address: manager.address } as const;
    return [{ kind: "change", change }];
  });
}

function promotions({ configuration }: MembershipFacts): readonly MembershipStep[] {
  return configuration.learners.map((id) => ({ kind: "change", change: { kind: "promote", id } }));
}

function descriptions(facts: MembershipFacts, wanted: readonly Node[]): readonly MembershipStep[] {
  const { configuration, lives } = facts;
  const addresses = new Map(wanted.map((node) => [node.manager?.raftId, node.manager?.address]));
  return [...membersOf(configuration)].sort(compareIds).flatMap((id) => {
    const known = configuration.addresses[id];
    const address = addresses.get(id) ?? known?.address ?? "";
    // The first life that was seen is the one; another under this id is refused at its door.
    const incarnation = known?.incarnation ?? lives.get(id);
    if (known?.address === address && known.incarnation === incarnation) return [];
    const base = { kind: "describe", id, address } as const;
    const change = incarnation === undefined ? base : { ...base, incarnation };
    return [{ kind: "change", change } as const];
  });
}
