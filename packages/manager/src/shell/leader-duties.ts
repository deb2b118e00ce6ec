/**
 * What only the leader does: runs the controllers on every change of the store, and the dispatcher.
 * Made when this manager became leader and applied its own term's first entry; dropped whole when
 * it is no longer. Nothing decided in one term is proposed in another.
 */
import { unreachable } from "@skein/common/assert";
import { Driver } from "@skein/common/host/driver";
import type { NodeId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Link, Network } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import { decode, encode } from "@skein/common/wire/codec";
import { fromWorkerSchema } from "@skein/common/wire/dispatch-messages";
import type { Dispatcher } from "../dispatcher/dispatcher.ts";
import { createDispatcher } from "../dispatcher/dispatcher.ts";
import type { DispatcherEffect, DispatcherInput } from "../dispatcher/protocol.ts";
import type { OpenSecret } from "../dispatcher/task-files.ts";
import { CONTROLLERS_PAUSE_MS, PROBE_PAUSE_MS, PROBE_QUICK_MS, PROBE_TRIES } from "../limits.ts";
import { controllers } from "../orchestrator/controllers.ts";
import type { Command } from "../store/command.ts";
import type { Change, ClusterView } from "../store/view.ts";
import type { ProposalDone } from "./proposals.ts";
import type { StoreClock } from "./store-clock.ts";

export interface LeaderDutiesOptions {
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly time: StoreClock;
  readonly random: Random;
  readonly network: Network;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly managers: readonly string[];
  readonly openSecret?: OpenSecret | undefined;
  propose(command: Command, done: ProposalDone): void;
}

export class LeaderDuties {
  readonly #options: LeaderDutiesOptions;
  readonly time: StoreClock;
  readonly #machine: Dispatcher;
  readonly #dispatcher: Driver<DispatcherInput, DispatcherEffect>;
  readonly #links = new Map<number, Link>();
  /** Controllers with a proposal under way: not run again before it is answered. */
  readonly #busy = new Set<string>();
  #nextConnection = 1;
  #timer: Timer | undefined;
  #again: Timer | undefined;
  #closed = false;

