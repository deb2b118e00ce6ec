/**
 * What happens to a simulated cluster, drawn from its seed: each kind on or off for the whole run.
 */
import type { Counts } from "../report.ts";
import type { SimRandom } from "../sim-random.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

type Fault = (world: World, random: SimRandom) => (() => void) | undefined;

/**
 * Longer than a write waits for its answer, so that some are told that they may still take effect.
 */
const HEALED_MS_MAX = 8000;

/** Longer than a log takes to be opened and a few writes. */
const CALLS_TO_CRASH_MAX = 60;

/** Each begins a fault and gives what ends it; undefined when there was nobody to hit. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "kill manager": (world, random) => {
    const node = pick(random, world.managers);
    node.killManager(random.once(2));
    return () => node.startManager();
  },
  "kill agent": (world, random) => {
    const node = pick(random, world.workers);
    node.killWorker();
    return () => node.startWorker();
  },
  "lose machine": (world, random) => {
    const node = pick(random, world.nodes);
    node.lose();
    return () => node.startAll();
  },
  "stop node": (world, random) => {
    const node = pick(random, world.nodes);
    node.stop();
    return () => node.continue();
  },
  partition: (world, random) => {
    const alone = pick(random, world.nodes).config.address;
    const rest = world.nodes.map((node) => node.config.address).filter((one) => one !== alone);
    world.network.partition([[alone], rest]);
    return () => world.network.heal();
  },
  "one-way cut": (world, random) => {
    const [from, to] = [pick(random, world.nodes), pick(random, world.nodes)];
    if (from === to) return undefined;
    world.network.cut(from.config.address, to.config.address);
    return () => world.network.heal(from.config.address, to.config.address);
  },
  "broken links": (world, random) => {
    world.network.setLoss(random.between(50, 500));
    return () => world.network.setLoss(0);
  },
  // One at a time, and only while every manager votes: two lost disks of three are a lost cluster.
  "wipe manager": (world, random) => {
    if (world.managers.length < 3 || !world.everyManagerVotes()) return undefined;
    const node = pick(random, world.managers);
    node.wipeManager();
    return () => node.startManager();
  },
  "slow disk": (world, random) => {
    const node = pick(random, world.managers);
    node.slowDisk(random.between(5, 200));
    return () => node.slowDisk(1);
  },
  "slow network": (world, random) => {
    world.network.setLatency([1, random.between(20, 150)]);
    return () => world.network.setLatency(undefined);
  },
  "power cut at a disk call": (world, random) => {
    const node = pick(random, world.managers);
    node.crashAtCall(random.between(1, CALLS_TO_CRASH_MAX));
    return () => {
      node.soundDisk();
      node.startManager();
    };
  },
  "failed sync": (world, random) => {
    const node = pick(random, world.managers);
    node.failSyncs(random.between(1, CALLS_TO_CRASH_MAX));
    return () => {
      node.soundDisk();
      node.startManager();
    };
  },
  "cut off leader": (world) => {
    const alone = world.leader()?.config.address;
    if (alone === undefined) return undefined;
    const rest = world.nodes.map((node) => node.config.address).filter((one) => one !== alone);
    world.network.partition([[alone], rest]);
    return () => world.network.heal();
  },
  "stop majority": (world, random) => {
    const stopped = new Set<SimNode>();
    const majority = Math.floor(world.managers.length / 2) + 1;
    while (stopped.size < majority) stopped.add(pick(random, world.managers));
    for (const node of stopped) node.stop();
    return () => {
      for (const node of stopped) node.continue();
    };
  },
  "hand over": (world) => {
    world.leader()?.toManager(0, (manager) => manager?.resign());
    return undefined;
  },
  "task ends": (world, random) => {
    const { machine } = pick(random, world.workers);
    const running = machine.running();
    const process = running[random.below(Math.max(1, running.length))];
    if (process !== undefined) machine.end(process.spec.taskId, random.below(2));
    return undefined;
  },
};

/**
 * Draws which kinds this run has, and runs faults for `milliseconds`, healing each after a while.
 */
export function plague(world: World, milliseconds: number): Counts {
  const random = world.random.fork("faults");
  const counts = Object.fromEntries(Object.keys(FAULTS).map((kind) => [kind, 0]));
  const kinds = Object.keys(FAULTS).filter(() => random.once(2));
  world.note(`faults: ${kinds.length === 0 ? "none" : kinds.join(", ")}`);
  const end = world.clock.now() + milliseconds;
  const heals = new Set<() => void>();
  while (world.clock.now() < end) {
    world.run(random.between(50, 1500));
    const kind = kinds[random.below(Math.max(1, kinds.length))];
    const begin = kind === undefined ? undefined : FAULTS[kind];
    const heal = begin?.(world, random);
    world.note(`fault: ${kind ?? "none"}`);
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
    if (heal === undefined) continue;
    const once = (): void => {
      if (!heals.delete(once)) return;
      world.note(`healed: ${kind ?? ""}`);
      heal();
    };
    heals.add(once);
    world.clock.after(random.between(100, HEALED_MS_MAX), once);
  }
  for (const heal of [...heals]) heal();
  world.network.heal();
  world.network.setLoss(0);
  world.network.setLatency(undefined);
  for (const node of world.nodes) {
    node.soundDisk();
    node.continue();
    node.startAll();
  }
  world.note("all faults healed");
  return counts;
}

function pick(random: SimRandom, nodes: readonly SimNode[]): SimNode {
  const node = nodes[random.below(nodes.length)];
  if (node === undefined) throw new Error("no node to pick");
  return node;
}
