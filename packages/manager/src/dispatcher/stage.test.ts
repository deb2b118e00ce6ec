/** A dispatcher on a store under virtual time, and workers that answer: what its tests act on. */
import { assert } from "@skein/common/assert";
import { nodeId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import type { TaskStatus } from "@skein/common/model/task";
import type { Instant } from "@skein/common/time";
import { instant } from "@skein/common/time";
import type { Assignment, FromWorker, ToWorker } from "@skein/common/wire/dispatch-messages";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import type { Command } from "../store/command.ts";
import { describeEffect } from "./describe.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { createDispatcher } from "./dispatcher.ts";
import { checkDispatcherInvariants } from "./invariants.ts";
import type { DispatcherEffect, DispatcherInput } from "./protocol.ts";

export class Stage {
  readonly cluster: SmallCluster;
  now: Instant = instant(0);
  dispatcher: Dispatcher;
  /** False: proposals wait for `commit` and `fail`. */
  commitsAtOnce = true;
  /** True: `members` messages are printed too; most tests are about something else. */
  showsMembers = false;
  readonly open: { readonly token: number; readonly command: Command }[] = [];
  /** Called with every message a worker gets. */
  hear: (connection: number, message: ToWorker) => void = () => undefined;
  closed: (connection: number) => void = () => undefined;

  constructor(cluster = new SmallCluster()) {
    this.cluster = cluster;
    this.dispatcher = this.#create();
  }

  /** Another manager leads now: sessions and timers are gone, the store is not. */
  changeLeader(): void {
    this.open.length = 0;
    this.dispatcher = this.#create();
  }

  /** One step, and what it led to; the printed effects. */
  step(input: DispatcherInput | { readonly kind: "wake" }): readonly string[] {
    const effects = this.dispatcher.step(this.now, input);
    checkDispatcherInvariants(this.cluster.view, this.dispatcher.inspect());
    return effects.flatMap((effect) => {
      const isMembers = effect.kind === "send" && effect.message.kind === "members";
      const line = isMembers && !this.showsMembers ? [] : [describeEffect(effect)];
      return [...line, ...this.#perform(effect)];
    });
  }

  /** A change of the store by someone else. */
  change(act: (cluster: SmallCluster) => void): readonly string[] {
    this.cluster.changes = [];
    act(this.cluster);
    return this.step({ kind: "changed", changes: this.cluster.changes });
  }

  advance(milliseconds: number): readonly string[] {
    const end = instant(this.now + milliseconds);
    const lines: string[] = [];
    for (;;) {
      const at = this.dispatcher.wakeAt();
      if (at === undefined || at > end) break;
      assert(at >= this.now || lines.length < 1000, "wakes without end");
      this.now = instant(Math.max(this.now, at));
      lines.push(...this.step({ kind: "wake" }));
    }
    this.now = end;
    return lines;
  }

  connect(connection: number, name: string): readonly string[] {
    return this.step({ kind: "opened", connection, nodeId: nodeId(name), role: "worker" });
  }
  say(connection: number, message: FromWorker): readonly string[] {
    return this.step({ kind: "received", connection, message });
  }
  close(connection: number): readonly string[] {
    return this.step({ kind: "closed", connection });
  }
  /** Connects and says hello. */
  join(connection: number, name: string): readonly string[] {
    this.connect(connection, name);
    return this.say(connection, hello(name));
  }
  probed(name: string, outcome: "refused" | "answered" | "unknown"): readonly string[] {
    const id = nodeId(name);
    const session = this.cluster.view.nodes.get(id)?.status.session;
    const base = { kind: "probed", nodeId: id, outcome } as const;
    return this.step(session === undefined ? base : { ...base, session });
  }
  state(name: string): string {
    const { state, message } = this.cluster.node(name).status;
    return message === "" ? state : `${state}: ${message}`;
  }

  /** Answers the oldest open proposal. */
  commit(): readonly string[] {
    const proposal = this.open.shift();
    assert(proposal !== undefined, "nothing to commit");
    return this.#commit(proposal.token, proposal.command);
  }
  fail(): readonly string[] {
    const proposal = this.open.shift();
    assert(proposal !== undefined, "nothing to fail");
    return this.step({ kind: "committed", token: proposal.token, ok: false });
  }

  #create(): Dispatcher {
    const { view, newId } = this.cluster;
    return createDispatcher({ view, newId, now: this.now, managers: ["m1:2377"] });
  }

  #perform(effect: DispatcherEffect): readonly string[] {
    if (effect.kind === "send") this.hear(effect.connection, effect.message);
    if (effect.kind === "close") this.closed(effect.connection);
    if (effect.kind !== "propose") return [];
    if (this.commitsAtOnce) return this.#commit(effect.token, effect.command);
    this.open.push(effect);
    return [];
  }

  #commit(token: number, command: Command): readonly string[] {
    const lines = this.change((cluster) => cluster.apply(command));
    return [...lines, ...this.step({ kind: "committed", token, ok: true })];
  }
}

export function hello(name: string, tasks: Hello["tasks"] = []): Hello {
  const description = {
    hostname: name,
    architecture: "x86_64",
    os: "linux",
    nanoCpus: 4_000_000_000,
    memoryBytes: 8 * 1024 ** 3,
    engineVersion: "1",
    address: "127.0.1.1",
    controlAddress: `${name}:7946`,
    dataAddress: `${name}:4789`,
    hostKey: "host",
  };
  return { kind: "hello", version: 1, name, availability: "active", description, tasks };
}
type Hello = Extract<FromWorker, { readonly kind: "hello" }>;

export function status(state: TaskStatus["state"], more: Partial<TaskStatus> = {}): TaskStatus {
  return { state, at: 0, message: "", ...more };
}

/** Applies the streams as the protocol says, and nothing more: a gap is an error it keeps. */
export class WorkerModel {
  assignments = new Map<string, Assignment>();
  routes = new Map<string, ServiceRoute>();
  #assignmentsVersion = 0;
  #routesVersion = 0;
  gap: string | undefined;

  /** What it answers. */
  hear(message: ToWorker): FromWorker | undefined {
    if (message.kind === "assignments") {
      if (message.complete) this.assignments = new Map();
      else if (message.base !== this.#assignmentsVersion) this.gap = `assignments ${message.base}`;
      this.#assignmentsVersion = message.version;
      for (const one of message.put) this.assignments.set(one.taskId, one);
      for (const id of message.remove) this.assignments.delete(id);
      return { kind: "taken", version: message.version };
    }
    if (message.kind === "routes") {
      if (message.complete) this.routes = new Map();
      else if (message.base !== this.#routesVersion) this.gap = `routes ${message.base}`;
      this.#routesVersion = message.version;
      for (const one of message.put) this.routes.set(one.serviceId, one);
      for (const id of message.remove) this.routes.delete(id);
    }
    return undefined;
  }
}
