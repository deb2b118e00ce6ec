/**
 * Inputs and effects of the gossip machine. Links are numbered by the host for incoming ones (even)
 * and by the machine for those it dials (odd); an input of a link that is gone changes nothing.
 */
import type { NodeId } from "../ids.ts";
import { nodeId } from "../ids.ts";
import type { LogLevel } from "../io/log.ts";
import type { LinkEnd } from "../io/network.ts";
import type { Instant } from "../time.ts";
import type { GossipMessage } from "../wire/gossip-messages.ts";

/**
 * Owners of what the store says, versioned by Raft's index: who is a member (by node id), and what
 * is published (by service id).
 */
export const MEMBERS_OWNER: NodeId = nodeId("members");
export const ROUTES_OWNER: NodeId = nodeId("routes");
export const STORE_OWNERS: readonly NodeId[] = [MEMBERS_OWNER, ROUTES_OWNER];

/** What the store says of a member: the value of its node id. */
export interface MemberFacts {
  readonly name: string;
  readonly role: "manager" | "worker";
  /** Where `/gossip` is served: "127.0.1.4:7946". */
  readonly address: string;
}

export type Evidence = "silent" | "refused" | "left";

export interface Fact {
  readonly key: string;
  readonly value: string;
}

export type GossipInput =
  | {
      readonly kind: "opened";
      readonly link: number;
      readonly nodeId: NodeId;
      /** False: the peer dialled. */
      readonly dialled: boolean;
    }
  | { readonly kind: "received"; readonly link: number; readonly message: GossipMessage }
  | { readonly kind: "closed"; readonly link: number; readonly end: LinkEnd["kind"] }
  /** What the leader said, or a former process wrote down; `complete`: there is nothing else. */
  | {
      readonly kind: "store";
      /** One of STORE_OWNERS. */
      readonly owner: NodeId;
      readonly index: number;
      readonly complete: boolean;
      readonly put: readonly Fact[];
      readonly remove: readonly string[];
    }
  /** Writes to this node's own namespace; without a value: deletes. */
  | { readonly kind: "write"; readonly key: string; readonly value?: string }
  /** A planned end: the others need not find out. */
  | { readonly kind: "leave" };

export type GossipEffect =
  | {
      readonly kind: "dial";
      readonly link: number;
      readonly nodeId: NodeId;
      readonly address: string;
    }
  | { readonly kind: "send"; readonly link: number; readonly message: GossipMessage }
  | { readonly kind: "close"; readonly link: number; readonly reason: string }
  /** What readers see has changed: these owners' data, or who is there. */
  | { readonly kind: "changed"; readonly owners: readonly NodeId[]; readonly members: boolean }
  /** This member's own judgement, not one it was told: for the leader. */
  | { readonly kind: "verdict"; readonly nodeId: NodeId; readonly evidence: Evidence }
  | {
      readonly kind: "note";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "count"; readonly name: string };

/** Where a step is: its time, and where it collects what it wants done. */
export interface Turn {
  readonly now: Instant;
  emit(effect: GossipEffect): void;
}
