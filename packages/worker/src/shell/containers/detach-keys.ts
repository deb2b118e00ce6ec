/**
 * The keys by which a client leaves a terminal without ending what runs there: "ctrl-p,ctrl-q"
 * unless told otherwise. Pure: bytes in, bytes out.
 */

const DEFAULT = "ctrl-p,ctrl-q";

/** Undefined: not a list of keys as Docker writes them. */
export function parseDetachKeys(text: string): readonly number[] | undefined {
  const keys = (text === "" ? DEFAULT : text).split(",").map(keyCode);
  const known = keys.filter((key) => key !== undefined);
  return known.length === keys.length ? known : undefined;
}

function keyCode(key: string): number | undefined {
  if (key.length === 1) return key.charCodeAt(0);
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  return control === undefined ? undefined : control.toUpperCase().charCodeAt(0) - 64;
}

/** Holds back a beginning of the sequence until it is clear whether the rest follows. */
export class DetachScanner {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What goes on to the program, and whether the sequence was completed. */
  take(chunk: Buffer): { readonly pass: Buffer; readonly detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) {
          return { pass: Buffer.from(pass), detached: true };
        }
        continue;
      }
      pass.push(...this.#keys.slice(0, this.#matched));
      // The key that broke the sequence may begin it anew.
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}
