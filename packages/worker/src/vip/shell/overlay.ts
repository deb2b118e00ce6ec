/**
 * Overlay networks on the loopback plane: names, virtual addresses, and what it takes to know
 * which ports they carry. Lives in the data plane's thread, beside ingress.
 */
import type { NetworkId, NodeId, TaskId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Random } from "@skein/common/io/random";
import type { ServiceRoute } from "@skein/common/model/routes";
import { loopbackAddress } from "../../agent/address.ts";
import type { FromDataPlane, LocalTask, ToDataPlane } from "../../dataplane/protocol.ts";
import type { Tcp } from "../../dataplane/shell/conn.ts";
import type { StreamDialer } from "../../dataplane/shell/stream-dialer.ts";
import type { Answer, Query } from "../../dns/message.ts";
import type { Realise } from "../../dns/name-table.ts";
import { NameTable } from "../../dns/name-table.ts";
import { resolve } from "../../dns/resolve.ts";
import { Forwarder, systemUpstreams } from "../../dns/shell/forwarder.ts";
import { DnsServer } from "../../dns/shell/server.ts";
import { VipTable } from "../vip-table.ts";
import { ListenWatch } from "./listen-watch.ts";
import { VipServer } from "./vip-server.ts";

export interface OverlayOptions {
  readonly self: NodeId;
  /** The node's own address, and the port DNS is answered on. */
  readonly address: string;
  readonly dnsPort: number;
  readonly tcp: Tcp;
  readonly dialer: StreamDialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly post: (message: FromDataPlane) => void;
}

/** 10.x.y.z as this machine has it: a task at its own address, whatever the network. */
const LOOPBACK: Realise = {
  vip: realised,
  task: ({ address }) => realised(address),
};

export class Overlay {
  readonly #options: OverlayOptions;
  readonly #tasks = new Map<TaskId, LocalTask>();
  /** Address of a task of this node -> the networks it is on. */
  readonly #askers = new Map<string, readonly NetworkId[]>();
  readonly #vips = new VipTable(realised);
  readonly #server: VipServer;
  readonly #watch: ListenWatch;
  readonly #dns: DnsServer;
  #names = new NameTable([], LOOPBACK);
  #turn = 0;

  constructor(options: OverlayOptions) {
    this.#options = options;
    const { clock, address, dnsPort: port, random, log, metrics, post } = options;
    this.#server = new VipServer({
      ...options,
      next: (key, tried) => this.#vips.next(key, tried),
      local: (taskId) => this.#localAddress(taskId),
    });
    this.#watch = new ListenWatch(clock, (taskId, ports) =>
      post({ kind: "listens", taskId, ports }),
    );
    this.#dns = new DnsServer({
      address,
      port,
      answer: (query, source) => this.#answer(query, source),
      forwarder: new Forwarder(systemUpstreams(address), random),
      log,
      count: (outcome) => metrics.count("skein_dns_queries_total", 1, { outcome }),
    });
  }

  handle(message: ToDataPlane): void {
    if (message.kind === "routes") this.#routes(message.routes);
    else if (message.kind === "task") this.#task(message.task);
    else if (message.kind === "task-gone") this.#gone(message.taskId);
    else if (message.kind === "scrape") {
      this.#options.metrics.gauge("skein_vip_ports", this.#server.count());
    }
  }

  shut(): void {
    this.#dns.close();
    this.#watch.close();
    this.#server.shut();
  }

  #routes(routes: readonly ServiceRoute[]): void {
    this.#names = new NameTable(routes, LOOPBACK);
    this.#server.reconcile(this.#vips.replace(routes));
  }

  #task(task: LocalTask): void {
    this.#tasks.set(task.taskId, task);
    this.#askers.set(task.hostAddress, task.networks ?? []);
    if (task.networks !== undefined) this.#watch.put(task.taskId, task.hostAddress);
  }

  #gone(taskId: TaskId): void {
    const task = this.#tasks.get(taskId);
    this.#tasks.delete(taskId);
    this.#watch.remove(taskId);
    if (task !== undefined) this.#askers.delete(task.hostAddress);
  }

  #localAddress(taskId: TaskId): string | undefined {
    const task = this.#tasks.get(taskId);
    return task === undefined || task.draining ? undefined : task.hostAddress;
  }

  #answer({ question }: Query, source: string): Answer | undefined {
    this.#turn += 1;
    const asker = { networks: this.#askers.get(source), turn: this.#turn };
    return resolve(this.#names, asker, question);
  }
}

/** The store gives no other addresses on this plane; one that were would be shown as it is. */
function realised(address: string): string {
  const found = loopbackAddress(address);
  return found.ok ? found.value : address;
}
