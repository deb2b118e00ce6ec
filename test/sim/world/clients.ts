/**
 * Clients of a simulated cluster, several at a time: they use configs as registers, through any
 * manager that lives, the way the API does (a write goes to the leader that the manager names; a
 * read is linearized where it arrived and answered from that manager's view). What they were
 * answered, and when, is the history that must be linearizable, name by name.
 *
 * A client that does not know how a write ended asks again through another manager, with the same
 * request id; when it gives up, the outcome stays unknown. A write that was refused before it was
 * appended, or that is told as lost for certain, must never take effect: it is left out of the
 * history, where a read that sees its value has no explanation.
 */
import { assert } from "@skein/common/assert";
import type { RequestId } from "@skein/common/ids";
import { configId, requestId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import type { Manager } from "@skein/manager/shell/manager";
import type { Outcome } from "@skein/manager/shell/outcome";
import type { Committed } from "@skein/manager/shell/proposals";
import type { Command } from "@skein/manager/store/command";
import type { Operation } from "../../linearizability/checker.ts";
import type { ConfigAction, Reading, WriteAnswer } from "../../linearizability/model.ts";
import type { SimRandom } from "../sim-random.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

/** Long enough for every kind of mishap, short enough that the search for an order stays quick. */
const OPERATIONS_PER_NAME_MAX = 60;
/** Each unknown outcome doubles what the search may have to try. */
const UNKNOWN_PER_NAME_MAX = 6;
const NAMES_IN_USE = 2;
const ATTEMPTS_MAX = 5;

/** Every write ends in one of the next four ways. */
export interface ClientCounts {
  readonly writes: number;
  readonly acknowledged: number;
  /** By the store: the name is taken, the version is old, there is no such config. */
  readonly refused: number;
  /** Told, of every attempt, that it had no effect. */
  readonly failed: number;
  readonly unknown: number;
  /** Attempts with the request id of an earlier one. */
  readonly repeated: number;
  readonly reads: number;
}

/** What a client decided to do; the answer makes it an action. */
type Wish =
  | { readonly kind: "create"; readonly id: string; readonly value: string }
  | { readonly kind: "update"; readonly from: Reading; readonly value: string }
  | { readonly kind: "remove"; readonly id: string };

/** `lost`: this attempt had no effect; `unknown`: it may have had, or may have later. */
type Answer = WriteAnswer | "lost";

/** A name, what was done to it, and what clients believe of it. */
class Register {
  readonly name: string;
  readonly operations: Operation<ConfigAction>[] = [];
  believed: Reading | undefined;
  begun = 0;
  unknown = 0;

  constructor(name: string) {
    this.name = name;
  }

  isFull(): boolean {
    return this.begun >= OPERATIONS_PER_NAME_MAX || this.unknown >= UNKNOWN_PER_NAME_MAX;
  }
}

export class Clients {
  readonly #world: World;
  readonly #registers: Register[] = [];
  readonly #clients: readonly Client[];
  readonly counts = {
    writes: 0,
    acknowledged: 0,
    refused: 0,
    failed: 0,
    unknown: 0,
    repeated: 0,
    reads: 0,
  };
  stopped = false;

  constructor(world: World, count: number) {
    this.#world = world;
    this.#clients = Array.from({ length: count }, (_, at) => {
      return new Client(this, world, `client-${at + 1}`);
    });
    for (const client of this.#clients) client.think();
  }

  get world(): World {
    return this.#world;
  }

  /**
   * Ends the work and reads every name once more at every manager, so that no lost write stays
   * unseen.
   */
  finish(limitMs: number): void {
    this.stopped = true;
    this.#world.until("clients are done", limitMs, () => this.#clients.every((one) => one.isIdle));
    for (const node of this.#world.managers) {
      const reader = new Client(this, this.#world, `reader at ${node.name}`);
      for (const register of this.#registers) {
        reader.read(register, node);
        const isRead = this.#world.clock.runWhileNot(() => reader.isIdle, limitMs);
        assert(isRead, `${register.name}: no answer at ${node.name} within ${limitMs} ms`);
      }
    }
  }

  histories(): readonly {
    readonly name: string;
    readonly operations: Operation<ConfigAction>[];
  }[] {
    return this.#registers;
  }

  /** One of the names in use; a full one makes room for a new one. */
  pick(random: SimRandom): Register {
    const open = this.#registers.filter((register) => !register.isFull());
    while (open.length < NAMES_IN_USE) {
      const register = new Register(`register-${this.#registers.length + 1}`);
      this.#registers.push(register);
      open.push(register);
    }
    const at = random.below(open.length);
    return open[at] ?? new Register("none");
  }
}

class Client {
  readonly #clients: Clients;
  readonly #world: World;
  readonly #name: string;
  readonly #random: SimRandom;
  #count = 0;
  isIdle = true;

  constructor(clients: Clients, world: World, name: string) {
    this.#clients = clients;
    this.#world = world;
    this.#name = name;
    this.#random = world.random.fork(name);
  }

  think(): void {
    if (this.#clients.stopped) return;
    this.#world.clock.after(this.#random.between(10, 250), () => {
      if (this.#clients.stopped) return;
      const register = this.#clients.pick(this.#random);
      const wish = this.#choose(register);
      if (wish === undefined) this.read(register, this.#anyManager());
      else this.#write(register, wish);
    });
  }

  read(register: Register, node: SimNode): void {
    const calledAt = this.#begin(register);
    const ended = (found: { readonly reading: Reading | undefined } | undefined): void => {
      if (found !== undefined) {
        this.#clients.counts.reads += 1;
        register.believed = found.reading;
        this.#record(register, calledAt, { kind: "read", found: found.reading });
      }
      this.#end();
    };
    const nothing = { silent: undefined, refused: undefined };
    this.#call<{ readonly reading: Reading | undefined } | undefined>(
      { node, ended, ...nothing },
      (manager, answer) => {
        manager.linearize((result) => {
          answer(result.ok ? { reading: readingOf(manager, register.name) } : undefined);
        });
      },
    );
  }

  #write(register: Register, wish: Wish): void {
    this.#clients.counts.writes += 1;
    const command = commandOf(register.name, wish);
    const request = requestId(`${this.#name}-${this.#count}`);
    new Writing({
      clients: this.#clients,
      register,
      wish,
      calledAt: this.#begin(register),
      attempt: (node, answered) => this.#propose({ node, command, request }, answered),
      anyManager: () => this.#anyManager(),
      random: this.#random,
      record: (calledAt, action) => this.#record(register, calledAt, action),
      end: () => this.#end(),
    }).try(this.#anyManager());
  }

  #propose(
    { node, command, request }: { node: SimNode; command: Command; request: RequestId },
    answered: (result: Result<Committed, Outcome>, leader: SimNode | undefined) => void,
  ): void {
    const exchange = {
      node,
      ended: ({ result, leader }: Said) => answered(result, leader),
      silent: said({ code: "outcome-unknown", message: "no answer" }),
      refused: said({ code: "no-leader", message: "connection refused" }),
    };
    this.#call(exchange, (manager, answer) => {
      manager.propose(command, request, (result) => {
        const named = manager.status().leader?.nodeId;
        const leader = this.#world.managers.find((one) => one.config.nodeId === named);
        answer({ result, leader });
      });
    });
  }

  /** One exchange with a manager process, which may be dead, stopped, or die meanwhile. */
  #call<T>(
    { node, ended, silent, refused }: Exchange<T>,
    what: (manager: Manager, answer: (value: T) => void) => void,
  ): void {
    const { clock } = this.#world;
    const random = this.#random;
    const travelMs = (): number => random.between(50, 2000) / 1000;
    let isOpen = true;
    const close = (value: T): void => {
      if (!isOpen) return;
      isOpen = false;
      timer.cancel();
      ended(value);
    };
    // Some clients hang up long before a manager would give up.
    const patienceMs = random.once(3) ? random.between(20, 1500) : 8000;
    const timer = clock.after(patienceMs, () => close(silent));
    const answer = (value: T): unknown => clock.after(travelMs(), () => close(value));
    const isSent = node.toManager(travelMs(), (manager) => {
      if (manager === undefined) answer(refused);
      else what(manager, answer);
    });
    if (!isSent) answer(refused);
  }

  #choose(register: Register): Wish | undefined {
    const { believed } = register;
    const draw = this.#random.below(100);
    this.#count += 1;
    const value = `${this.#name}.${this.#count}`;
    const id = `config-${value}`;
    if (draw < 40) return undefined;
    if (believed === undefined) return { kind: "create", id, value };
    if (draw < 82) return { kind: "update", from: believed, value };
    if (draw < 92) return { kind: "remove", id: believed.id };
    return { kind: "create", id, value };
  }

  #anyManager(): SimNode {
    const { managers } = this.#world;
    const node = managers[this.#random.below(managers.length)];
    assert(node !== undefined, "a world without managers");
    return node;
  }

  #begin(register: Register): number {
    register.begun += 1;
    this.isIdle = false;
    return this.#world.clock.exactNow();
  }

  #end(): void {
    this.isIdle = true;
    this.think();
  }

  #record(register: Register, calledAt: number, action: ConfigAction): void {
    const isOpen = action.kind !== "read" && action.answer === "unknown";
    const returnedAt = isOpen ? Number.POSITIVE_INFINITY : this.#world.clock.exactNow();
    register.operations.push({ client: this.#name, calledAt, returnedAt, action });
  }
}

