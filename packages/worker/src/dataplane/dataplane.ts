/**
 * The data plane of one node, as a machine: what the agent says, what sockets report and what time
 * brings go in; what to open, connect, probe and tell comes out. The thread (`shell/`) and the
 * simulator perform the effects (docs/design/data-plane.md).
 *
 * Parts: balancer.ts (whose turn), connections.ts (clients), published-ports.ts (listening
 * sockets), probe.ts (rotation). Each keeps invariants of its own.
 */
import { must, unreachable } from "@skein/common/assert";
import type { Machine, Wake } from "@skein/common/host/machine";
import type { NodeId, TaskId } from "@skein/common/ids";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import { earliest } from "@skein/common/time";
import { RELAYED_STREAMS_MAX } from "../limits.ts";
import type { PortRoute } from "./balancer.ts";
import { Balancer } from "./balancer.ts";
import type { ConnectionEffect, ConnectTarget } from "./connection-effect.ts";
import type { Asked } from "./connections.ts";
import { Connections } from "./connections.ts";
import type { Found } from "./listeners.ts";
import type { ProbeEffect, ProbeResult } from "./probe.ts";
import { Prober } from "./probe.ts";
import type { ToDataPlane } from "./protocol.ts";
import type { PortEffect } from "./published-ports.ts";
import { PublishedPorts } from "./published-ports.ts";
import type { ServiceFigures } from "./service-meters.ts";
import { ServiceMeters } from "./service-meters.ts";
import type { StreamRefusal } from "./stream-frame.ts";

export type DataPlaneInput =
  | ToDataPlane
  | { readonly kind: "port-opened"; readonly publishedPort: number }
  | { readonly kind: "port-failed"; readonly publishedPort: number; readonly error: string }
  /** A client connected to a published port, or sent a request on such a connection. */
  | ({ readonly kind: "asked" } & Asked)
  | { readonly kind: "connected"; readonly id: number; readonly attempt: number }
  | { readonly kind: "connect-failed"; readonly id: number; readonly attempt: number }
  | { readonly kind: "closed"; readonly id: number }
  /** The backend broke before the client had a byte of it, and the request may be repeated. */
  | { readonly kind: "lost"; readonly id: number }
  /** A node this one has a link to: does it answer? */
  | { readonly kind: "node-silent"; readonly nodeId: NodeId }
  | { readonly kind: "node-answers"; readonly nodeId: NodeId }
  /** Bytes carried since the last such input, for the figures. */
  | {
      readonly kind: "carried";
      readonly service: string;
      readonly bytesIn: number;
      readonly bytesOut: number;
    }
  | ({ readonly kind: "probed" } & ProbeResult)
  | { readonly kind: "inspected"; readonly taskId: TaskId; readonly found: Found }
  /** Another node asks for a stream to a task of this one. */
  | {
      readonly kind: "stream";
      readonly id: number;
      readonly taskId: TaskId;
      readonly port: number;
    }
  | { readonly kind: "stream-closed"; readonly id: number };

export type DataPlaneEffect =
  | PortEffect
  | ConnectionEffect
  | ProbeEffect
  /** Connect to the task and tell the other node `accepted`, or `unreachable`. */
  | {
      readonly kind: "relay";
      readonly id: number;
      readonly address: string;
      readonly port: number;
    }
  | {
      readonly kind: "refuse-stream";
      readonly id: number;
      readonly code: StreamRefusal;
      readonly reason: string;
    }
  /** How ports and services are to be served; sent with every table. */
  | { readonly kind: "serve"; readonly plan: ServingPlan }
  | { readonly kind: "report"; readonly id: number; readonly figures: DataPlaneFigures }
  | { readonly kind: "shut" };

export interface ServingPlan {
  /** Whether a port's clients are asked for a request: `auto` where they may send one. */
  readonly ports: ReadonlyMap<number, IngressOptions["protocol"]>;
  readonly services: ReadonlyMap<string, IngressOptions>;
  /** Tasks in rotation: a connection kept to any other is of no use. */
  readonly tasks: ReadonlySet<TaskId>;
  /** Nodes that have such tasks. */
  readonly nodes: ReadonlySet<NodeId>;
}

