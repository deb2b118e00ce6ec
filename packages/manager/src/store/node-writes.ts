/** What the writes of nodes share. */
import type { NodeId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Availability, Node, NodeDescription, NodeState } from "@skein/common/model/node";
import type { RemovedNode, Trust } from "@skein/common/model/trust";
import { REMOVED_NODE_MARGIN_MS } from "../limits.ts";
import type { Draft, Facts } from "./draft.ts";

/** `since` of a node's status after a write of `state`: moves only with the state. */
export function sinceOf(
  old: Node["status"] | undefined,
  state: NodeState,
  { time }: Facts,
): number {
  return old?.state === state ? (old.since ?? time) : time;
}

/** `issuerSince` of a node that describes itself so: moves only with the issuer. */
export function issuerSinceOf(
  old: Node | undefined,
  { tls }: NodeDescription,
  { time }: Facts,
): Pick<Node, "issuerSince"> {
  if (tls === undefined) return {};
  const isSameIssuer = old?.description.tls?.issuer === tls.issuer;
  return { issuerSince: isSameIssuer ? (old?.issuerSince ?? time) : time };
}

export interface NewNode {
  readonly nodeId: NodeId;
  readonly role: "manager" | "worker";
  readonly name: string;
  readonly address: string;
  readonly availability: Availability;
}

/** The row of a node that is known of but was not heard of yet. */
export function newNode(draft: Draft, node: NewNode): Node {
  const { nodeId, role, name, address, availability } = node;
  return {
    id: nodeId,
    ...draft.born(),
    specIndex: draft.facts.index,
    spec: { name, labels: {}, role, availability },
    description: {
      hostname: name,
      architecture: "",
      os: "",
      nanoCpus: 0,
      memoryBytes: 0,
      engineVersion: "",
      address,
      controlAddress: "",
      dataAddress: "",
      hostKey: "",
    },
    status: { state: "unknown", message: "has not joined yet", since: draft.facts.time },
  };
}

export function isRemoved(cluster: Cluster | undefined, nodeId: NodeId): boolean {
  return cluster?.removed?.some((removed) => removed.nodeId === nodeId) ?? false;
}

/**
 * The cluster with one node more that is refused, kept until no certificate of it can be valid any
 * more; what is over is dropped on the way.
 */
export function withRemoved(
  cluster: Cluster,
  trust: Trust,
  { nodeId, facts }: { readonly nodeId: NodeId; readonly facts: Facts },
): Cluster {
  const until = facts.wall + trust.longestLifeMs + REMOVED_NODE_MARGIN_MS;
  const kept: readonly RemovedNode[] = (cluster.removed ?? []).filter(
    (removed) => removed.until > facts.wall,
  );
  const removed = [...kept, { nodeId, until }].toSorted((a, b) => compareIds(a.nodeId, b.nodeId));
  return { ...cluster, version: facts.index, updatedAt: facts.wall, removed };
}
