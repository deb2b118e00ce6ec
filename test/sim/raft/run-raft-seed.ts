/**
 * One seed of the Raft-only simulator: faults while clients write and read, then healing, and the
 * requirement that one leader comes, every member has the same state and serves, at rest nothing
 * happens, and what clients were told is linearizable.
 */
import { assert } from "@skein/common/assert";
import { checkLinearizable } from "../../linearizability/explain.ts";
import { Clients } from "../clients/clients.ts";
import type { SeedReport } from "../report.ts";
import { OPERATIONS_MIN, SeedError, VIRTUAL_MS_MIN } from "../report.ts";
import { plague } from "./raft-faults.ts";
import type { RaftMember } from "./raft-member.ts";
import { QUIET } from "./raft-network.ts";
import { RaftWorld } from "./raft-world.ts";

const CLIENTS = 4;
const FAULT_MS = 50_000;
/** One election after another may be lost; ten are not. */
const LEADER_MS = 10_000;
const AGREE_MS = 10_000;
const OPERATIONS_MS_MAX = 60_000;
/** Longer than the time-outs of a leadership. */
const REST_MS = 3000;

export function runRaftSeed({ seed }: { readonly seed: number }): SeedReport {
  const world = new RaftWorld(seed);
  try {
    return run(seed, world);
  } catch (error) {
    throw new SeedError(error, world.trace);
  }
}

function run(seed: number, world: RaftWorld): SeedReport {
  for (const member of world.members) world.start(member);
  const clients = new Clients(world, CLIENTS);
  const faults = plague(world, FAULT_MS);
  world.heal();
  world.network.rates = QUIET;
  world.until("leader after healing", LEADER_MS, () => world.leader() !== undefined);
  world.until("it has lasted", VIRTUAL_MS_MIN, () => world.clock.now() >= VIRTUAL_MS_MIN);
  const enough = (): boolean => clients.operations >= OPERATIONS_MIN;
  world.until("clients have done enough", OPERATIONS_MS_MAX, enough);
  const { acknowledged: before } = clients.counts;
  world.until("a write is acknowledged", AGREE_MS, () => clients.counts.acknowledged > before);
  clients.finish(AGREE_MS);
  world.until("members agree", AGREE_MS, () => agree(world));
  checkAtRest(world);
  checkLinearizable(clients.histories());
  const { counts: network } = world.network;
  const events = world.clock.ran();
  const counts = {
    ...faults,
    ...prefixed("messages", network),
    "drifting clocks": world.drifting,
    ...world.raft.counts(),
    "unknown outcomes": clients.counts.unknown,
    "repeated requests": clients.counts.repeated,
  };
  world.note(`${JSON.stringify(counts)} ${events} events`);
  return {
    seed,
    trace: world.trace,
    events,
    virtualMs: world.clock.now(),
    operations: clients.operations,
    counts,
  };
}

function prefixed(what: string, counts: object): Record<string, number> {
  const entries = Object.entries(counts).map(([kind, count]): [string, number] => [
    kind.includes(" ") ? kind : `${what} ${kind}`,
    Number(count),
  ]);
  return Object.fromEntries(entries);
}

/** Everything that is committed is applied by all members. */
function agree(world: RaftWorld): boolean {
  const leader = world.leader();
  const status = leader?.process?.raft.status();
  if (status === undefined || status.configuration.outgoing !== undefined) return false;
  if (status.applied < status.lastIndex) return false;
  return world.clientNodes.every((node) => appliedBy(world, node.name) === status.applied);
}

function appliedBy(world: RaftWorld, name: string): number | undefined {
  return world.members.find((member) => member.name === name)?.process?.applied;
}

/** When nothing happens nothing is done: no election, no entry. */
function checkAtRest(world: RaftWorld): void {
  const before = describe(world.leader());
  world.clock.runFor(REST_MS);
  const after = describe(world.leader());
  assert(before === after, `at rest ${before} was followed by ${after}`);
}

function describe(leader: RaftMember | undefined): string {
  const status = leader?.process?.raft.status();
  return `${leader?.name} in term ${status?.term} with ${status?.lastIndex} entries`;
}
