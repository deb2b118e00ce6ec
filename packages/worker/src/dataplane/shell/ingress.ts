/** Listening sockets of published ports, and the clients they take. Decides nothing. */
import { closeSync } from "node:fs";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import type { AccessRecord } from "../../ingress/access-log.ts";
import { combinedLine, jsonLine } from "../../ingress/access-log.ts";
import { RequestFigures } from "../../ingress/request-figures.ts";
import type { DataPlaneInput, ServingPlan } from "../dataplane.ts";
import type { AccessLogs } from "./access-logs.ts";
import type { Conn, ListenAt, Listening, Tcp } from "./conn.ts";
import { HttpClient } from "./http-client.ts";
import { HttpPool } from "./http-pool.ts";
import type { StreamDialer } from "./stream-dialer.ts";
import { TcpClient } from "./tcp-client.ts";
import type { Asking, Connect, Reject } from "./tries.ts";

export interface IngressPorts {
  /** The node's own address, on which every published port is served. */
  readonly address: string;
  readonly tcp: Tcp;
  readonly dialer: StreamDialer;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly accessLogs: AccessLogs;
  /** Ids shared with the stream server. */
  readonly nextId: () => number;
  readonly submit: (input: DataPlaneInput) => void;
}

const NOTHING = Buffer.alloc(0);
const TICK_MS = 1000;

/** One client's connection. */
export interface Client {
  /** Tells the bytes carried since the last time, for the figures. */
  reportBytes(): void;
  /** Once a second: what took too long is ended. */
  tick(now: number): void;
  shut(): void;
}

/** What a client needs of the ingress. */
export interface IngressContext extends Pick<IngressPorts, "address" | "tcp" | "dialer"> {
  readonly submit: (input: DataPlaneInput) => void;
  /** Gives who asks the machine an id; until `forget` it hears what is decided. */
  register(asking: Asking): number;
  forget(id: number): void;
  add(client: Client): void;
  remove(client: Client): void;
  options(service: string): IngressOptions;
  readonly pool: HttpPool;
  readonly now: () => number;
  /** A request has its answer. */
  finished(record: AccessRecord): void;
  /** What came was no request that could be passed on. */
  refused(status: number): void;
}

export class Ingress {
  readonly #ports: IngressPorts;
  readonly #context: IngressContext;
  readonly #own = new Map<number, Listening>();
  readonly #handed = new Map<number, Listening>();
  readonly #asking = new Map<number, Asking>();
  readonly #clients = new Set<Client>();
  readonly #pool: HttpPool;
  readonly #figures = new RequestFigures();
  #timer: Timer | undefined;
  #plan: ServingPlan = {
    ports: new Map(),
    services: new Map(),
    tasks: new Set(),
    nodes: new Set(),
  };

  constructor(ports: IngressPorts) {
    this.#ports = ports;
    this.#pool = new HttpPool(() => ports.clock.now());
    this.#tick();
    const { address, tcp, dialer, submit, nextId } = ports;
    this.#context = {
      address,
      tcp,
      dialer,
      submit,
      register: (asking) => {
        const id = nextId();
        this.#asking.set(id, asking);
        return id;
      },
      forget: (id) => void this.#asking.delete(id),
      add: (client) => void this.#clients.add(client),
      remove: (client) => void this.#clients.delete(client),
      options: (service) => this.#plan.services.get(service) ?? DEFAULT_INGRESS,
      pool: this.#pool,
      now: () => ports.clock.now(),
      finished: (record) => this.#finished(record),
      refused: (status) => {
        ports.metrics.count("skein_ingress_bad_requests_total", 1, { status: String(status) });
      },
    };
  }

  serve(plan: ServingPlan): void {
    this.#plan = plan;
    this.#pool.retain(plan.tasks);
    this.#figures.retain(plan.services, plan.tasks);
  }

  /** Figures of requests, as metrics. */
  requestMetrics(open: (task: string) => number): string {
    return this.#figures.text('process="dataplane"', open);
  }

  open(publishedPort: number): void {
    const { address: host, submit } = this.#ports;
    let listening: Listening | undefined;
    const current = (): boolean => this.#own.get(publishedPort) === listening;
    listening = this.#listen({ host, port: publishedPort }, publishedPort, {
      listening: () => {
        if (current()) submit({ kind: "port-opened", publishedPort });
      },
      failed: (error) => {
        if (!current()) return;
        this.#own.delete(publishedPort);
        listening?.close();
        submit({ kind: "port-failed", publishedPort, error });
      },
    });
    this.#own.set(publishedPort, listening);
  }

  close(publishedPort: number): void {
    this.#own.get(publishedPort)?.close();
    this.#own.delete(publishedPort);
  }

  /** Serves a listening socket that the launcher bound; it is ours from here on. */
  adopt(publishedPort: number, fd: number): void {
    const listening = this.#listen({ fd }, publishedPort, {
      listening: () => undefined,
      failed: (error) => {
        this.#ports.log.write("warn", "Cannot serve the handed socket", { publishedPort, error });
      },
    });
    this.#handed.set(publishedPort, listening);
  }

  closeHanded(publishedPort: number): void {
    this.#handed.get(publishedPort)?.close();
    this.#handed.delete(publishedPort);
  }

  drop(fd: number): void {
    try {
      closeSync(fd);
    } catch (error) {
      this.#ports.log.write("warn", "Cannot close a handed socket", { fd, error });
    }
  }

  connect(connect: Connect): void {
    this.#asking.get(connect.id)?.connect(connect);
  }

  abort(id: number, attempt: number): void {
    this.#asking.get(id)?.abort(attempt);
  }

  pipe(id: number, attempt: number): void {
    this.#asking.get(id)?.pipe(attempt);
  }

  reject(reject: Reject): void {
    this.#asking.get(reject.id)?.reject(reject);
  }

  /** Reports the bytes of connections that are still open, for the figures. */
  reportBytes(): void {
    for (const client of this.#clients) client.reportBytes();
  }

  shut(): void {
    for (const listening of [...this.#own.values(), ...this.#handed.values()]) listening.close();
    this.#own.clear();
    this.#handed.clear();
    for (const client of [...this.#clients]) client.shut();
    this.#timer?.cancel();
    this.#pool.shut();
  }

  #tick(): void {
    const { clock } = this.#ports;
    this.#timer = clock.after(TICK_MS, () => {
      const now = clock.now();
      for (const client of this.#clients) client.tick(now);
      this.#pool.sweep();
      this.#tick();
    });
  }

  #finished(record: AccessRecord): void {
    const { service, task, status, durationMs } = record;
    this.#figures.finished({ service, task, status, durationMs });
    const format = (this.#plan.services.get(service) ?? DEFAULT_INGRESS).accessLog;
    if (format === "off" || service === "") return;
    this.#ports.accessLogs.write(
      service,
      format === "json" ? jsonLine(record) : combinedLine(record),
    );
  }

  #listen(
    at: ListenAt,
    publishedPort: number,
    told: { readonly listening: () => void; readonly failed: (error: string) => void },
  ): Listening {
    const accepted = (conn: Conn): void => this.#accepted(publishedPort, conn);
    return this.#ports.tcp.listen(at, { ...told, accepted });
  }

  #accepted(publishedPort: number, conn: Conn): void {
    const protocol = this.#plan.ports.get(publishedPort) ?? "tcp";
    if (protocol === "http") new HttpClient(this.#context, conn, publishedPort).start(NOTHING);
    else new TcpClient(this.#context, conn, { port: publishedPort, sniffs: protocol === "auto" });
  }
}
