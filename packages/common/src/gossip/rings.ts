/**
 * K hash rings over the members (Rapid, ATC 2018 §4.1): everybody computes alike who observes whom.
 * A node observes its successor on each ring and is linked with both neighbours; whoever is dead is
 * skipped, so that the rings close again. Small clusters are a full mesh.
 *
 * Invariants:
 *   R1. Equal members and equal liveness give equal rings, whatever the order of arrival.
 *   R2. `observers` and `observed` are each other's inverse.
 */
import { must } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import { compareIds } from "../ids.ts";
import { GOSSIP_MESH_MAX, GOSSIP_RINGS } from "../limits.ts";
import { hashText } from "./hash.ts";

/** Members in order of id, and each ring as places in that order: a few bytes a member. */
interface Built {
  readonly ids: readonly NodeId[];
  readonly rings: readonly Uint32Array[];
}

export type IsLive = (id: NodeId) => boolean;

export class Rings {
  readonly #members = new Set<NodeId>();
  #built: Built | undefined;

  put(id: NodeId): void {
    if (this.#members.has(id)) return;
    this.#members.add(id);
    this.#built = undefined;
  }

  remove(id: NodeId): void {
    if (this.#members.delete(id)) this.#built = undefined;
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

  /** All members, in order of id. */
  ids(): readonly NodeId[] {
    return this.#build().ids;
  }

  /** Each ring in its order, from its beginning: for people. */
  list(): readonly (readonly NodeId[])[] {
    const { ids, rings } = this.#build();
    return rings.map((ring) => Array.from(ring, (at) => idAt(ids, at)));
  }

  #others(id: NodeId, isLive: IsLive): readonly NodeId[] {
    return [...this.#members].filter((other) => other !== id && isLive(other)).toSorted(compareIds);
  }

  #next(id: NodeId, isLive: IsLive, step: 1 | -1): readonly NodeId[] {
    const found = new Set<NodeId>();
    const { ids, rings } = this.#build();
    for (const [number, ring] of rings.entries()) {
      const start = placeOf({ ids, ring, number }, id);
      for (let away = 1; away <= ring.length; away += 1) {
        const other = idAt(ids, ring[(start + step * away + ring.length * 2) % ring.length] ?? 0);
        if (other === id || !isLive(other)) continue;
        found.add(other);
        break;
      }
    }
    return [...found];
  }

  #build(): Built {
    if (this.#built === undefined) {
      const ids = [...this.#members].sort(compareIds);
      const numbers = Array.from({ length: GOSSIP_RINGS }, (_, number) => number);
      this.#built = { ids, rings: numbers.map((number) => ringOf(ids, number)) };
    }
    return this.#built;
  }
}

function ringOf(ids: readonly NodeId[], number: number): Uint32Array {
  const hashes = Int32Array.from(ids, (id) => hashOf(id, number));
  const places = Uint32Array.from(ids, (_, at) => at);
  // Equal hashes stand in order of id, which is that of their places.
  return places.sort((a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0) || a - b);
}

/** Where it stands, or where it would: a node that is no member has neighbours all the same. */
function placeOf(
  { ids, ring, number }: { ids: readonly NodeId[]; ring: Uint32Array; number: number },
  id: NodeId,
): number {
  const hash = hashOf(id, number);
  let low = 0;
  let high = ring.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = idAt(ids, ring[middle] ?? 0);
    const isBefore = hashOf(there, number) - hash || compareIds(there, id);
    if (isBefore < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function hashOf(id: NodeId, number: number): number {
  return hashText(id, number + 11);
}

function idAt(ids: readonly NodeId[], at: number): NodeId {
  return must(ids[at], `member ${at} of ${ids.length}`);
}
