/**
 * Proposals under way, by token. Each is answered once; an answer nobody waits for changes
 * nothing.
 */
import type { Command } from "../store/command.ts";
import type { Purpose, Turn } from "./protocol.ts";

export class Ledger {
  readonly #purposes = new Map<number, Purpose>();
  #next = 1;

  get size(): number {
    return this.#purposes.size;
  }

  propose(turn: Turn, command: Command, purpose: Purpose): void {
    const token = this.#next;
    this.#next += 1;
    this.#purposes.set(token, purpose);
    turn.emit({ kind: "propose", token, command });
  }

  take(token: number): Purpose | undefined {
    const purpose = this.#purposes.get(token);
    this.#purposes.delete(token);
    return purpose;
  }
}
