/** Waiting in tests of real processes: for a condition and with a limit, never for a time alone. */

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The first value that is neither undefined nor false; throws with what was seen last. */
export async function until<T>(
  limitMs: number,
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const since = performance.now();
  let last = "";
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() - since > limitMs) {
      throw new Error(`not within ${limitMs} ms: ${what}${last}`);
    }
    await pause(10);
  }
}

/** Milliseconds until `done` holds, looked at every 10 ms; throws after `limitMs`. */
export async function timeUntil(
  limitMs: number,
  what: string,
  done: () => Promise<boolean> | boolean,
): Promise<number> {
  const since = performance.now();
  await until(limitMs, what, done);
  return Math.round(performance.now() - since);
}
