/** Somebody who makes, changes and removes services all the time, whatever else happens. */
import type { ServiceId } from "@skein/common/ids";
import { serviceId } from "@skein/common/ids";
import type { Service, ServiceSpec } from "@skein/common/model/service";
import type { Command } from "@skein/manager/store/command";
import type { SimRandom } from "../sim-random.ts";
import { ServiceChecks } from "./service-checks.ts";
import { activate, drainOne, operate } from "./service-operations.ts";
import type { World } from "./world.ts";

const PORTS: Readonly<Record<string, number>> = { api: 8090, batch: 0, green: 8091 };
const REPLICAS_MAX = 5;

export class Operator {
  readonly #world: World;
  readonly #random: SimRandom;
  #isStopped = false;
  #created = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork("operator");
    new ServiceChecks(world);
    this.#next();
  }

  /** No node stays drained: what was lost may have left room nowhere else. */
  stop(): void {
    this.#isStopped = true;
    for (;;) {
      this.#world.until("a leader", 20_000, () => this.#world.leader() !== undefined);
      const view = this.#world.leader()?.manager?.view;
      const command = view === undefined ? undefined : activate(view);
      if (command === undefined) return;
      this.#world.write(command);
    }
  }

  #next(): void {
    this.#world.clock.after(this.#random.between(300, 2500), () => {
      if (this.#isStopped) return;
      const names = Object.keys(PORTS);
      const command = this.#choose(names[this.#random.below(names.length)] ?? "");
      if (command !== undefined) this.#world.propose(command, () => undefined);
      this.#next();
    });
  }

  #choose(name: string): Command | undefined {
    const view = this.#world.leader()?.manager?.view;
    if (view === undefined) return undefined;
    const replicas = this.#random.between(0, REPLICAS_MAX);
    const spec = serviceSpec(name, replicas, PORTS[name] ?? 0);
    const service = view.serviceByName(name);
    if (service === undefined) return { kind: "create-service", serviceId: this.#newId(), spec };
    if (this.#random.once(8)) return drainOne(view, this.#random);
    return this.#random.once(6) ? remove(service) : operate(service, this.#random);
  }

  #newId(): ServiceId {
    this.#created += 1;
    return serviceId(`service-${this.#created}`);
  }
}

/** `publishedPort` 0: none. */
export function serviceSpec(name: string, replicas: number, publishedPort: number): ServiceSpec {
  const port = { protocol: "tcp", targetPort: 3000, publishedPort, mode: "ingress" } as const;
  return {
    name,
    labels: {},
    task: {
      process: { image: "host", command: [], args: ["server"], env: [], labels: {} },
      constraints: [],
      spread: [],
      forceUpdate: 0,
    },
    mode: { kind: "replicated", replicas },
    endpointMode: "vip",
    ports: publishedPort === 0 ? [] : [port],
    engine: "{}",
  };
}

function remove({ id }: Service): Command {
  return { kind: "remove-service", serviceId: id };
}
