/** Performs the effects of the data plane with real sockets: one of these lives in the thread. */
import { must, unreachable } from "@skein/common/assert";
import { Driver } from "@skein/common/host/driver";
import type { Clock } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Listener, Network } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { NodeConfig } from "@skein/common/model/node-config";
import { listenHost } from "@skein/common/model/node-config";
import type { MetricsRegistry } from "@skein/common/node/metrics";
import { dnsPort } from "../../dns/shell/port.ts";
import { Overlay } from "../../vip/shell/overlay.ts";
import type { DataPlaneEffect, DataPlaneInput } from "../dataplane.ts";
import { DataPlane } from "../dataplane.ts";
import type { FromDataPlane, ToDataPlane } from "../protocol.ts";
import type { AccessLogs } from "./access-logs.ts";
import { openAccessLogs } from "./access-logs.ts";
import type { Tcp } from "./conn.ts";
import { FiguresReporter } from "./figures.ts";
import { Ingress } from "./ingress.ts";
import { probe } from "./probe-socket.ts";
import { inspectListeners } from "./proc-sockets.ts";
import { StreamDialer } from "./stream-dialer.ts";
import { StreamServer } from "./stream-server.ts";

export interface DataPlaneOptions {
  readonly config: Pick<NodeConfig, "nodeId" | "address" | "listenAddress" | "dataPort">;
  readonly network: Network;
  readonly tcp: Tcp;
  /** Where access logs are written. */
  readonly accessDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  /** Absent: no overlay networks (names, virtual addresses). */
  readonly random?: Random;
  readonly post: (message: FromDataPlane) => void;
  /** Everything is closed. */
  readonly ended: () => void;
}

export interface DataPlaneHandle {
  handle(message: ToDataPlane): void;
}

/** Listens for streams and serves whatever `handle` is told; answers by `post`. */
export function createDataPlane(options: DataPlaneOptions): DataPlaneHandle {
  return new Plane(options);
}

class Plane implements DataPlaneHandle {
  readonly #options: DataPlaneOptions;
  readonly #driver: Driver<DataPlaneInput, DataPlaneEffect>;
  readonly #ingress: Ingress;
  readonly #accessLogs: AccessLogs;
  readonly #streams: StreamServer;
  readonly #dialer: StreamDialer;
  readonly #listener: Listener;
  readonly #figures: FiguresReporter;
  readonly #overlay: Overlay | undefined;
  #lastId = 0;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const { config, network, log, metrics, clock } = options;
    const shared = {
      nextId: (): number => {
        this.#lastId += 1;
        return this.#lastId;
      },
      submit: (input: DataPlaneInput): void => this.#driver.submit(input),
    };
    this.#dialer = new StreamDialer(network, clock, (nodeId, answers) =>
      this.#driver.submit({ kind: answers ? "node-answers" : "node-silent", nodeId }),
    );
    const { address } = config;
    const tcp = options.tcp;
    this.#accessLogs = openAccessLogs({ directory: options.accessDirectory, log, metrics });
    const files = { accessLogs: this.#accessLogs, log, metrics, clock };
    this.#ingress = new Ingress({ address, tcp, dialer: this.#dialer, ...files, ...shared });
    this.#streams = new StreamServer({ tcp, ...shared });
    this.#figures = new FiguresReporter(metrics);
    this.#driver = new Driver(
      new DataPlane(config.nodeId),
      { timing: () => "now", perform: (effect) => this.#perform(effect) },
      options.clock,
    );
    this.#overlay = this.#startOverlay();
    this.#listener = this.#listen();
  }

  #startOverlay(): Overlay | undefined {
    const { config, random, tcp, clock, log, metrics, post } = this.#options;
    if (random === undefined) return undefined;
    const { nodeId: self, address } = config;
    const shared = { dialer: this.#dialer, tcp, clock, random, log, metrics, post };
    return new Overlay({ self, address, dnsPort: dnsPort(), ...shared });
  }

  handle(message: ToDataPlane): void {
    if (message.kind === "scrape") this.#ingress.reportBytes();
    this.#overlay?.handle(message);
    this.#driver.submit(message);
  }

  #listen(): Listener {
    const { config, network, post } = this.#options;
    const address = `${listenHost(config)}:${config.dataPort}`;
    return network.listen(address, { "/stream": this.#streams.accept }, (error) => {
      if (error === undefined) post({ kind: "ready" });
      else post({ kind: "failed", error: `Cannot listen for streams on ${address}: ${error}` });
    });
  }

  #perform(effect: DataPlaneEffect): void {
    switch (effect.kind) {
      case "post":
        return this.#options.post(effect.message);
      case "open-port":
        return this.#ingress.open(effect.publishedPort);
      case "close-port":
        return this.#ingress.close(effect.publishedPort);
      case "adopt-socket":
        return this.#ingress.adopt(effect.publishedPort, effect.fd);
      case "drop-socket":
        return this.#ingress.drop(effect.fd);
      case "close-handed":
        return this.#ingress.closeHanded(effect.publishedPort);
      case "connect":
        return this.#ingress.connect(effect);
      case "abort":
        return this.#ingress.abort(effect.id, effect.attempt);
      case "pipe":
        return this.#ingress.pipe(effect.id, effect.attempt);
      case "reject":
        return this.#ingress.reject(effect);
      case "serve":
        this.#dialer.retain(effect.plan.nodes);
        return this.#ingress.serve(effect.plan);
      case "probe":
        return this.#probe(effect);
      case "inspect":
        return this.#inspect(effect);
      case "relay":
        return this.#streams.relay(effect.id, effect.address, effect.port);
      case "refuse-stream":
        return this.#streams.refuse(effect.id, effect.code, effect.reason);
      case "report":
        return this.#report(effect);
      case "shut":
        return this.#shut();
      default:
        return unreachable(effect);
    }
  }

  #probe(effect: Extract<DataPlaneEffect, { kind: "probe" }>): void {
    void probe(effect).then((result) => this.#driver.submit({ kind: "probed", ...result }));
  }

  #inspect(effect: Extract<DataPlaneEffect, { kind: "inspect" }>): void {
    const { taskId } = effect;
    inspectListeners(effect).then(
      (found) => this.#driver.submit({ kind: "inspected", taskId, found }),
      (error: unknown) => {
        this.#options.log.write("warn", "Cannot look at a task's sockets", { taskId, error });
        this.#driver.submit({ kind: "inspected", taskId, found: undefined });
      },
    );
  }

  #report(effect: Extract<DataPlaneEffect, { kind: "report" }>): void {
    this.#figures.report(effect.figures);
    const { openByTask } = effect.figures;
    const requests = this.#ingress.requestMetrics((task) => openByTask.get(task) ?? 0);
    const text = this.#options.metrics.text() + requests;
    this.#options.post({ kind: "metrics", id: effect.id, text });
  }

  #shut(): void {
    this.#driver.close();
    must(this.#listener, "the stream listener").close();
    this.#ingress.shut();
    this.#streams.shut();
    this.#dialer.shut();
    this.#overlay?.shut();
    this.#accessLogs.close();
    this.#options.ended();
  }
}