interface Said {
  readonly result: Result<Committed, Outcome>;
  readonly leader: SimNode | undefined;
}

interface Exchange<T> {
  readonly node: SimNode;
  readonly ended: (answer: T) => void;
  /** When nobody answers, and when nobody listens. */
  readonly silent: T;
  readonly refused: T;
}

function said(error: Outcome): Said {
  return { result: { ok: false, error }, leader: undefined };
}

interface WritingOptions {
  readonly clients: Clients;
  readonly register: Register;
  readonly wish: Wish;
  readonly calledAt: number;
  readonly random: SimRandom;
  attempt(
    node: SimNode,
    answered: (result: Result<Committed, Outcome>, leader: SimNode | undefined) => void,
  ): void;
  anyManager(): SimNode;
  record(calledAt: number, action: ConfigAction): void;
  end(): void;
}

/** One write with all its attempts, which share one request id and so have one effect. */
class Writing {
  readonly #options: WritingOptions;
  #attempts = 0;
  #isUnknown = false;

  constructor(options: WritingOptions) {
    this.#options = options;
  }

  try(node: SimNode): void {
    this.#attempts += 1;
    this.#options.attempt(node, (result, leader) => {
      const answer = answerOf(result);
      const isNamed = leader !== undefined && leader !== node;
      if (answer === "unknown") this.#isUnknown = true;
      if (answer !== "unknown" && answer !== "lost") this.#answered(answer, result);
      else if (this.#goesOn(answer, isNamed)) this.#again(isNamed ? leader : undefined);
      else this.#givesUp();
    });
  }

  /** One who is sent elsewhere goes there; one who is told that it failed may take it for that. */
  #goesOn(answer: "lost" | "unknown", isNamed: boolean): boolean {
    if (this.#attempts >= ATTEMPTS_MAX) return false;
    return (answer === "lost" && isNamed) || !this.#options.random.once(answer === "lost" ? 2 : 5);
  }

  #again(leader: SimNode | undefined): void {
    const { clients, random, anyManager } = this.#options;
    clients.counts.repeated += 1;
    const next = leader ?? anyManager();
    clients.world.clock.after(random.between(1, 100), () => this.try(next));
  }

  #answered(answer: Exclude<Answer, "lost" | "unknown">, result: Result<Committed, Outcome>): void {
    const { clients, register, wish, calledAt } = this.#options;
    if (answer === "done") clients.counts.acknowledged += 1;
    else clients.counts.refused += 1;
    // A repeated request is answered at another index than the one it took effect at.
    const version = result.ok && this.#attempts === 1 ? result.value.index : undefined;
    if (version !== undefined && wish.kind !== "remove") {
      const id = wish.kind === "create" ? wish.id : wish.from.id;
      register.believed = { id, value: wish.value, version };
    }
    this.#options.record(calledAt, actionOf(wish, answer, version));
    this.#options.end();
  }

  #givesUp(): void {
    const { clients, register, wish, calledAt } = this.#options;
    if (this.#isUnknown) {
      clients.counts.unknown += 1;
      register.unknown += 1;
      this.#options.record(calledAt, actionOf(wish, "unknown", undefined));
    } else {
      clients.counts.failed += 1;
    }
    this.#options.end();
  }
}

