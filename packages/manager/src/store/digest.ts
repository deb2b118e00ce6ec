/**
 * One number for the whole replicated state: equal on replicas that applied the same commands,
 * however they got there (log, snapshot or both). It compares replicas and replays; it is no
 * protection against anyone who wants two states to look alike.
 *
 * Over canonical JSON, not msgpack: key order and number form are not part of a value.
 */
import { canonicalJson } from "@skein/common/wire/codec";
import type { Answered } from "./requests.ts";
import type { StoreView } from "./tables.ts";

/** 16 hexadecimal digits. */
export function digestOf(view: StoreView, requests: readonly Answered[]): string {
  const hash = new Hash();
  const { index, time, addressCursor, cluster } = view;
  hash.add("head", { index, time, addressCursor, cluster });
  for (const row of view.nodes.list()) hash.add("node", row);
  for (const row of view.services.list()) hash.add("service", row);
  for (const row of view.slots.list()) hash.add("slot", row);
  for (const row of view.tasks.list()) hash.add("task", row);
  for (const row of view.configs.list()) hash.add("config", row);
  for (const row of view.networks.list()) hash.add("network", row);
  for (const row of view.stacks.list()) hash.add("stack", row);
  for (const row of view.secrets.list()) hash.add("secret", row);
  for (const answered of requests) hash.add("request", answered);
  return hash.hex();
}

/** Two independent 32-bit lanes over UTF-16 units: FNV-1a, and a multiply-rotate mix. */
export class Hash {
  #fnv = 0x811c9dc5;
  #mix = 0x9e3779b9;

  /** `what` and the row are kept apart by a unit that canonical JSON never holds unescaped. */
  add(what: string, row: unknown): void {
    this.#text(`${what}\n${canonicalJson(row)}\n`);
  }

  /** Both as unsigned numbers. */
  lanes(): readonly [number, number] {
    return [this.#fnv >>> 0, this.#mix >>> 0];
  }

  hex(): string {
    return this.lanes()
      .map((lane) => lane.toString(16).padStart(8, "0"))
      .join("");
  }

  #text(text: string): void {
    let fnv = this.#fnv;
    let mix = this.#mix;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      fnv = Math.imul(fnv ^ unit, 0x01000193);
      mix = Math.imul(mix ^ unit, 0xcc9e2d51);
      mix = (mix << 15) | (mix >>> 17);
    }
    this.#fnv = fnv;
    this.#mix = mix;
  }
}
