/**
 * The state machine of the Raft-only simulator: named registers with the rules of configs, and the
 * answers to requests, so that a repeated one has one effect. Its snapshot is all of it.
 */
import { logIndex } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Entry } from "@skein/manager/raft/protocol";
import type { Accepted, Refusal } from "@skein/manager/store/command";
import type { Reading } from "../../linearizability/model.ts";
import type { Asked, Wish } from "../clients/server.ts";

type Answer = Result<Accepted, Refusal>;

/** Far more than are asked again: a client repeats at once or never. */
const ANSWERS_KEPT = 300;

interface Content {
  readonly held: readonly (readonly [string, Reading])[];
  readonly answers: readonly (readonly [string, Answer])[];
  readonly digest: number;
}

export class Registers {
  #held = new Map<string, Reading>();
  #answers = new Map<string, Answer>();
  /** Of everything that was ever applied, in its order. */
  #digest = 0;

  get digest(): number {
    return this.#digest;
  }

  reading(name: string): Reading | undefined {
    return this.#held.get(name);
  }

  apply(entry: Entry): Answer {
    this.#fold(entry);
    // The text is ours: `encodeAsked` made it.
    const asked = JSON.parse(new TextDecoder().decode(entry.data)) as Asked;
    const known = this.#answers.get(asked.request);
    if (known !== undefined) return known;
    const answer = this.#write(asked.name, asked.wish, entry.index);
    this.#answers.set(asked.request, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > ANSWERS_KEPT && !oldest.done) this.#answers.delete(oldest.value);
    return answer;
  }

  snapshot(): Uint8Array {
    const content: Content = {
      held: [...this.#held],
      answers: [...this.#answers],
      digest: this.#digest,
    };
    return new TextEncoder().encode(JSON.stringify(content));
  }

  restore(bytes: Uint8Array): void {
    // The text is ours: `snapshot` made it.
    const content = JSON.parse(new TextDecoder().decode(bytes)) as Content;
    this.#held = new Map(content.held);
    this.#answers = new Map(content.answers);
    this.#digest = content.digest;
  }

  #write(name: string, wish: Wish, index: number): Answer {
    const held = this.#held.get(name);
    switch (wish.kind) {
      case "create":
        if (held !== undefined) return refused("config-name-taken");
        this.#held.set(name, { id: wish.id, value: wish.value, version: index });
        return DONE;
      case "update":
        if (held?.id !== wish.from.id) return refused("config-not-found");
        if (held.version !== wish.from.version) return refused("version-conflict");
        this.#held.set(name, { id: held.id, value: wish.value, version: index });
        return DONE;
      default:
        if (held?.id !== wish.id) return refused("config-not-found");
        this.#held.delete(name);
        return DONE;
    }
  }

  #fold({ index, term, data }: Entry): void {
    for (const value of [index, term, ...data]) {
      this.#digest = (Math.imul(this.#digest ^ value, 0x01000193) + 0x9e3779b9) >>> 0;
    }
  }
}

export function encodeAsked(asked: Asked): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(asked));
}

/** The beginning: nothing was applied. */
export const NOTHING_APPLIED = logIndex(0);

const DONE: Answer = ok({ warnings: [], skipped: [] });

function refused(code: "config-name-taken" | "config-not-found" | "version-conflict"): Answer {
  return fail({ code, message: code });
}
