/** A bug that is put into a copy of the sources on purpose, to see which check finds it. */

export interface PlantedBug {
  /** Completes "…: planted, caught by …". */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** What it would do to a user, or where it was found before. */
  readonly why: string;
  readonly hunt: Hunt;
}

export interface Edit {
  readonly file: string;
  /** Occurs exactly once; a bug that no longer fits its source is a failure. */
  readonly from: string;
  readonly to: string;
}

export type Hunt =
  /** Whole clusters, seeds 1 and up. */
  | { readonly kind: "simulator"; readonly seeds: number }
  /** Raft with its log, proposals and reads alone, seeds 1 and up. */
  | { readonly kind: "raft simulator"; readonly seeds: number }
  /** The Raft machine alone, in a storm of messages, crashes and pauses. */
  | { readonly kind: "storm"; readonly seeds: number }
  /** Mocha files: what no cluster shows, or only in a long time. */
  | { readonly kind: "tests"; readonly files: readonly string[] };

export type Catch =
  | { readonly kind: "caught"; readonly by: string; readonly message: string }
  | { readonly kind: "survived" }
  /** The hunt itself went wrong, or what failed is not a check: the bug does not even run. */
  | { readonly kind: "broken"; readonly message: string };

/** Errors of JavaScript itself: what was planted does not even run, and no check has spoken. */
const ACCIDENTS = ["SyntaxError", "ReferenceError", "TypeError", "RangeError"];

export function verdictOn(error: unknown, by: string): Catch {
  if (!(error instanceof Error)) return { kind: "broken", message: String(error) };
  const cause = rootOf(error);
  if (ACCIDENTS.includes(cause.name)) {
    return { kind: "broken", message: `${by}: ${cause.stack ?? cause.message}` };
  }
  return { kind: "caught", by, message: cause.message.split("\n")[0] ?? "" };
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
