/**
 * What a node's published ports carried, per service and per task, read out of the node's metrics:
 * one source for Prometheus and for `skein service top`. Counters grow while the worker runs.
 */
export interface ServiceTraffic {
  readonly service: string;
  readonly connections: number;
  readonly requests: number;
  /** Backends that did not take a connection or a request, so that another was tried. */
  readonly retries: number;
  /** Closed or answered 503 because no task in rotation answered in time. */
  readonly failures: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** HTTP answers by class of status: "2xx", "5xx". */
  readonly codes: Readonly<Record<string, number>>;
  /** HTTP answers that took at most so long, in milliseconds; cumulative, ascending. */
  readonly latency: readonly { readonly atMostMs: number; readonly count: number }[];
}

export interface TaskTraffic {
  readonly task: string;
  readonly service: string;
  readonly requests: number;
  /** Of those, answered 5xx. */
  readonly errors: number;
  /** Connections and requests under way. */
  readonly open: number;
}

export interface Traffic {
  readonly services: readonly ServiceTraffic[];
  readonly tasks: readonly TaskTraffic[];
}

const LATENCY = "skein_request_seconds";
type Labels = ReadonlyMap<string, string>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };
type ServiceDraft = Writable<Omit<ServiceTraffic, "codes" | "latency">> & {
  readonly codes: Record<string, number>;
  readonly latency: { atMostMs: number; count: number }[];
};
type TaskDraft = Writable<TaskTraffic>;

type ServiceCounter = "connections" | "requests" | "retries" | "failures";
const SERVICE_COUNTERS: Readonly<Record<string, ServiceCounter>> = {
  skein_ingress_connections_total: "connections",
  skein_ingress_requests_total: "requests",
  skein_ingress_retries_total: "retries",
  skein_ingress_failures_total: "failures",
};
const TASK_FIGURES: Readonly<Record<string, "requests" | "errors" | "open">> = {
  skein_task_requests_total: "requests",
  skein_task_errors_total: "errors",
  skein_task_open: "open",
};

/** Lines that say nothing of published ports are passed over. */
export function readTraffic(metricsText: string): Traffic {
  const services = new Map<string, ServiceDraft>();
  const tasks = new Map<string, TaskDraft>();
  for (const line of metricsText.split("\n")) {
    const sample = readSample(line);
    const service = sample?.labels.get("service");
    if (sample === undefined || service === undefined) continue;
    addToService(services, service, sample);
    const [task, figure] = [sample.labels.get("task"), TASK_FIGURES[sample.name]];
    if (task === undefined || figure === undefined) continue;
    const its = tasks.get(task) ?? { task, service, requests: 0, errors: 0, open: 0 };
    its[figure] = sample.value;
    tasks.set(task, its);
  }
  return { services: [...services.values()], tasks: [...tasks.values()] };
}

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

const SAMPLE = /^([a-z_]+)\{([^}]*)\} ([\d.e+-]+)$/;

function readSample(line: string): Sample | undefined {
  const [, name, inner, text] = SAMPLE.exec(line) ?? [];
  const value = Number(text);
  if (name === undefined || inner === undefined || !Number.isFinite(value)) return undefined;
  const pairs = inner.matchAll(/([a-z_]+)="([^"]*)"/g);
  return { name, labels: new Map([...pairs].map(([, key = "", its = ""]) => [key, its])), value };
}

function addToService(services: Map<string, ServiceDraft>, service: string, sample: Sample): void {
  const { name, labels, value } = sample;
  const draft = services.get(service) ?? emptyService(service);
  const counter = SERVICE_COUNTERS[name];
  if (counter !== undefined) draft[counter] = value;
  else if (name === "skein_ingress_bytes_total") {
    draft[labels.get("direction") === "in" ? "bytesIn" : "bytesOut"] = value;
  } else if (name === "skein_requests_total") draft.codes[labels.get("code") ?? ""] = value;
  else if (name === `${LATENCY}_bucket`) {
    const seconds = Number(labels.get("le"));
    // "+Inf" is the count of all, which the classes of status give as well.
    if (Number.isFinite(seconds)) draft.latency.push({ atMostMs: seconds * 1000, count: value });
  } else return;
  services.set(service, draft);
}

function emptyService(service: string): ServiceDraft {
  const counters = { connections: 0, requests: 0, retries: 0, failures: 0 };
  return { service, ...counters, bytesIn: 0, bytesOut: 0, codes: {}, latency: [] };
}
