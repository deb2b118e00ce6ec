/**
 * Which segments still hold something: for each, the last entry in it that no later segment
 * replaced. A head segment may go when the log is kept from behind that entry.
 */
import { must } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { logIndex } from "@skein/common/ids";
import type { LogRecord } from "./record.ts";
import { TYPE_ENTRY, TYPE_RESTART } from "./record.ts";

interface Kept {
  readonly sequence: number;
  /** 0: no entry of it counts any more. */
  lastIndex: number;
}

export class Retention {
  readonly #segments: Kept[] = [];

  /** Segments on disk that hold batches. */
  get count(): number {
    return this.#segments.length;
  }

  /** A batch is durable in the newest segment or in one that begins with it. */
  batchWritten(sequence: number, records: readonly LogRecord[]): void {
    if (this.#segments.at(-1)?.sequence !== sequence) this.segmentBegan(sequence);
    for (const record of records) {
      if (record.type === TYPE_ENTRY) this.appended(logIndex(record.index));
      else if (record.type === TYPE_RESTART) this.restarted();
    }
  }

  segmentBegan(sequence: number): void {
    this.#segments.push({ sequence, lastIndex: 0 });
  }

  appended(index: LogIndex): void {
    const current = must(this.#segments.at(-1), "the segment of an entry");
    for (let place = this.#segments.length - 2; place >= 0; place -= 1) {
      const earlier = this.#segments[place];
      if (earlier === undefined) break;
      if (earlier.lastIndex >= index) earlier.lastIndex = index - 1;
      // Last entries only grow: nothing before reaches higher.
      else if (earlier.lastIndex > 0) break;
    }
    current.lastIndex = index;
  }

  restarted(): void {
    for (const segment of this.#segments) segment.lastIndex = 0;
  }

  /** The oldest segment, if it may go; never the one in use. */
  droppable(keepFrom: LogIndex): number | undefined {
    const [head] = this.#segments;
    if (head === undefined || this.#segments.length < 2) return undefined;
    return head.lastIndex < keepFrom ? head.sequence : undefined;
  }

  dropped(sequence: number): void {
    const head = this.#segments.shift();
    must(head?.sequence === sequence ? head : undefined, `segment ${sequence} at the head`);
  }
}
