/**
 * One seed of the whole-cluster simulator: start, create a service, let faults happen while clients
 * write, heal, and require that everything is as asked: no acknowledged write lost, one state on
 * all managers, every slot served, every machine running exactly what the store wants.
 */
import { assert } from "@skein/common/assert";
import { configId, requestId, serviceId } from "@skein/common/ids";
import type { ServiceSpec } from "@skein/common/model/service";
import { converged, machinesAgree, managersAgree, routesAgree, SafetyChecks } from "./checks.ts";
import { plague } from "./faults.ts";
import { World } from "./world.ts";

export interface SeedResult {
  readonly seed: number;
  readonly trace: readonly string[];
  readonly events: number;
  readonly writes: { readonly tried: number; readonly acknowledged: number };
}

export interface SeedOptions {
  readonly seed: number;
  readonly faultMs?: number;
}

export function runSeed({ seed, faultMs = 20_000 }: SeedOptions): SeedResult {
  const managers = 1 + 2 * (seed % 3);
  const world = new World({ seed, managers, workers: 2 + (seed % 4) });
  world.note(`seed ${seed}: ${managers} managers, ${world.workers.length} workers`);
  const safety = new SafetyChecks();
  const watch = watchSafety(world, safety);
  world.start();
  world.until("leader", 10_000, () => world.leader() !== undefined);
  world.until("nodes ready", 20_000, () => nodesReady(world));
  world.write({ kind: "create-service", serviceId: serviceId("service-web"), spec: WEB });
  world.until("web runs", 20_000, () => served(world));
  const client = new Client(world);
  plague(world, faultMs);
  client.stop();
  world.until("leader after healing", 10_000, () => world.leader() !== undefined);
  world.until("web runs after healing", 120_000, () => nodesReady(world) && served(world));
  world.until("managers agree", 30_000, () => managersAgree(world));
  safety.checkDigests(world);
  world.until("routes agree", 10_000, () => routesAgree(world));
  client.checkKept();
  watch.stop();
  const { tried, acknowledged } = client;
  const events = world.clock.ran();
  world.note(`${tried} writes, ${acknowledged.size} acknowledged, ${events} events`);
  const writes = { tried, acknowledged: acknowledged.size };
  return { seed, trace: world.trace, events, writes };
}

/** Writes configs, one at a time, to whoever leads; remembers which were acknowledged. */
class Client {
  readonly acknowledged = new Set<string>();
  tried = 0;
  readonly #world: World;
  #stopped = false;

  constructor(world: World) {
    this.#world = world;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  checkKept(): void {
    const view = this.#world.leader()?.manager?.view;
    for (const name of this.acknowledged) {
      assert(view?.configByName(name) !== undefined, `acknowledged write ${name} is lost`);
    }
  }

  #next(): void {
    if (this.#stopped) return;
    this.#world.clock.after(
      this.#world.random.fork(`client-${this.tried}`).between(20, 300),
      () => {
        this.#write();
        this.#next();
      },
    );
  }

  #write(): void {
    const manager = this.#world.leader()?.manager;
    if (manager === undefined) return;
    this.tried += 1;
    const name = `config-${this.tried}`;
    const spec = { name, labels: {}, data: Uint8Array.of(1) };
    const command = { kind: "create-config", configId: configId(name), spec } as const;
    manager.propose(command, requestId(`client-${name}`), (result) => {
      if (result.ok) this.acknowledged.add(name);
    });
  }
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

function served(world: World): boolean {
  const view = world.leader()?.manager?.view;
  return view !== undefined && converged(view) && machinesAgree(world, view);
}

const WEB: ServiceSpec = {
  name: "web",
  labels: {},
  task: {
    process: { image: "host", command: [], args: ["server"], env: [], labels: {} },
    constraints: [],
    spread: [],
    forceUpdate: 0,
  },
  mode: { kind: "replicated", replicas: 4 },
  endpointMode: "vip",
  ports: [{ protocol: "tcp", targetPort: 3000, publishedPort: 8080, mode: "ingress" }],
  engine: "{}",
};
