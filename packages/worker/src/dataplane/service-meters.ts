/** Figures per service, bounded: services beyond the bound share one line, "(others)". */
import { compareIds } from "@skein/common/ids";
import { METERED_SERVICES_MAX } from "../limits.ts";

/** `bytesIn` came from clients, `bytesOut` went to them. */
export const METERS = [
  "connections",
  "requests",
  "retries",
  "failures",
  "rejected",
  "bytesIn",
  "bytesOut",
] as const;
export type Meter = (typeof METERS)[number];

export interface ServiceFigures extends Readonly<Record<Meter, number>> {
  readonly service: string;
}

const OTHERS = "(others)";

export class ServiceMeters {
  readonly #figures = new Map<string, Record<Meter, number>>();

  add(service: string, meter: Meter, by = 1): void {
    const figures = this.#of(service);
    figures[meter] += by;
  }

  /** Keeps only these services: a counter of a service that is gone would never change again. */
  retain(services: ReadonlySet<string>): void {
    for (const service of this.#figures.keys()) {
      if (service !== OTHERS && !services.has(service)) this.#figures.delete(service);
    }
  }

  list(): readonly ServiceFigures[] {
    const services = [...this.#figures].toSorted(([a], [b]) => compareIds(a, b));
    return services.map(([service, figures]) => ({ service, ...figures }));
  }

  #of(service: string): Record<Meter, number> {
    const known = this.#figures.get(service);
    if (known !== undefined) return known;
    const name = this.#figures.size < METERED_SERVICES_MAX ? service : OTHERS;
    const figures = this.#figures.get(name) ?? {
      connections: 0,
      requests: 0,
      retries: 0,
      failures: 0,
      rejected: 0,
      bytesIn: 0,
      bytesOut: 0,
    };
    this.#figures.set(name, figures);
    return figures;
  }
}
