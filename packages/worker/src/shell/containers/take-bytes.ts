/** The first bytes of a stream that goes on as something else. */
import type { Readable } from "node:stream";

/** Undefined when it ends before; what follows stays in the stream. */
export function takeBytes(stream: Readable, count: number): Promise<Buffer | undefined> {
  if (count === 0) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const finish = (value: Buffer | undefined): void => {
      stream.off("readable", look).off("end", ended).off("close", ended);
      resolve(value);
    };
    const ended = (): void => finish(undefined);
    const look = (): void => {
      for (;;) {
        const chunk: Buffer | null = stream.read();
        if (chunk === null) return;
        const rest = count - bytes;
        parts.push(chunk.subarray(0, rest));
        bytes += chunk.length;
        if (bytes < count) continue;
        finish(Buffer.concat(parts));
        if (chunk.length > rest) stream.unshift(chunk.subarray(rest));
        return;
      }
    };
    stream.on("readable", look).on("end", ended).on("close", ended);
    look();
  });
}