function commandOf(name: string, wish: Wish): Command {
  const spec = (value: string) => ({ name, labels: { value }, data: Uint8Array.of(1) });
  switch (wish.kind) {
    case "create":
      return { kind: "create-config", configId: configId(wish.id), spec: spec(wish.value) };
    case "update": {
      const { id, version } = wish.from;
      return { kind: "update-config", configId: configId(id), version, spec: spec(wish.value) };
    }
    default:
      return { kind: "remove-config", configId: configId(wish.id) };
  }
}

function readingOf(manager: Manager, name: string): Reading | undefined {
  const config = manager.view.configByName(name);
  if (config === undefined) return undefined;
  const { id, version, spec } = config;
  return { id, value: spec.labels["value"] ?? "", version };
}

function answerOf(result: Result<Committed, Outcome>): Answer {
  if (result.ok) return "done";
  const { code, message } = result.error;
  switch (code) {
    case "config-name-taken":
      return "name-taken";
    case "config-not-found":
      return "not-found";
    case "version-conflict":
      return code;
    case "outcome-unknown":
      return "unknown";
    case "not-leader":
    case "no-leader":
    case "no-quorum":
    case "overloaded":
    case "stopping":
      return "lost";
    default:
      throw new Error(`a client was answered ${code}: ${message}`);
  }
}

function actionOf(
  wish: Wish,
  answer: WriteAnswer,
  version: number | undefined,
): Exclude<ConfigAction, { readonly kind: "read" }> {
  if (wish.kind === "remove" || version === undefined) return { ...wish, answer };
  return { ...wish, answer, version };
}
