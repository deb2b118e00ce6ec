/**
 * After the storm, one loss at a time, in a cluster that is otherwise well: what must come back
 * within a time that a user would notice. Each trial ends with everything served.
 */
import { must } from "@skein/common/assert";
import { routesAgree, served } from "./checks.ts";
import type { World } from "./world.ts";

/** A leader that hears nobody steps down; long before its links are given up. */
const DEAF_LEADER_MS = 4000;
/** A machine that is gone is found out, and its tasks run elsewhere. */
const LOST_MACHINE_MS = 20_000;

export function tryLosses(world: World): void {
  if (world.managers.length > 1) tryDeafLeader(world);
  tryLostMachines(world);
}

/** It is heard, so that nobody else stands for election unless it gives up. */
function tryDeafLeader(world: World): void {
  const leader = must(world.leader(), "a leader");
  const others = world.managers.filter((node) => node !== leader);
  for (const other of others) world.network.cut(other.config.address, leader.config.address);
  const isReplaced = (): boolean => others.some((node) => node.manager?.status().ready === true);
  world.until(`another leader than ${leader.name}, which hears nobody`, DEAF_LEADER_MS, isReplaced);
  world.network.heal();
  world.until(
    "all runs with it",
    LOST_MACHINE_MS,
    () => world.leader() !== undefined && served(world),
  );
}

/** A worker for good, and where the others can go on without it the leader together with it. */
function tryLostMachines(world: World): void {
  const worker = must(world.workers[0], "a worker");
  if (world.managers.length > 1) must(world.leader(), "a leader").lose();
  worker.lose();
  const isServed = (): boolean => served(world) && routesAgree(world);
  world.until(`all runs without ${worker.name}`, LOST_MACHINE_MS, isServed);
}
