/** Everything a member knows. The other files of this folder are functions over it. */
import type { NodeId } from "../ids.ts";
import type { Random } from "../io/random.ts";
import { GOSSIP_HOUSEKEEPING_MS, GOSSIP_SWEEP_MS } from "../limits.ts";
import type { Instant } from "../time.ts";
import { later } from "../time.ts";
import type { Delta, Statement } from "../wire/gossip-messages.ts";
import { Detector } from "./detector.ts";
import type { Root } from "./hash.ts";
import { Links } from "./links.ts";
import { Members } from "./members.ts";
import { Namespaces } from "./namespaces.ts";
import { Rings } from "./rings.ts";
import { Suspicions } from "./suspicion.ts";
import { Tree } from "./tree.ts";
import { Verdicts } from "./verdicts.ts";

export interface GossipOptions {
  readonly self: NodeId;
  /** Start of this process in wall milliseconds: later than that of any process before it. */
  readonly epoch: number;
  readonly now: Instant;
  readonly random: Random;
}

export interface GossipState {
  readonly self: NodeId;
  readonly random: Random;
  readonly members: Members;
  readonly rings: Rings;
  readonly spaces: Namespaces;
  readonly links: Links;
  readonly detector: Detector;
  readonly suspicions: Suspicions;
  readonly verdicts: Verdicts;
  readonly tree: Tree;
  epoch: number;
  round: number;
  left: boolean;
  /** When any member said anything last. */
  heardAt: Instant;
  /** Own writes that wait to leave together; undefined: deleted. */
  readonly writes: Map<string, string | undefined>;
  /** News that is not passed on yet, with the peer that brought it. */
  readonly outbox: {
    statements: { readonly news: Statement; readonly from: NodeId | undefined }[];
    deltas: { readonly news: Delta; readonly from: NodeId | undefined }[];
  };
  flushAt: Instant | undefined;
  flushedAt: Instant | undefined;
  /** Who is live has changed: links and probes follow. */
  topologyChanged: boolean;
  /** What readers are told at the end of the step. */
  readonly changedOwners: Set<NodeId>;
  membersChanged: boolean;
  /** Roots of ours lately: a peer that is at one of them is only a moment behind. */
  readonly recentRoots: { readonly root: Root; readonly at: Instant }[];
  readonly differsSince: Map<NodeId, Instant>;
  comparedAt: Instant | undefined;
  housekeepingAt: Instant;
  sweepAt: Instant;
}

export function newState({ self, epoch, now, random }: GossipOptions): GossipState {
  return {
    self,
    random,
    members: new Members(),
    rings: new Rings(),
    spaces: new Namespaces(),
    links: new Links(self, random),
    detector: new Detector(random),
    suspicions: new Suspicions(),
    verdicts: new Verdicts(),
    tree: new Tree(),
    epoch,
    round: 0,
    left: false,
    heardAt: now,
    writes: new Map(),
    outbox: { statements: [], deltas: [] },
    flushAt: undefined,
    flushedAt: undefined,
    topologyChanged: false,
    changedOwners: new Set(),
    membersChanged: false,
    recentRoots: [],
    differsSince: new Map(),
    comparedAt: undefined,
    housekeepingAt: later(now, GOSSIP_HOUSEKEEPING_MS),
    sweepAt: later(now, GOSSIP_SWEEP_MS / 2 + random.below(GOSSIP_SWEEP_MS)),
  };
}

/** A hash of members and namespaces together. */
export function rootOf({ members, spaces }: GossipState): Root {
  const [a, b] = members.root();
  const [c, d] = spaces.root();
  return [(a ^ c) >>> 0, (b ^ d) >>> 0];
}
