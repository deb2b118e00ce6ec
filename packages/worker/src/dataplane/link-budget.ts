/**
 * What all streams of one link together may have under way. Credit per stream bounds what a slow
 * reader can pile up; this bounds what a slow network can, however many streams there are. The
 * other end says what has arrived, not what was read, so that a slow reader never holds up the
 * streams beside it.
 */
import { STREAM_LINK_WINDOW_BYTES } from "../limits.ts";

/** Told in sixteenths of the window: few frames, early enough. */
const CONFIRM_BYTES = STREAM_LINK_WINDOW_BYTES / 16;

export class LinkBudget {
  #underWay = 0;
  #arrived = 0;
  #full = false;

  /** Bytes were sent. True when the senders must stop now. */
  sent(bytes: number): boolean {
    this.#underWay += bytes;
    if (this.#full || this.#underWay < STREAM_LINK_WINDOW_BYTES) return false;
    this.#full = true;
    return true;
  }

  /** The other end has them. True when the senders may go on now. */
  got(bytes: number): boolean {
    this.#underWay = Math.max(0, this.#underWay - bytes);
    // Half, so that many streams are not stopped and started for every frame.
    if (!this.#full || this.#underWay > STREAM_LINK_WINDOW_BYTES / 2) return false;
    this.#full = false;
    return true;
  }

  /** Bytes arrived here. How many to tell the other end of, if it is time. */
  arrived(bytes: number): number | undefined {
    this.#arrived += bytes;
    if (this.#arrived < CONFIRM_BYTES) return undefined;
    const total = this.#arrived;
    this.#arrived = 0;
    return total;
  }

  full(): boolean {
    return this.#full;
  }
}
