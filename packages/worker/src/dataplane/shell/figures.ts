/** Puts the machine's figures into the metrics registry, as what they grew by. */
import type { Metrics } from "@skein/common/io/metrics";
import type { DataPlaneFigures } from "../dataplane.ts";
import type { Meter, ServiceFigures } from "../service-meters.ts";
import { METERS } from "../service-meters.ts";

const NAMES: Readonly<Record<Meter, readonly [string, Readonly<Record<string, string>>?]>> = {
  connections: ["skein_ingress_connections_total"],
  requests: ["skein_ingress_requests_total"],
  retries: ["skein_ingress_retries_total"],
  failures: ["skein_ingress_failures_total"],
  rejected: ["skein_ingress_rejected_total"],
  bytesIn: ["skein_ingress_bytes_total", { direction: "in" }],
  bytesOut: ["skein_ingress_bytes_total", { direction: "out" }],
};

export const DATA_PLANE_HELP: Readonly<Record<string, string>> = {
  skein_ingress_connections_total: "Client connections of published ports.",
  skein_ingress_requests_total: "HTTP requests of published ports.",
  skein_ingress_retries_total:
    "Backends that did not take a connection, so that another was tried.",
  skein_ingress_failures_total: "Connections closed because no task in rotation answered in time.",
  skein_ingress_rejected_total: "Connections reset because the port has as many as it may.",
  skein_ingress_bytes_total: "Bytes from (in) and to (out) clients.",
  skein_ingress_ports: "Published ports this node listens on.",
  skein_ingress_open: "Client connections by state.",
  skein_ingress_ejected_tasks: "Tasks that are tried last because they failed lately.",
  skein_ingress_silent_nodes: "Nodes that do not answer, whose tasks are tried last of all.",
  skein_streams_relayed: "Streams of other nodes to tasks of this node.",
  skein_streams_refused_total: "Streams of other nodes that were refused.",
  skein_dns_queries_total: "Questions to this node's DNS server, by outcome.",
  skein_vip_ports: "Ports of virtual addresses this node listens on.",
  skein_tasks_local: "Tasks of this node the data plane knows, by rotation.",
};

export class FiguresReporter {
  readonly #metrics: Metrics;
  #former = new Map<string, ServiceFigures>();
  #refusedStreams = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  report(figures: DataPlaneFigures): void {
    const { gauge, count } = this.#metrics;
    gauge("skein_ingress_ports", figures.openPorts);
    for (const state of ["waiting", "connecting", "active"] as const) {
      gauge("skein_ingress_open", figures[state], { state });
    }
    gauge("skein_ingress_ejected_tasks", figures.ejectedTasks);
    gauge("skein_ingress_silent_nodes", figures.silentNodes);
    gauge("skein_streams_relayed", figures.relayed);
    count("skein_streams_refused_total", figures.refusedStreams - this.#refusedStreams);
    this.#refusedStreams = figures.refusedStreams;
    const inRotation = figures.localTasksInRotation;
    gauge("skein_tasks_local", inRotation, { rotation: "in" });
    gauge("skein_tasks_local", figures.localTasks - inRotation, { rotation: "out" });
    this.#services(figures.services);
  }

  #services(services: readonly ServiceFigures[]): void {
    for (const figures of services) {
      const former = this.#former.get(figures.service);
      for (const meter of METERS) {
        const [name, labels] = NAMES[meter];
        // A service that was removed and made again starts from zero.
        const before = former?.[meter] ?? 0;
        const grown = figures[meter] >= before ? figures[meter] - before : figures[meter];
        this.#metrics.count(name, grown, { service: figures.service, ...labels });
      }
    }
    this.#former = new Map(services.map((figures) => [figures.service, figures]));
  }
}
