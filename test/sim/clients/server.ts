/** What the clients of a simulation need of whoever serves them: registers behind a Raft log. */
import type { RequestId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import type { Outcome } from "@skein/manager/shell/outcome";
import type { Reading } from "../../linearizability/model.ts";
import type { SimClock } from "../sim-clock.ts";
import type { SimRandom } from "../sim-random.ts";

/** What a client decided to do; the answer makes it an action. */
export type Wish =
  | { readonly kind: "create"; readonly id: string; readonly value: string }
  | { readonly kind: "update"; readonly from: Reading; readonly value: string }
  | { readonly kind: "remove"; readonly id: string };

export interface Asked {
  readonly name: string;
  readonly wish: Wish;
  /** The same for every attempt at one wish: they have one effect. */
  readonly request: RequestId;
}

/** Where in the log it took effect. */
export interface Written {
  readonly index: number;
}

export type WriteDone = (result: Result<Written, Outcome>) => void;

/** One process that serves, seen from inside of it. */
export interface RegisterServer {
  write(asked: Asked, done: WriteDone): void;
  /** `done` true: `reading` holds every write acknowledged before this call. */
  linearize(done: (ok: boolean) => void): void;
  reading(name: string): Reading | undefined;
  /** The node that it takes for the leader's. */
  leader(): string | undefined;
}

/** A machine on which a server may run. */
export interface ClientNode {
  readonly name: string;
  /**
   * Runs `what` in the process after the delay, later if it is stopped, never if it dies before;
   * undefined: the process does not listen yet. False: there is no process.
   */
  serve(delayMs: number, what: (server: RegisterServer | undefined) => void): boolean;
}

export interface ClientWorld {
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly clientNodes: readonly ClientNode[];
  /** Runs until `done` holds; fails with `what` after `limitMs` of virtual time. */
  until(what: string, limitMs: number, done: () => boolean): void;
}
