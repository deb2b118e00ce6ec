/**
 * Balancing policies: which of the backends that may be taken gets the next connection. Each is a
 * function of what is in `Choice`; the only state is the turn of round robin and the generator.
 */
import type { TaskId } from "@skein/common/ids";
import type { Policy } from "@skein/common/model/ingress-options";
import type { Backend } from "@skein/common/model/routes";

export interface Choice {
  readonly backends: readonly Backend[];
  /** Where the turn stands. */
  readonly next: number;
  readonly mayTake: (backend: Backend) => boolean;
  /** Connections and requests that this node has open with the task. */
  readonly load: (task: TaskId) => number;
  /** Less than `bound`, not negative. */
  readonly random: (bound: number) => number;
  /** Who asks, for a policy that keeps clients with their tasks. */
  readonly source: string;
}

/** The index of the chosen one; undefined when none may be taken. */
export const POLICY: Readonly<Record<Policy, (choice: Choice) => number | undefined>> = {
  "round-robin": roundRobin,
  "least-connections": leastConnections,
  "power-of-two": powerOfTwo,
  "source-hash": sourceHash,
};

function roundRobin({ backends, next, mayTake }: Choice): number | undefined {
  for (let step = 0; step < backends.length; step += 1) {
    const index = (next + step) % backends.length;
    const backend = backends[index];
    if (backend !== undefined && mayTake(backend)) return index;
  }
  return undefined;
}

/** Equal ones take turns: or an idle service would always use its first task. */
function leastConnections({ backends, next, mayTake, load }: Choice): number | undefined {
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let step = 0; step < backends.length; step += 1) {
    const index = (next + step) % backends.length;
    const backend = backends[index];
    if (backend === undefined || !mayTake(backend)) continue;
    const its = load(backend.taskId);
    if (its >= least) continue;
    [best, least] = [index, its];
  }
  return best;
}

/** Mitzenmacher: of two at random the less loaded; nearly as even as looking at all. */
function powerOfTwo(choice: Choice): number | undefined {
  const { backends, mayTake, load, random } = choice;
  const open: number[] = [];
  backends.forEach((backend, index) => {
    if (mayTake(backend)) open.push(index);
  });
  const one = random(open.length);
  const other = (one + 1 + random(Math.max(open.length - 1, 1))) % Math.max(open.length, 1);
  const [first, second] = [open[one], open[other]];
  if (first === undefined || second === undefined) return first;
  return loadAt(backends, second, load) < loadAt(backends, first, load) ? second : first;
}

function loadAt(backends: readonly Backend[], index: number, load: Choice["load"]): number {
  const backend = backends[index];
  return backend === undefined ? 0 : load(backend.taskId);
}

/**
 * Rendezvous hashing (Thaler, Ravishankar): a client moves only when its own task goes, and all
 * nodes agree without a word.
 */
function sourceHash({ backends, mayTake, source }: Choice): number | undefined {
  let best: number | undefined;
  let highest = -1;
  backends.forEach((backend, index) => {
    if (!mayTake(backend)) return;
    const weight = hashText(`${source} ${backend.taskId}`);
    if (weight > highest) [best, highest] = [index, weight];
  });
  return best;
}

/** FNV-1a of 32 bits with a final mix: the last characters hardly reach its high bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** What a client's cookie says of its task: no id of ours is shown to the outside. */
export function stickyKey(task: TaskId): string {
  const [high, low] = [hashText(task), hashText(`${task}#`)];
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
