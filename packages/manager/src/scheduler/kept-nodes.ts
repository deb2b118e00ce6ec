/**
 * What is on the nodes, kept from one run of the scheduler to the next: a run counts anew only the
 * nodes whose row or tasks have changed since. The store hands out the same rows and lists until
 * they change, so that this is a memory of answers to immutable arguments and nothing else: a
 * scheduler that starts anew, under another leader, decides the same.
 *
 * Invariant N1: after `refresh` every entry equals what `nodeInfo` gives for the view. What a run
 * books on a node is forgotten by the next: its tasks are in the store by then, or were not taken.
 */
import type { NodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { Task } from "@skein/common/model/task";
import type { ClusterView } from "../store/view.ts";
import type { Candidate } from "./filter.ts";
import { NodeIndex } from "./node-index.ts";
import { nodeInfo, occupy } from "./node-info.ts";

export class KeptNodes {
  #nodes: readonly Node[] = [];
  /** What each entry was counted from; undefined: to be counted again. */
  #lists: (readonly Task[] | undefined)[] = [];
  #candidates: Candidate[] = [];
  #at = new Map<NodeId, number>();
  /** Of the nodes that take tasks. */
  #index = new NodeIndex(0);

  /** Sorted by node id. The same objects each time: what was made of an earlier answer is over. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  refresh(view: ClusterView): void {
    const nodes = view.nodes.list();
    if (nodes !== this.#nodes && !isSameOrder(nodes, this.#nodes)) this.#begin(nodes);
    for (const [at, node] of nodes.entries()) {
      const tasks = view.tasksOfNode(node.id);
      const isKnown = this.#lists[at] === tasks && this.#nodes[at] === node;
      if (!isKnown) this.#count(at, node, tasks);
    }
    this.#nodes = nodes;
  }

  /** The emptiest node that fits, of those that take tasks; equals in a round from `start`. */
  emptiest(start: number, fits: (candidate: Candidate) => boolean): Candidate | undefined {
    const at = this.#index.first(start, (one) => {
      const candidate = this.#candidates[one];
      return candidate !== undefined && fits(candidate);
    });
    return at === undefined ? undefined : this.#candidates[at];
  }

  book(candidate: Candidate, task: Task): void {
    const at = this.#at.get(candidate.info.id);
    const before = candidate.info.tasks;
    occupy(candidate.info, task);
    if (at === undefined) return;
    this.#lists[at] = undefined;
    if (!candidate.info.isReady) return;
    this.#index.remove(at, before);
    this.#index.add(at, candidate.info.tasks);
  }

  #begin(nodes: readonly Node[]): void {
    this.#lists = nodes.map(() => undefined);
    this.#candidates = [];
    this.#at = new Map(nodes.map(({ id }, at) => [id, at]));
    this.#index = new NodeIndex(nodes.length);
  }

  #count(at: number, node: Node, tasks: readonly Task[]): void {
    const known = this.#candidates[at]?.info;
    if (known?.isReady === true) this.#index.remove(at, known.tasks);
    const info = nodeInfo(node, tasks);
    this.#candidates[at] = { info, serviceTasks: 0, packs: false, penalty: 0, rank: 0 };
    this.#lists[at] = tasks;
    if (info.isReady) this.#index.add(at, info.tasks);
  }
}

function isSameOrder(a: readonly Node[], b: readonly Node[]): boolean {
  return a.length === b.length && a.every(({ id }, at) => id === b[at]?.id);
}

const keptOf = new WeakMap<ClusterView["nodes"], KeptNodes>();

/** For one run at a time: what is booked in it is seen by everybody who holds it. */
export function keptNodes(view: ClusterView): KeptNodes {
  const kept = keptOf.get(view.nodes) ?? new KeptNodes();
  keptOf.set(view.nodes, kept);
  kept.refresh(view);
  return kept;
}

export function freshNodes(view: ClusterView): KeptNodes {
  const nodes = new KeptNodes();
  nodes.refresh(view);
  return nodes;
}
