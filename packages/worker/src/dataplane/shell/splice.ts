/**
 * Joins two sockets: bytes both ways, half-close and reset carried, memory bounded by
 * back-pressure.
 */
import type { Socket } from "node:net";
import { SPLICE_QUEUE_BYTES_MAX } from "../../limits.ts";

export function splice(a: Socket, b: Socket): void {
  carry(a, b);
  carry(b, a);
}

function carry(from: Socket, to: Socket): void {
  from.on("data", (chunk: Buffer) => {
    to.write(chunk);
    // Not `write`'s own answer: its mark of 16 KiB would stop and start every single read.
    if (to.writableLength > SPLICE_QUEUE_BYTES_MAX) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
  from.on("error", () => to.resetAndDestroy());
  // Closed before its end was read: the other side must not take the half for the whole.
  from.on("close", () => {
    if (!from.readableEnded) to.resetAndDestroy();
  });
  from.resume();
}
