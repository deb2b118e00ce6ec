/**
 * A small registry with the Prometheus text format (version 0.0.4). Never throws and never grows
 * without bound: what does not fit, or is used as two types, is counted in
 * `skein_metrics_dropped_total`.
 */
import type { Metrics } from "../io/metrics.ts";
import { METRIC_NAMES_MAX, METRIC_SERIES_MAX } from "../limits.ts";

export interface MetricsOptions {
  /** Labels of every series, such as `{ process: "worker" }`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** HELP lines by metric name. */
  readonly help?: Readonly<Record<string, string>>;
}

export interface MetricsRegistry extends Metrics {
  /** Everything, in the Prometheus text format. Collectors run first. */
  text(): string;
  /** Called at each `text()`, to set gauges that are cheaper to read than to follow. */
  onScrape(collect: () => void): void;
  /** Upper bounds of all histograms, in milliseconds. */
  readonly histogramBuckets: readonly number[];
}

type Labels = Readonly<Record<string, string>>;
type MetricType = "counter" | "gauge" | "histogram";

interface Histogram {
  readonly buckets: number[];
  sumMs: number;
  count: number;
}

interface Family {
  readonly type: MetricType;
  /** By rendered labels. */
  readonly values: Map<string, number>;
  readonly histograms: Map<string, Histogram>;
}

const BUCKETS_MS = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
] as const;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const DROPPED = "skein_metrics_dropped_total";
const NO_LABELS: Labels = {};

/** The media type of `text()`. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function createMetrics(options: MetricsOptions = {}): MetricsRegistry {
  const registry = new Registry(options);
  return {
    count: (name, by = 1, labels = NO_LABELS) => registry.count(name, by, labels),
    gauge: (name, value, labels = NO_LABELS) => registry.gauge(name, value, labels),
    observeMs: (name, milliseconds, labels = NO_LABELS) =>
      registry.observe(name, milliseconds, labels),
    text: () => registry.text(),
    onScrape: (collect) => registry.collectors.push(collect),
    histogramBuckets: BUCKETS_MS,
  };
}

/**
 * Joins texts of several registries into one valid text: one family's series must stand together,
 * under one TYPE line. Series must differ by a constant label.
 */
export function joinMetricsTexts(texts: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly lines: string[] }>();
  for (const text of texts) {
    let current: { readonly head: string[]; readonly lines: string[] } | undefined;
    for (const line of text.split("\n")) {
      const name = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1];
      if (name === undefined) {
        if (line !== "" && !line.startsWith("#")) current?.lines.push(line);
        continue;
      }
      current = families.get(name) ?? { head: [], lines: [] };
      families.set(name, current);
      if (!current.head.includes(line)) current.head.push(line);
    }
  }
  const names = [...families.keys()].toSorted();
  const lines = names.flatMap((name) => {
    const family = families.get(name);
    return family === undefined ? [] : [...family.head, ...family.lines];
  });
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

