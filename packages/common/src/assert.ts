/**
 * Assertions: on in production. A failed one is a bug of ours, never the fault of a peer, a user or
 * a disk: what comes from outside is decoded into a `Result` instead.
 */

/**
 * A broken invariant. Raft, WAL and store stop the process on it; other code contains and counts
 * it.
 */
export class BugError extends Error {
  override readonly name = "BugError";
}

/** Throws `BugError` when `condition` is false. The message holds the numbers. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BugError(message);
}

/** Returns `value`, which is known to be present. `what` completes "… is missing". */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new BugError(`${what} is missing`);
  return value;
}

/** Marks the end of a `switch` over every kind; the compiler proves it is never reached. */
export function unreachable(value: never): never {
  throw new BugError(`unreachable: ${JSON.stringify(value)}`);
}
