/**
 * Clients of a simulated cluster, several at a time: they use named registers, through any node
 * that lives, the way the API does (a write goes to the leader that the node names; a read is
 * linearized where it arrived and answered from that node's state). What they were answered, and
 * when, is the history that must be linearizable, name by name.
 *
 * A write that was refused before it was appended, or that is told as lost for certain, must never
 * take effect (writing.ts).
 */
import { assert } from "@skein/common/assert";
import { requestId } from "@skein/common/ids";
import type { Outcome } from "@skein/manager/shell/outcome";
import type { Operation } from "../../linearizability/checker.ts";
import type { ConfigAction, Reading } from "../../linearizability/model.ts";
import type { SimRandom } from "../sim-random.ts";
import type { Asked, ClientNode, ClientWorld, RegisterServer, Wish } from "./server.ts";
import type { Attempted, Ended } from "./writing.ts";
import { Writing } from "./writing.ts";

/** Long enough for every kind of mishap, short enough that the search for an order stays quick. */
const OPERATIONS_PER_NAME_MAX = 60;
/** Each unknown outcome doubles what the search may have to try. */
const UNKNOWN_PER_NAME_MAX = 6;
const NAMES_IN_USE = 2;
const PATIENCE_MS = 8000;

/** Every write ends in one of the next four ways. */
export interface ClientCounts {
  readonly writes: number;
  readonly acknowledged: number;
  /** By the store: the name is taken, the version is old, there is no such register. */
  readonly refused: number;
  /** Told, of every attempt, that it had no effect. */
  readonly failed: number;
  readonly unknown: number;
  /** Attempts with the request id of an earlier one. */
  readonly repeated: number;
  readonly reads: number;
}

export interface History {
  readonly name: string;
  readonly operations: readonly Operation<ConfigAction>[];
}

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
  readonly world: ClientWorld;
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

  constructor(world: ClientWorld, count: number) {
    this.world = world;
    this.#clients = Array.from({ length: count }, (_, at) => new Client(this, `client-${at + 1}`));
    for (const client of this.#clients) client.think();
  }

  /** Whose answer is known, or known to be unknown. */
  get operations(): number {
    return this.counts.writes + this.counts.reads;
  }

  /**
   * Ends the work and reads every name once more at every node, so that no lost write stays unseen.
   */
  finish(limitMs: number): void {
    this.stopped = true;
    this.world.until("clients are done", limitMs, () => this.#clients.every((one) => one.isIdle));
    for (const node of this.world.clientNodes) {
      const reader = new Client(this, `reader at ${node.name}`);
      for (const register of this.#registers) {
        reader.read(register, node);
        const isRead = this.world.clock.runWhileNot(() => reader.isIdle, limitMs);
        assert(isRead, `${register.name}: no answer at ${node.name} within ${limitMs} ms`);
      }
    }
  }

  histories(): readonly History[] {
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
  readonly #world: ClientWorld;
  readonly #name: string;
  readonly #random: SimRandom;
  #count = 0;
  isIdle = true;

  constructor(clients: Clients, name: string) {
    this.#clients = clients;
    this.#world = clients.world;
    this.#name = name;
    this.#random = this.#world.random.fork(name);
  }

  think(): void {
    if (this.#clients.stopped) return;
    this.#world.clock.after(this.#random.between(10, 250), () => {
      if (this.#clients.stopped) return;
      const register = this.#clients.pick(this.#random);
      const wish = this.#choose(register);
      if (wish === undefined) this.read(register, this.#anyNode());
      else this.#write(register, wish);
    });
  }

  read(register: Register, node: ClientNode): void {
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
      (server, answer) => {
        server.linearize((isFresh) => {
          answer(isFresh ? { reading: server.reading(register.name) } : undefined);
        });
      },
    );
  }

  #write(register: Register, wish: Wish): void {
    const { counts } = this.#clients;
    counts.writes += 1;
    const request = requestId(`${this.#name}-${this.#count}`);
    const calledAt = this.#begin(register);
    const asked = { name: register.name, wish, request };
    new Writing({
      wish,
      random: this.#random,
      clock: this.#world.clock,
      attempt: (node, answered) => this.#attempt(node, asked, answered),
      anyNode: () => this.#anyNode(),
      repeated: () => (counts.repeated += 1),
      ended: (how) => this.#written(register, { wish, calledAt, how }),
    }).try(this.#anyNode());
  }

  #written(
    register: Register,
    {
      wish,
      calledAt,
      how,
    }: { readonly wish: Wish; readonly calledAt: number; readonly how: Ended },
  ): void {
    this.#clients.counts[how.answer] += 1;
    if (how.answer === "unknown") register.unknown += 1;
    if (how.version !== undefined && wish.kind !== "remove") {
      const id = wish.kind === "create" ? wish.id : wish.from.id;
      register.believed = { id, value: wish.value, version: how.version };
    }
    if (how.action !== undefined) this.#record(register, calledAt, how.action);
    this.#end();
  }

  #attempt(node: ClientNode, asked: Asked, answered: (said: Attempted) => void): void {
    const exchange = {
      node,
      ended: answered,
      silent: said({ code: "outcome-unknown", message: "no answer" }),
      refused: said({ code: "no-leader", message: "connection refused" }),
    };
    this.#call<Attempted>(exchange, (server, answer) => {
      server.write(asked, (result) => {
        const named = server.leader();
        const leader = this.#world.clientNodes.find((one) => one.name === named);
        answer({ result, leader });
      });
    });
  }

  /** One exchange with a process, which may be dead, stopped, or die meanwhile. */
  #call<T>(
    { node, ended, silent, refused }: Exchange<T>,
    what: (server: RegisterServer, answer: (value: T) => void) => void,
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
    const patienceMs = random.once(3) ? random.between(20, 1500) : PATIENCE_MS;
    const timer = clock.after(patienceMs, () => close(silent));
    const answer = (value: T): unknown => clock.after(travelMs(), () => close(value));
    const isSent = node.serve(travelMs(), (server) => {
      if (server === undefined) answer(refused);
      else what(server, answer);
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

  #anyNode(): ClientNode {
    const { clientNodes } = this.#world;
    const node = clientNodes[this.#random.below(clientNodes.length)];
    assert(node !== undefined, "a world without nodes");
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

interface Exchange<T> {
  readonly node: ClientNode;
  readonly ended: (answer: T) => void;
  /** When nobody answers, and when nobody listens. */
  readonly silent: T;
  readonly refused: T;
}

function said(error: Outcome): Attempted {
  return { result: { ok: false, error }, leader: undefined };
}
