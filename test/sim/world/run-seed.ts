/**
 * One seed of the whole-cluster simulator: start, create a service, let faults happen while clients
 * write, heal, and require that everything is as asked: no acknowledged write lost, one state on
 * all managers, every slot served, every machine running exactly what the store wants.
 */
import { assert } from "@skein/common/assert";
import { serviceId } from "@skein/common/ids";
import { checkLinearizable } from "../../linearizability/explain.ts";
import { Clients } from "../clients/clients.ts";
import type { SeedReport } from "../report.ts";
import { OPERATIONS_MIN, SeedError, VIRTUAL_MS_MIN } from "../report.ts";
import { managersAgree, routesAgree, SafetyChecks, served } from "./checks.ts";
import { plague } from "./faults.ts";
import { Operator, serviceSpec } from "./operator.ts";
import { tryLosses } from "./trials.ts";
import { World } from "./world.ts";

export interface SeedOptions {
  readonly seed: number;
  readonly faultMs?: number;
}

export function runSeed({ seed, faultMs = FAULT_MS }: SeedOptions): SeedReport {
  const managers = 1 + 2 * (seed % 3);
  const world = new World({ seed, managers, workers: 2 + (seed % 4) });
  try {
    return run(seed, world, faultMs);
  } catch (error) {
    throw new SeedError(error, world.trace);
  }
}

function run(seed: number, world: World, faultMs: number): SeedReport {
  const managers = world.managers.length;
  world.note(`seed ${seed}: ${managers} managers, ${world.workers.length} workers`);
  const safety = new SafetyChecks();
  const watch = watchSafety(world, safety);
  world.start();
  world.until("leader", 10_000, () => world.leader() !== undefined);
  world.until("nodes ready", 20_000, () => nodesReady(world));
  world.write({
    kind: "create-service",
    serviceId: serviceId("service-web"),
    spec: serviceSpec("web", 4, 8080),
  });
  world.until("web runs", 20_000, () => served(world));
  const clients = new Clients(world, CLIENTS);
  const operator = new Operator(world);
  const faults = plague(world, faultMs);
  operator.stop();
  world.until("leader after healing", 10_000, () => world.leader() !== undefined);
  world.until("all runs after healing", 120_000, () => nodesReady(world) && served(world));
  world.until("every manager votes", 60_000, () => world.everyManagerVotes());
  const enough = (): boolean => clients.operations >= OPERATIONS_MIN;
  world.until("clients have done enough", 120_000, enough);
  clients.finish(60_000);
  world.until("managers agree", 30_000, () => managersAgree(world));
  safety.checkDigests(world);
  world.until("routes agree", 10_000, () => routesAgree(world));
  checkAtRest(world);
  checkLinearizable(clients.histories());
  tryLosses(world);
  safety.checkDigests(world);
  world.watches.checkComplete();
  watch.stop();
  world.until("long enough", VIRTUAL_MS_MIN, () => world.clock.now() >= VIRTUAL_MS_MIN);
  const events = world.clock.ran();
  const counts = {
    ...faults,
    ...world.raft.counts(),
    "snapshots resumed": world.counted.get("skein_snapshots_resumed_total") ?? 0,
    "unknown outcomes": clients.counts.unknown,
    "repeated requests": clients.counts.repeated,
  };
  world.note(`${JSON.stringify(counts)} ${events} events`);
  world.note(`clients: ${JSON.stringify(clients.counts)}`);
  const { operations } = clients;
  return { seed, trace: world.trace, events, virtualMs: world.clock.now(), operations, counts };
}

const FAULT_MS = 30_000;
const CLIENTS = 6;
const SETTLE_MS = 5000;
/** Longer than the time-outs of a session and of a leadership. */
const REST_MS = 4000;

/** When nothing happens nothing is done: no election, no verdict, no decision. */
function checkAtRest(world: World): void {
  // The last links that broke are dialled again, sessions begin anew.
  world.run(SETTLE_MS);
  const [leader, index] = [leadership(world), world.leader()?.manager?.view.index];
  world.run(REST_MS);
  const [leaderNow, indexNow] = [leadership(world), world.leader()?.manager?.view.index];
  assert(leader === leaderNow, `at rest ${leader} was followed by ${leaderNow}`);
  assert(index === indexNow, `at rest the store went from ${index} to ${indexNow}`);
}

function leadership(world: World): string {
  const leader = world.leader();
  return `${leader?.name} in term ${leader?.manager?.status().raft.term}`;
}

function watchSafety(world: World, safety: SafetyChecks): { stop(): void } {
  let stopped = false;
  const look = (): void => {
    if (stopped) return;
    safety.check(world);
    world.clock.after(10, look);
  };
  look();
  return {
    stop: () => {
      stopped = true;
    },
  };
}

function nodesReady(world: World): boolean {
  const nodes = world.leader()?.manager?.view.nodes.list() ?? [];
  return (
    nodes.length === world.nodes.length && nodes.every((node) => node.status.state === "ready")
  );
}
