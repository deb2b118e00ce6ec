/** Metrics port. The names are Prometheus names with unit suffix; the list is docs/METRICS.md. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Observes a duration in milliseconds into a histogram (exported in seconds). */
  observeMs(name: string, milliseconds: number, labels?: Readonly<Record<string, string>>): void;
}

export const noMetrics: Metrics = {
  count: () => undefined,
  gauge: () => undefined,
  observeMs: () => undefined,
};
