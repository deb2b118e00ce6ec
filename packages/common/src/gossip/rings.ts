/**
 * K hash rings over the members (Rapid, ATC 2018 §4.1): everybody computes alike who observes whom.
 * A node observes its successor on each ring and is linked with both neighbours; whoever is dead is
 * skipped, so that the rings close again. Small clusters are a full mesh.
 *
 * Invariants:
 *   R1. Equal members and equal liveness give equal rings, whatever the order of arrival.
 *   R2. `observers` and `observed` are each other's inverse.
 */
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import { GOSSIP_MESH_MAX, GOSSIP_RINGS } from "../limits.ts";
import { hashText } from "./hash.ts";

interface Place {
  readonly id: NodeId;
  readonly hash: number;
}

export type IsLive = (id: NodeId) => boolean;

export class Rings {
  readonly #members = new Set<NodeId>();
  #rings: Place[][] | undefined;

  put(id: NodeId): void {
    if (this.#members.has(id)) return;
    this.#members.add(id);
    this.#rings = undefined;
  }

  remove(id: NodeId): void {
    if (this.#members.delete(id)) this.#rings = undefined;
  }

  size(): number {
    return this.#members.size;
  }

  isMesh(): boolean {
    return this.#members.size <= GOSSIP_MESH_MAX;
  }

  /** Whom `id` observes. */
  observed(id: NodeId, isLive: IsLive): readonly NodeId[] {
    return this.isMesh() ? this.#others(id, isLive) : this.#next(id, isLive, 1);
  }

  /** Who observes `id`. */
  observers(id: NodeId, isLive: IsLive): readonly NodeId[] {
    return this.isMesh() ? this.#others(id, isLive) : this.#next(id, isLive, -1);
  }

  /** Both neighbours on every ring, each once. */
  neighbours(id: NodeId, isLive: IsLive): readonly NodeId[] {
    if (this.isMesh()) return this.#others(id, isLive);
    return [...new Set([...this.#next(id, isLive, 1), ...this.#next(id, isLive, -1)])];
  }

  /** Each ring in its order, from its beginning: for people. */
  list(): readonly (readonly NodeId[])[] {
    return this.#sorted().map((ring) => ring.map(({ id }) => id));
  }

  #others(id: NodeId, isLive: IsLive): readonly NodeId[] {
    return [...this.#members].filter((other) => other !== id && isLive(other)).toSorted(compareIds);
  }

  #next(id: NodeId, isLive: IsLive, step: 1 | -1): readonly NodeId[] {
    const found = new Set<NodeId>();
    for (const [number, ring] of this.#sorted().entries()) {
      const start = placeOf(ring, { id, hash: hashText(id, number + 11) });
      for (let away = 1; away <= ring.length; away += 1) {
        const other = ring[(start + step * away + ring.length * 2) % ring.length]?.id;
        if (other === undefined || other === id || !isLive(other)) continue;
        found.add(other);
        break;
      }
    }
    return [...found];
  }

  #sorted(): readonly (readonly Place[])[] {
    this.#rings ??= Array.from({ length: GOSSIP_RINGS }, (_, number) =>
      Array.from(this.#members, (id) => ({ id, hash: hashText(id, number + 11) })).sort(before),
    );
    return this.#rings;
  }
}

function before(a: Place, b: Place): number {
  return a.hash - b.hash || compareIds(a.id, b.id);
}

/** Where it stands, or where it would: a node that is no member has neighbours all the same. */
function placeOf(ring: readonly Place[], place: Place): number {
  let low = 0;
  let high = ring.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = ring[middle];
    if (there !== undefined && before(there, place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
