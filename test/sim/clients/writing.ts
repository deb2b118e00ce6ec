/**
 * One write of a simulated client with all its attempts, which share one request id and so have one
 * effect. One who does not know how it ended asks again through another node; when it gives up, the
 * outcome stays unknown.
 */
import type { Result } from "@skein/common/result";
import type { Outcome } from "@skein/manager/shell/outcome";
import type { ConfigAction, WriteAnswer } from "../../linearizability/model.ts";
import type { SimClock } from "../sim-clock.ts";
import type { SimRandom } from "../sim-random.ts";
import type { ClientNode, Wish, Written } from "./server.ts";

const ATTEMPTS_MAX = 5;

/** `lost`: this attempt had no effect; `unknown`: it may have had, or may have later. */
type Answer = WriteAnswer | "lost";

export interface Attempted {
  readonly result: Result<Written, Outcome>;
  /** Whom the node took for the leader. */
  readonly leader: ClientNode | undefined;
}

export interface Ended {
  readonly action: Exclude<ConfigAction, { readonly kind: "read" }> | undefined;
  readonly answer: "acknowledged" | "refused" | "failed" | "unknown";
  /** Where it took effect, if it is certain. */
  readonly version: number | undefined;
}

export interface WritingOptions {
  readonly wish: Wish;
  readonly random: SimRandom;
  readonly clock: SimClock;
  attempt(node: ClientNode, answered: (said: Attempted) => void): void;
  anyNode(): ClientNode;
  repeated(): void;
  ended(how: Ended): void;
}

export class Writing {
  readonly #options: WritingOptions;
  #attempts = 0;
  #isUnknown = false;

  constructor(options: WritingOptions) {
    this.#options = options;
  }

  try(node: ClientNode): void {
    this.#attempts += 1;
    this.#options.attempt(node, ({ result, leader }) => {
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

  #again(leader: ClientNode | undefined): void {
    const { random, clock, anyNode, repeated } = this.#options;
    repeated();
    const next = leader ?? anyNode();
    clock.after(random.between(1, 100), () => this.try(next));
  }

  #answered(answer: Exclude<Answer, "lost" | "unknown">, result: Result<Written, Outcome>): void {
    const { wish, ended } = this.#options;
    // A repeated request is answered at another index than the one it took effect at.
    const version = result.ok && this.#attempts === 1 ? result.value.index : undefined;
    const how = answer === "done" ? "acknowledged" : "refused";
    ended({ action: actionOf(wish, answer, version), answer: how, version });
  }

  #givesUp(): void {
    const { wish, ended } = this.#options;
    // A write that had no effect for certain is left out of the history: a read that sees its value
    // has no explanation there.
    if (this.#isUnknown) {
      const action = actionOf(wish, "unknown", undefined);
      ended({ action, answer: "unknown", version: undefined });
    } else {
      ended({ action: undefined, answer: "failed", version: undefined });
    }
  }
}

function answerOf(result: Result<Written, Outcome>): Answer {
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