class Registry {
  readonly collectors: (() => void)[] = [];
  readonly #families = new Map<string, Family>();
  readonly #options: MetricsOptions;
  /** Reason -> count; kept apart so that the bound never hides itself. */
  readonly #dropped = new Map<string, number>();

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  count(name: string, by: number, labels: Labels): void {
    if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) return this.#drop("value");
    const family = this.#family(name, "counter");
    if (family === undefined) return;
    const key = this.#seriesOf(family.values, labels);
    if (key !== undefined) family.values.set(key, (family.values.get(key) ?? 0) + by);
  }

  gauge(name: string, value: number, labels: Labels): void {
    const family = this.#family(name, "gauge");
    if (family === undefined) return;
    const key = this.#seriesOf(family.values, labels);
    if (key !== undefined) family.values.set(key, value);
  }

  observe(name: string, milliseconds: number, labels: Labels): void {
    if (!(milliseconds >= 0 && milliseconds < Number.POSITIVE_INFINITY)) return this.#drop("value");
    const family = this.#family(name, "histogram");
    if (family === undefined) return;
    const key = this.#seriesOf(family.histograms, labels);
    if (key === undefined) return;
    const histogram = family.histograms.get(key) ?? emptyHistogram();
    family.histograms.set(key, histogram);
    const at = BUCKETS_MS.findIndex((bound) => milliseconds <= bound);
    if (at !== -1) histogram.buckets[at] = (histogram.buckets[at] ?? 0) + 1;
    histogram.sumMs += milliseconds;
    histogram.count += 1;
  }

  text(): string {
    for (const collect of this.collectors) collect();
    const lines: string[] = [];
    for (const name of [...this.#families.keys()].toSorted()) this.#writeFamily(name, lines);
    this.#writeDropped(lines);
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  }

  #family(name: string, type: MetricType): Family | undefined {
    const known = this.#families.get(name);
    if (known !== undefined) return known.type === type ? known : this.#drop("type");
    if (!NAME.test(name) || name === DROPPED) return this.#drop("name");
    if (this.#families.size >= METRIC_NAMES_MAX) return this.#drop("names-full");
    const family: Family = { type, values: new Map(), histograms: new Map() };
    this.#families.set(name, family);
    return family;
  }

  #seriesOf(series: ReadonlyMap<string, unknown>, labels: Labels): string | undefined {
    const key = renderLabels(labels);
    if (key === undefined) return this.#drop("label");
    if (!series.has(key) && series.size >= METRIC_SERIES_MAX) return this.#drop("series-full");
    return key;
  }

  #drop(reason: string): undefined {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  #writeFamily(name: string, lines: string[]): void {
    const family = this.#families.get(name);
    if (family === undefined) return;
    this.#writeHead({ name, type: family.type }, lines);
    for (const key of [...family.values.keys()].toSorted()) {
      lines.push(`${name}${this.#braces(key)} ${printed(family.values.get(key) ?? 0)}`);
    }
    for (const key of [...family.histograms.keys()].toSorted()) {
      const histogram = family.histograms.get(key);
      if (histogram !== undefined) this.#writeHistogram(name, { key, histogram }, lines);
    }
  }

  #writeHead(family: { readonly name: string; readonly type: MetricType }, lines: string[]): void {
    const help = this.#options.help?.[family.name];
    if (help !== undefined) {
      lines.push(`# HELP ${family.name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    }
    lines.push(`# TYPE ${family.name} ${family.type}`);
  }

  #writeHistogram(
    name: string,
    series: { readonly key: string; readonly histogram: Histogram },
    lines: string[],
  ): void {
    const { key, histogram } = series;
    let cumulative = 0;
    BUCKETS_MS.forEach((bound, at) => {
      cumulative += histogram.buckets[at] ?? 0;
      lines.push(`${name}_bucket${this.#braces(key, `le="${bound / 1000}"`)} ${cumulative}`);
    });
    lines.push(`${name}_bucket${this.#braces(key, 'le="+Inf"')} ${histogram.count}`);
    lines.push(`${name}_sum${this.#braces(key)} ${printed(histogram.sumMs / 1000)}`);
    lines.push(`${name}_count${this.#braces(key)} ${histogram.count}`);
  }

  #writeDropped(lines: string[]): void {
    if (this.#dropped.size === 0) return;
    lines.push(`# TYPE ${DROPPED} counter`);
    for (const reason of [...this.#dropped.keys()].toSorted()) {
      lines.push(`${DROPPED}${this.#braces(`reason="${reason}"`)} ${this.#dropped.get(reason)}`);
    }
  }

  #braces(...parts: readonly string[]): string {
    const constant = renderLabels(this.#options.labels ?? NO_LABELS) ?? "";
    const inner = [constant, ...parts].filter((part) => part !== "").join(",");
    return inner === "" ? "" : `{${inner}}`;
  }
}

function emptyHistogram(): Histogram {
  return { buckets: BUCKETS_MS.map(() => 0), sumMs: 0, count: 0 };
}

/** `a="1",b="2"` in order of label names; undefined when a name is not one. */
function renderLabels(labels: Labels): string | undefined {
  const names = Object.keys(labels);
  if (names.length === 0) return "";
  if (!names.every((name) => LABEL_NAME.test(name))) return undefined;
  return names
    .toSorted()
    .map((name) => `${name}="${escaped(labels[name] ?? "")}"`)
    .join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function printed(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