/** What `report` says; counters only ever grow while their service exists. */
export interface DataPlaneFigures {
  readonly services: readonly ServiceFigures[];
  /** Connections and requests of this node under way at each task. */
  readonly openByTask: ReadonlyMap<string, number>;
  readonly openPorts: number;
  readonly waiting: number;
  readonly connecting: number;
  readonly active: number;
  readonly relayed: number;
  readonly refusedStreams: number;
  readonly ejectedTasks: number;
  readonly silentNodes: number;
  readonly localTasks: number;
  readonly localTasksInRotation: number;
}

export class DataPlane implements Machine<DataPlaneInput, DataPlaneEffect> {
  readonly #self: NodeId;
  readonly #balancer: Balancer;
  readonly #meters = new ServiceMeters();
  readonly #ports = new PublishedPorts();
  readonly #prober = new Prober();
  readonly #connections: Connections;
  /** Streams of other nodes to tasks of this node. */
  readonly #relayed = new Set<number>();
  #refusedStreams = 0;

  constructor(self: NodeId) {
    this.#self = self;
    this.#balancer = new Balancer(self);
    this.#connections = new Connections(this.#balancer, this.#meters, (backend, port) =>
      this.#resolve(backend, port),
    );
  }

  step(now: Instant, input: DataPlaneInput | Wake): readonly DataPlaneEffect[] {
    switch (input.kind) {
      case "routes":
        return this.#routes(now, input.routes);
      case "task":
        return this.#prober.put(now, input.task);
      case "task-gone":
        return this.#prober.remove(input.taskId);
      case "handed-port":
        return this.#ports.handed(input.publishedPort, input.fd);
      case "port-opened":
        return this.#ports.opened(input.publishedPort);
      case "port-failed":
        return this.#ports.failed(now, input.publishedPort, input.error);
      case "asked":
        return this.#connections.asked(now, input);
      case "connected":
        return this.#connections.connected(now, input.id, input.attempt);
      case "connect-failed":
        return this.#connectFailed(now, input.id, input.attempt);
      case "closed":
        return this.#connections.closed(input.id);
      case "lost":
        return this.#lost(now, input.id);
      case "node-silent":
        this.#balancer.nodeSilent(input.nodeId);
        return [];
      case "node-answers":
        this.#balancer.nodeAnswers(input.nodeId);
        return [];
      case "carried":
        return this.#carried(input);
      case "probed":
        return this.#prober.probed(now, input);
      case "inspected":
        return this.#prober.inspected(now, input.taskId, input.found);
      case "stream":
        return this.#stream(input);
      case "stream-closed":
        this.#relayed.delete(input.id);
        return [];
      case "wake":
        return this.#wake(now);
      case "scrape":
        return [{ kind: "report", id: input.id, figures: this.#figures(now) }];
      case "close":
        return [{ kind: "shut" }];
      default:
        return unreachable(input);
    }
  }

  wakeAt(): Instant | undefined {
    const part = earliest(this.#connections.wakeAt(), this.#prober.wakeAt());
    return earliest(part, this.#ports.wakeAt());
  }

  #routes(now: Instant, routes: readonly ServiceRoute[]): readonly DataPlaneEffect[] {
    const published = this.#balancer.replace(routes, now);
    this.#meters.retain(new Set(routes.map((route) => route.name)));
    const plan = planOf(this.#balancer.routes());
    return [
      { kind: "serve", plan },
      ...this.#ports.reconcile(published),
      ...this.#connections.tableChanged(now),
    ];
  }

  #wake(now: Instant): readonly DataPlaneEffect[] {
    const connections = this.#connections.wake(now);
    return [...connections, ...this.#prober.wake(now), ...this.#ports.wake(now)];
  }

  #connectFailed(now: Instant, id: number, attempt: number): readonly DataPlaneEffect[] {
    const task = this.#connections.trying(id, attempt);
    const effects = this.#connections.connectFailed(now, id, attempt);
    return task === undefined ? effects : [...effects, ...this.#prober.suspect(now, task)];
  }

  #lost(now: Instant, id: number): readonly DataPlaneEffect[] {
    const task = this.#connections.serving(id);
    const effects = this.#connections.lost(now, id);
    return task === undefined ? effects : [...effects, ...this.#prober.suspect(now, task)];
  }

  /**
   * A task of this node is reached straight; its own agent knows first that it drains or is gone.
   */
  #resolve(backend: Backend, port: number): ConnectTarget | { readonly kind: "none" } {
    const { taskId, nodeId, dataAddress } = backend;
    if (nodeId !== this.#self) return { kind: "remote", dataAddress, nodeId, taskId, port };
    const task = this.#prober.get(taskId);
    if (task === undefined || task.draining) return { kind: "none" };
    return { kind: "local", address: task.hostAddress, port };
  }

  #stream(asked: {
    readonly id: number;
    readonly taskId: TaskId;
    readonly port: number;
  }): readonly DataPlaneEffect[] {
    const { id } = asked;
    const refusal = this.#refusal(asked);
    if (refusal !== undefined) {
      this.#refusedStreams += 1;
      return [{ kind: "refuse-stream", id, ...refusal }];
    }
    this.#relayed.add(id);
    const task = must(this.#prober.get(asked.taskId), "the task of an admitted stream");
    return [{ kind: "relay", id, address: task.hostAddress, port: asked.port }];
  }

  #refusal(asked: {
    readonly taskId: TaskId;
    readonly port: number;
  }): { readonly code: StreamRefusal; readonly reason: string } | undefined {
    const task = this.#prober.get(asked.taskId);
    if (task === undefined) return { code: "unknown-task", reason: "no such task on this node" };
    // A virtual address carries every port, of those who are on a network.
    if (task.networks === undefined && !task.targetPorts.includes(asked.port)) {
      return { code: "unreachable", reason: `${task.name} does not publish port ${asked.port}` };
    }
    if (task.draining) return { code: "draining", reason: `${task.name} is about to stop` };
    if (this.#relayed.size < RELAYED_STREAMS_MAX) return undefined;
    return { code: "busy", reason: `${RELAYED_STREAMS_MAX} streams are open` };
  }

  #carried(input: {
    readonly service: string;
    readonly bytesIn: number;
    readonly bytesOut: number;
  }): readonly DataPlaneEffect[] {
    this.#meters.add(input.service, "bytesIn", input.bytesIn);
    this.#meters.add(input.service, "bytesOut", input.bytesOut);
    return [];
  }

  #figures(now: Instant): DataPlaneFigures {
    const { tasks, inRotation } = this.#prober.counts();
    const { ejected, silentNodes } = this.#balancer.counts(now);
    return {
      services: this.#meters.list(),
      openByTask: this.#balancer.loads(),
      openPorts: this.#ports.openCount(),
      ...this.#connections.counts(),
      relayed: this.#relayed.size,
      refusedStreams: this.#refusedStreams,
      ejectedTasks: ejected,
      silentNodes,
      localTasks: tasks,
      localTasksInRotation: inRotation,
    };
  }
}

function planOf(routes: Iterable<PortRoute>): ServingPlan {
  const ports = new Map<number, IngressOptions["protocol"]>();
  const services = new Map<string, IngressOptions>();
  const [tasks, nodes] = [new Set<TaskId>(), new Set<NodeId>()];
  for (const { port, serviceName, options, backends } of routes) {
    ports.set(port, options.protocol);
    services.set(serviceName, options);
    for (const { taskId, nodeId } of backends) {
      tasks.add(taskId);
      nodes.add(nodeId);
    }
  }
  return { ports, services, tasks, nodes };
}
