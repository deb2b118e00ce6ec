/**
 * Who belongs to the cluster, as nodes need it for gossip: everybody the store knows, ready or not.
 * Told like routes: complete once, then increments.
 *
 * Invariant D12: a worker that applied every message has exactly `membersOf(view)` as of the last
 * flush, and the index it was told is no later than what that shows.
 */
import type { NodeId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { ClusterMember, ToWorker } from "@skein/common/wire/dispatch-messages";
import type { ClusterView } from "../store/view.ts";

/** Sorted by id. */
export function membersOf(view: ClusterView): readonly ClusterMember[] {
  return view.nodes.list().flatMap((node) => memberOf(node));
}

export class MemberTable {
  readonly #members = new Map<NodeId, ClusterMember>();
  readonly #dirty = new Set<NodeId>();
  #version = 1;
  #index: number;
  #flushedIndex: number;

  constructor(view: ClusterView) {
    for (const member of membersOf(view)) this.#members.set(member.nodeId, member);
    this.#index = view.index;
    this.#flushedIndex = view.index;
  }

  complete(): ToWorker {
    const put = [...this.#members.values()].sort((a, b) => compareIds(a.nodeId, b.nodeId));
    const version = this.#version;
    const base = { kind: "members", complete: true, base: version - 1, version } as const;
    return { ...base, put, remove: [], index: this.#flushedIndex };
  }

  mark(nodeId: NodeId, index: number): void {
    this.#dirty.add(nodeId);
    this.#index = Math.max(this.#index, index);
  }

  isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  flush(view: ClusterView): ToWorker | undefined {
    const put: ClusterMember[] = [];
    const remove: NodeId[] = [];
    for (const nodeId of [...this.#dirty].sort(compareIds)) {
      const node = view.nodes.get(nodeId);
      const [member] = node === undefined ? [] : memberOf(node);
      if (member === undefined) {
        if (this.#members.delete(nodeId)) remove.push(nodeId);
      } else if (JSON.stringify(this.#members.get(nodeId)) !== JSON.stringify(member)) {
        this.#members.set(nodeId, member);
        put.push(member);
      }
    }
    this.#dirty.clear();
    this.#flushedIndex = this.#index;
    if (put.length === 0 && remove.length === 0) return undefined;
    this.#version += 1;
    const version = this.#version;
    const base = { kind: "members", complete: false, base: version - 1, version } as const;
    return { ...base, put, remove, index: this.#index };
  }
}

/** A node that has never said where it listens cannot be dialled: it is no member yet. */
function memberOf({ id: nodeId, spec, description }: Node): readonly ClusterMember[] {
  const { hostname, controlAddress: address } = description;
  if (address === "") return [];
  return [{ nodeId, name: spec.name ?? hostname, role: spec.role, address }];
}