  constructor(options: LeaderDutiesOptions) {
    this.#options = options;
    const { clock, view, random, managers } = options;
    this.time = options.time;
    const newId = (): string => random.id();
    this.#machine = createDispatcher({
      ...{ view, newId, now: clock.now(), managers },
      ...(options.openSecret === undefined ? {} : { openSecret: options.openSecret }),
    });
    this.#dispatcher = new Driver(
      this.#machine,
      { timing: () => "now", perform: (effect) => this.#perform(effect) },
      clock,
    );
    this.#dispatcher.submit({ kind: "wake" });
    this.#schedule();
  }

  managersChanged(managers: readonly string[]): void {
    if (!this.#closed) this.#dispatcher.submit({ kind: "managers", managers });
  }

  /** The store changed. */
  changed(changes: readonly Change[]): void {
    if (this.#closed || changes.length === 0) return;
    this.#dispatcher.submit({ kind: "changed", changes });
    this.#schedule();
  }

  readonly accept: Accept = (peer) => {
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    const { nodeId, role } = peer;
    return {
      opened: (link) => {
        if (this.#closed) {
          link.close("no longer the leader");
          return;
        }
        this.#links.set(connection, link);
        this.#dispatcher.submit({ kind: "opened", connection, nodeId, role });
      },
      message: (bytes) => this.#received(connection, nodeId, bytes),
      closed: () => {
        this.#links.delete(connection);
        if (!this.#closed) this.#dispatcher.submit({ kind: "closed", connection });
      },
    };
  };

  depths(): { readonly sessions: number; readonly dispatcherInputs: number } {
    return {
      sessions: this.#links.size,
      dispatcherInputs: this.#dispatcher.depths().inputs,
    };
  }

  close(reason: string): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#again?.cancel();
    this.#dispatcher.close();
    for (const link of this.#links.values()) link.close(reason);
    this.#links.clear();
  }

  #received(connection: number, nodeId: NodeId, bytes: Uint8Array): void {
    if (this.#closed) return;
    const message = decode(fromWorkerSchema, bytes);
    if (message.ok) {
      this.#dispatcher.submit({ kind: "received", connection, message: message.value });
      return;
    }
    this.#options.metrics.count("skein_frames_refused_total", 1, { path: "/dispatch" });
    const reason = `message refused: ${message.error.reason}`;
    this.#options.log.write("warn", "dispatch message refused", { nodeId, reason });
    this.#links.get(connection)?.close(reason);
  }

  #perform(effect: DispatcherEffect): void {
    switch (effect.kind) {
      case "send":
        this.#links.get(effect.connection)?.send(encode(effect.message));
        return;
      case "close":
        this.#links.get(effect.connection)?.close(effect.reason);
        return;
      case "probe":
        this.#probe(effect);
        return;
      case "propose":
        this.#options.propose(effect.command, (result) => {
          if (this.#closed) return;
          this.#dispatcher.submit({ kind: "committed", token: effect.token, ok: result.ok });
        });
        return;
      default:
        unreachable(effect);
    }
  }

  #probe(effect: Extract<DispatcherEffect, { readonly kind: "probe" }>): void {
    const { nodeId, session, address } = effect;
    const tell = (outcome: "refused" | "answered" | "unknown"): void => {
      if (this.#closed) return;
      const base = { kind: "probed", nodeId, outcome } as const;
      this.#dispatcher.submit(session === undefined ? base : { ...base, session });
    };
    this.#dialOnce({ nodeId, address, triesLeft: PROBE_TRIES }, tell);
  }

  /**
   * A process that is being killed may still have its port open for a moment: a connection that
   * breaks off at once proves nothing yet, so it is tried again until it is refused or answered.
   */
  #dialOnce(
    probe: { readonly nodeId: NodeId; readonly address: string; readonly triesLeft: number },
    tell: (outcome: "refused" | "answered" | "unknown") => void,
  ): void {
    const { clock, network } = this.#options;
    const { nodeId, address } = probe;
    const triesLeft = probe.triesLeft - 1;
    const since = clock.now();
    let answered = false;
    network.dial(
      { address, path: "/ping", expect: nodeId },
      {
        opened: (link) => {
          answered = true;
          tell("answered");
          link.close("probe done");
        },
        message: () => undefined,
        closed: (end) => {
          if (answered) return;
          const quick = clock.now() - since < PROBE_QUICK_MS;
          if (end.kind === "refused") tell("refused");
          else if (!quick || triesLeft <= 0 || this.#closed) tell("unknown");
          else clock.after(PROBE_PAUSE_MS, () => this.#dialOnce({ ...probe, triesLeft }, tell));
        },
      },
    );
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.after(CONTROLLERS_PAUSE_MS, () => {
      this.#timer = undefined;
      this.#decide();
    });
  }

  #decide(): void {
    this.#again?.cancel();
    this.#again = undefined;
    const { view, random, metrics, clock } = this.#options;
    let nextMs: number | undefined;
    for (const { name, decide } of controllers) {
      if (this.#busy.has(name)) continue;
      const wall = clock.wall();
      const context = { view, now: this.time.now(), wall, newId: () => random.id() };
      const { commands, again } = decide(context);
      metrics.count("skein_controller_runs_total", 1, { controller: name });
      if (commands.length > 0) this.#submit(name, commands);
      if (again === undefined) continue;
      const waitMs = Math.max(1, this.time.instantOf(again) - clock.now());
      nextMs = nextMs === undefined ? waitMs : Math.min(nextMs, waitMs);
    }
    if (nextMs !== undefined) this.#again = clock.after(nextMs, () => this.#decide());
  }

  #submit(name: string, commands: readonly Command[]): void {
    const { metrics, log, propose } = this.#options;
    this.#busy.add(name);
    let open = commands.length;
    for (const command of commands) {
      metrics.count("skein_controller_commands_total", 1, { controller: name });
      propose(command, (result) => {
        open -= 1;
        if (this.#closed) return;
        if (!result.ok) {
          const reason = result.error.message;
          log.write("warn", "decision not stored", { controller: name, reason });
        }
        if (open > 0) return;
        this.#busy.delete(name);
        this.#schedule();
      });
    }
  }
}
