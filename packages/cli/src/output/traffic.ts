/**
 * What the nodes counted at two moments, as what happened in between: pure. Differences are taken
 * node by node, since each counts from its own start, and only then added up.
 */
import { at, listAt, numberAt, textAt } from "../api/read.ts";

export interface ServiceRates {
  readonly service: string;
  /** All a second; the bytes too. */
  readonly requests: number;
  readonly connections: number;
  readonly errors: number;
  readonly retries: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Upper bounds of the histogram, in milliseconds; undefined without requests. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

export interface TaskRates {
  readonly task: string;
  readonly service: string;
  readonly requests: number;
  readonly errors: number;
  /** Connections and requests under way now, from all nodes. */
  readonly open: number;
}

export interface TrafficRates {
  readonly services: readonly ServiceRates[];
  readonly tasks: readonly TaskRates[];
  /** "worker-1: it does not answer": what its port carried is not in the sums. */
  readonly missing: readonly string[];
}

const COUNTERS = ["requests", "connections", "errors", "retries", "bytesIn", "bytesOut"] as const;
type Counter = (typeof COUNTERS)[number];
type Counts = Record<Counter, number>;

interface Sum extends Counts {
  /** Requests by upper bound of their duration, cumulative. */
  readonly latency: Map<number, number>;
  /** HTTP answers, of which `latency` has those that took at most so long. */
  answers: number;
}

/** Both as `GET /skein/v1/traffic` gives them. */
export function trafficRates(before: unknown, after: unknown): TrafficRates {
  const seconds = Math.max(0.001, (numberAt(after, "wall") - numberAt(before, "wall")) / 1000);
  return trafficBetween(before, after, seconds);
}

/** Divided by so many seconds; by 1 it is what was counted in between. */
export function trafficBetween(before: unknown, after: unknown, seconds: number): TrafficRates {
  const sums = new Map<string, Sum>();
  const tasks = new Map<string, TaskRates>();
  const missing: string[] = [];
  for (const node of listAt(after, "nodes")) {
    if (at(node, "traffic") === undefined) {
      missing.push(`${textAt(node, "name")}: ${textAt(node, "error")}`);
      continue;
    }
    const former = listAt(before, "nodes").find((one) => textAt(one, "id") === textAt(node, "id"));
    // What a node counted before it was first seen was not now.
    const known = at(former, "traffic") === undefined ? node : former;
    for (const service of listAt(node, "traffic", "services")) addService(sums, known, service);
    for (const task of listAt(node, "traffic", "tasks")) addTask(tasks, known, task, seconds);
  }
  const services = [...sums].map(([service, sum]) => rated(service, sum, seconds));
  return { services, tasks: [...tasks.values()], missing };
}

function addService(sums: Map<string, Sum>, former: unknown, service: unknown): void {
  const name = textAt(service, "service");
  const before = byName(listAt(former, "traffic", "services"), "service", name);
  const sum = sums.get(name) ?? emptySum();
  sums.set(name, sum);
  const [now, then] = [countsOf(service), countsOf(before)];
  for (const counter of COUNTERS) sum[counter] += grown(now[counter], then[counter]);
  sum.answers += grown(answersOf(service), answersOf(before));
  for (const bucket of listAt(service, "latency")) {
    const bound = numberAt(bucket, "atMostMs");
    const count = grown(numberAt(bucket, "count"), bucketOf(before, bound));
    sum.latency.set(bound, (sum.latency.get(bound) ?? 0) + count);
  }
}

function addTask(
  tasks: Map<string, TaskRates>,
  former: unknown,
  task: unknown,
  seconds: number,
): void {
  const id = textAt(task, "task");
  const before = byName(listAt(former, "traffic", "tasks"), "task", id);
  const sum = tasks.get(id);
  const rate = (counter: "requests" | "errors"): number =>
    grown(numberAt(task, counter), numberAt(before, counter)) / seconds + (sum?.[counter] ?? 0);
  tasks.set(id, {
    task: id,
    service: textAt(task, "service"),
    requests: rate("requests"),
    errors: rate("errors"),
    open: numberAt(task, "open") + (sum?.open ?? 0),
  });
}

function emptySum(): Sum {
  const counts = { requests: 0, connections: 0, errors: 0, retries: 0, bytesIn: 0, bytesOut: 0 };
  return { ...counts, latency: new Map(), answers: 0 };
}

function countsOf(service: unknown): Counts {
  return {
    requests: numberAt(service, "requests"),
    connections: numberAt(service, "connections"),
    errors: numberAt(service, "codes", "5xx") + numberAt(service, "failures"),
    retries: numberAt(service, "retries"),
    bytesIn: numberAt(service, "bytesIn"),
    bytesOut: numberAt(service, "bytesOut"),
  };
}

function answersOf(service: unknown): number {
  const codes = at(service, "codes");
  return Object.keys(Object(codes)).reduce((sum, code) => sum + numberAt(codes, code), 0);
}

function bucketOf(service: unknown, bound: number): number {
  const buckets = listAt(service, "latency");
  const found = buckets.find((bucket) => numberAt(bucket, "atMostMs") === bound);
  return numberAt(found, "count");
}

function byName(list: readonly unknown[], key: string, name: string): unknown {
  return list.find((one) => textAt(one, key) === name);
}

/** A counter that is smaller than before began again at zero. */
function grown(now: number, before: number): number {
  return now >= before ? now - before : now;
}

function rated(service: string, sum: Sum, seconds: number): ServiceRates {
  const rate = (counter: Counter): number => sum[counter] / seconds;
  return {
    service,
    requests: rate("requests"),
    connections: rate("connections"),
    errors: rate("errors"),
    retries: rate("retries"),
    bytesIn: rate("bytesIn"),
    bytesOut: rate("bytesOut"),
    p50: quantile(sum, 0.5),
    p99: quantile(sum, 0.99),
  };
}

function quantile({ latency, answers }: Sum, share: number): number | undefined {
  if (answers === 0) return undefined;
  const bounds = [...latency].sort(([a], [b]) => a - b);
  const found = bounds.find(([, count]) => count >= answers * share);
  return found?.[0] ?? Number.POSITIVE_INFINITY;
}
