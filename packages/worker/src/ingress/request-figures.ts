/**
 * Figures of requests per service and per task: counts by class of status, a histogram of
 * durations, what is open. Kept in plain arrays and printed when asked for: a registry with labels
 * would cost each request more than its log line.
 */
import { compareIds } from "@skein/common/ids";
import { METERED_SERVICES_MAX, METERED_TASKS_MAX } from "../limits.ts";

/** Upper bounds in milliseconds. */
export const LATENCY_BUCKETS_MS = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
] as const;

export interface FinishedRequest {
  readonly service: string;
  readonly task: string;
  readonly status: number;
  readonly durationMs: number;
}

interface ServiceFigures {
  /** By first digit of the status. */
  readonly classes: number[];
  readonly buckets: number[];
  sumMs: number;
  count: number;
}

interface TaskFigures {
  readonly service: string;
  requests: number;
  errors: number;
  sumMs: number;
}

const OTHERS = "(others)";

export class RequestFigures {
  readonly #services = new Map<string, ServiceFigures>();
  readonly #tasks = new Map<string, TaskFigures>();

  finished({ service, task, status, durationMs }: FinishedRequest): void {
    const figures = this.#service(service);
    const digit = Math.floor(status / 100);
    figures.classes[digit] = (figures.classes[digit] ?? 0) + 1;
    const bucket = LATENCY_BUCKETS_MS.findIndex((bound) => durationMs <= bound);
    if (bucket >= 0) figures.buckets[bucket] = (figures.buckets[bucket] ?? 0) + 1;
    figures.sumMs += durationMs;
    figures.count += 1;
    if (task === "") return;
    const its = this.#task(service, task);
    its.requests += 1;
    if (status >= 500) its.errors += 1;
    its.sumMs += durationMs;
  }

  /** Forgets services and tasks that are gone. */
  retain(services: ReadonlyMap<string, unknown>, tasks: ReadonlySet<string>): void {
    for (const name of this.#services.keys()) {
      if (name !== OTHERS && !services.has(name)) this.#services.delete(name);
    }
    for (const [task, { service }] of this.#tasks) {
      if (!tasks.has(task) || !services.has(service)) this.#tasks.delete(task);
    }
  }

  /** In the Prometheus text format; `open` says how much is under way at a task. */
  text(labels: string, open: (task: string) => number): string {
    const services = [...this.#services].toSorted(([a], [b]) => compareIds(a, b));
    const tasks = [...this.#tasks].toSorted(([a], [b]) => compareIds(a, b));
    if (services.length === 0) return "";
    const lines = [
      ...head("skein_requests_total", "counter", "HTTP requests by class of status."),
      ...services.flatMap(([name, figures]) => classLines(labels, name, figures)),
      ...head("skein_request_seconds", "histogram", "From the head to the last byte."),
      ...services.flatMap(([name, figures]) => histogramLines(labels, name, figures)),
      ...head("skein_task_requests_total", "counter", "HTTP requests by task."),
      ...tasks.map(([task, its]) => taskLine("requests_total", labels, task, its)),
      ...head("skein_task_errors_total", "counter", "Of those, answered 5xx."),
      ...tasks.map(([task, its]) => taskLine("errors_total", labels, task, its)),
      ...head("skein_task_open", "gauge", "Connections and requests under way from this node."),
      ...tasks.map(([task, its]) => taskLine("open", labels, task, { ...its, open: open(task) })),
    ];
    return `${lines.join("\n")}\n`;
  }

  #service(name: string): ServiceFigures {
    const key = this.#services.has(name) || this.#services.size < METERED_SERVICES_MAX;
    const kept = key ? name : OTHERS;
    let figures = this.#services.get(kept);
    if (figures === undefined) {
      const buckets = LATENCY_BUCKETS_MS.map(() => 0);
      figures = { classes: [0, 0, 0, 0, 0, 0], buckets, sumMs: 0, count: 0 };
      this.#services.set(kept, figures);
    }
    return figures;
  }

  #task(service: string, task: string): TaskFigures {
    const key = this.#tasks.has(task) || this.#tasks.size < METERED_TASKS_MAX ? task : OTHERS;
    let figures = this.#tasks.get(key);
    if (figures === undefined) {
      figures = { service, requests: 0, errors: 0, sumMs: 0 };
      this.#tasks.set(key, figures);
    }
    return figures;
  }
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function classLines(labels: string, service: string, figures: ServiceFigures): readonly string[] {
  return figures.classes.flatMap((count, digit) => {
    const its = `${labels},service="${service}",code="${digit}xx"`;
    return count === 0 ? [] : [`skein_requests_total{${its}} ${count}`];
  });
}

function histogramLines(
  labels: string,
  service: string,
  figures: ServiceFigures,
): readonly string[] {
  const its = `${labels},service="${service}"`;
  let cumulative = 0;
  const buckets = LATENCY_BUCKETS_MS.map((bound, at) => {
    cumulative += figures.buckets[at] ?? 0;
    return `skein_request_seconds_bucket{${its},le="${bound / 1000}"} ${cumulative}`;
  });
  return [
    ...buckets,
    `skein_request_seconds_bucket{${its},le="+Inf"} ${figures.count}`,
    `skein_request_seconds_sum{${its}} ${figures.sumMs / 1000}`,
    `skein_request_seconds_count{${its}} ${figures.count}`,
  ];
}

type TaskMetric = "requests_total" | "errors_total" | "open";

function taskLine(
  metric: TaskMetric,
  labels: string,
  task: string,
  figures: TaskFigures & { readonly open?: number },
): string {
  const counts = { requests_total: figures.requests, errors_total: figures.errors };
  const value = metric === "open" ? (figures.open ?? 0) : counts[metric];
  return `skein_task_${metric}{${labels},service="${figures.service}",task="${task}"} ${value}`;
}
