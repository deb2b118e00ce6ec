/**
 * Reads JSON as Go's encoding/json does, with its error texts: people search the web for them, and
 * docker-py's users see them word for word.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

/** Go's own limit; beyond it both refuse. */
const DEPTH_MAX = 10_000;

export function parseGoJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail(describeSyntaxError(text));
  }
}

/**
 * Where Go's scanner would stop, and what it would say. Only called on text that does not parse.
 */
function describeSyntaxError(text: string): string {
  const scanner = new Scanner(text);
  return scanner.run() ?? "invalid JSON";
}

type Frame = "object" | "array";

/** A cursor over the text; every method answers with the error, or undefined to go on. */
class Scanner {
  readonly #text: string;
  #at = 0;
  readonly #open: Frame[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  run(): string | undefined {
    for (;;) {
      const error = this.#value();
      if (this.#open.length > DEPTH_MAX) return "exceeded max depth";
      if (error === "opened") continue;
      if (error !== undefined) return error;
      const closed = this.#afterValue();
      if (closed !== "next") return closed;
    }
  }

  /**
   * Scalars are read whole; "opened" after `{` and `[`, with the cursor before their first value.
   */
  #value(): string | undefined {
    const character = this.#peek();
    if (character === undefined) return END;
    if (character === "{") return this.#enterObject();
    if (character === "[") {
      this.#at += 1;
      this.#open.push("array");
      // An empty array has no value to read: it is closed by `#afterValue`.
      return this.#peek() === "]" ? undefined : "opened";
    }
    if (character === '"') return this.#string();
    if (character === "-" || isDigit(character)) return this.#number();
    const literal = LITERALS[character];
    if (literal !== undefined) return this.#literal(literal);
    return unexpected(character, "looking for beginning of value");
  }

  #enterObject(): string | undefined {
    this.#at += 1;
    this.#open.push("object");
    if (this.#peek() === "}") return undefined;
    return this.#key() ?? "opened";
  }

  #key(): string | undefined {
    const character = this.#peek();
    if (character === undefined) return END;
    if (character !== '"') {
      return unexpected(character, "looking for beginning of object key string");
    }
    const error = this.#string();
    if (error !== undefined) return error;
    const colon = this.#peek();
    if (colon === undefined) return END;
    if (colon !== ":") return unexpected(colon, "after object key");
    this.#at += 1;
    return undefined;
  }

  /**
   * Closes what ends here; "next" when another value follows, an error, or undefined at a clean
   * end.
   */
  #afterValue(): string | undefined {
    for (;;) {
      const frame = this.#open.at(-1);
      const character = this.#peek();
      if (frame === undefined) {
        return character === undefined ? undefined : unexpected(character, "after top-level value");
      }
      if (character === undefined) return END;
      if (character === (frame === "object" ? "}" : "]")) {
        this.#at += 1;
        this.#open.pop();
      } else if (character === ",") {
        this.#at += 1;
        return (frame === "object" ? this.#key() : undefined) ?? "next";
      } else {
        return unexpected(
          character,
          frame === "object" ? "after object key:value pair" : "after array element",
        );
      }
    }
  }

  #string(): string | undefined {
    for (this.#at += 1; ; this.#at += 1) {
      const character = this.#text[this.#at];
      if (character === undefined) return END;
      if (character === '"') {
        this.#at += 1;
        return undefined;
      }
      if (character < " ") return unexpected(character, "in string literal");
      if (character !== "\\") continue;
      this.#at += 1;
      const error = this.#escape();
      if (error !== undefined) return error;
    }
  }

  #escape(): string | undefined {
    const character = this.#text[this.#at];
    if (character === undefined) return END;
    if (character !== "u") {
      return '"\\/bfnrt'.includes(character)
        ? undefined
        : unexpected(character, "in string escape code");
    }
    for (let digits = 0; digits < 4; digits += 1) {
      this.#at += 1;
      const digit = this.#text[this.#at];
      if (digit === undefined) return END;
      if (!/[0-9a-fA-F]/.test(digit)) {
        return unexpected(digit, "in \\u hexadecimal character escape");
      }
    }
    return undefined;
  }

  #number(): string | undefined {
    if (this.#text[this.#at] === "-") this.#at += 1;
    if (this.#text[this.#at] === "0") this.#at += 1;
    else {
      const error = this.#digits("in numeric literal");
      if (error !== undefined) return error;
    }
    if (this.#text[this.#at] === ".") {
      this.#at += 1;
      const error = this.#digits("after decimal point in numeric literal");
      if (error !== undefined) return error;
    }
    if (!/[eE]/.test(this.#text[this.#at] ?? "")) return undefined;
    this.#at += 1;
    if (/[+-]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#digits("in exponent of numeric literal");
  }

  #digits(context: string): string | undefined {
    const first = this.#text[this.#at];
    if (first === undefined) return END;
    if (!isDigit(first)) return unexpected(first, context);
    while (isDigit(this.#text[this.#at] ?? "")) this.#at += 1;
    return undefined;
  }

  #literal(word: string): string | undefined {
    for (const [position, expected] of [...word].entries()) {
      const character = this.#text[this.#at + position];
      if (character === undefined) return END;
      if (character !== expected) {
        return unexpected(character, `in literal ${word} (expecting '${expected}')`);
      }
    }
    this.#at += word.length;
    return undefined;
  }

  #peek(): string | undefined {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
    return this.#text[this.#at];
  }
}

const END = "unexpected end of JSON input";
const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9" && character.length === 1;
}

function unexpected(character: string, context: string): string {
  const quoted = character === "'" ? "'\\''" : character === '"' ? "'\"'" : quote(character);
  return `invalid character ${quoted} ${context}`;
}

function quote(character: string): string {
  const escaped = JSON.stringify(character).slice(1, -1).replace("\\u00", "\\x");
  return `'${escaped}'`;
}
