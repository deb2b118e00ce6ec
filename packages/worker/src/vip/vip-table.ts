/**
 * Which virtual addresses a machine of the loopback plane listens on, and whose turn it is there:
 * one socket for each address and port that a task in rotation listens on.
 *
 * Invariants:
 *   V1. A socket is wanted exactly as long as some task answers on its port.
 *   V2. Round robin: `next` gives each task once per round, none that was tried already.
 */
import type { TaskId } from "@skein/common/ids";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import { VIP_PORTS_MAX } from "../limits.ts";

export interface VipPort {
  /** "127.65.128.2:3000" */
  readonly key: string;
  readonly address: string;
  readonly port: number;
}

interface Served extends VipPort {
  readonly backends: readonly Backend[];
  turn: number;
}

export class VipTable {
  readonly #realise: (address: string) => string;
  #ports = new Map<string, Served>();

  constructor(realise: (address: string) => string) {
    this.#realise = realise;
  }

  /** Takes a whole serving table; answers with the sockets to have, in the table's order. */
  replace(routes: readonly ServiceRoute[]): readonly VipPort[] {
    const former = this.#ports;
    this.#ports = new Map();
    for (const route of routes) {
      for (const { vip } of route.names?.attachments ?? []) {
        if (vip !== undefined) this.#serve(this.#realise(vip), route.backends);
      }
    }
    for (const [key, port] of this.#ports) port.turn = former.get(key)?.turn ?? 0;
    return [...this.#ports.values()];
  }

  next(key: string, tried: ReadonlySet<TaskId>): Backend | undefined {
    const served = this.#ports.get(key);
    if (served === undefined) return undefined;
    const { backends } = served;
    for (let step = 0; step < backends.length; step += 1) {
      const at = (served.turn + step) % backends.length;
      const backend = backends[at];
      if (backend === undefined || tried.has(backend.taskId)) continue;
      served.turn = at + 1;
      return backend;
    }
    return undefined;
  }

  #serve(address: string, backends: readonly Backend[]): void {
    const ports = [...new Set(backends.flatMap(({ listens = [] }) => listens))];
    for (const port of ports.toSorted((a, b) => a - b)) {
      if (this.#ports.size >= VIP_PORTS_MAX) return;
      const key = `${address}:${port}`;
      const answering = backends.filter(({ listens = [] }) => listens.includes(port));
      this.#ports.set(key, { key, address, port, backends: answering, turn: 0 });
    }
  }
}
