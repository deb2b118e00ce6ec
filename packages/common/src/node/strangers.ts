/**
 * Connections that have not shown a certificate and said what they want: few, and none for long.
 * When there are too many, the one that had its fair time gives way, so that a crowd of silent
 * connections does not lock out who has something to say.
 */
import type { Socket } from "node:net";
import { HANDSHAKE_FAIR_MS, HANDSHAKES_MAX } from "../limits.ts";

interface Stranger {
  readonly socket: Socket;
  readonly since: number;
}

export class Strangers {
  /** By remote address and port, the oldest first. */
  readonly #all = new Map<string, Stranger>();

  /** What had to be closed for it: itself, an older one, or nothing. */
  admit(remote: string, socket: Socket, now: number): "newest" | "oldest" | undefined {
    const gone = this.#all.size < HANDSHAKES_MAX ? undefined : this.#makeRoom(now);
    if (gone === "newest") {
      socket.destroy();
      return gone;
    }
    this.#all.set(remote, { socket, since: now });
    socket.once("close", () => {
      if (this.#all.get(remote)?.socket === socket) this.#all.delete(remote);
    });
    return gone;
  }

  /** It is a link now. */
  settled(remote: string): void {
    this.#all.delete(remote);
  }

  destroy(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }

  #makeRoom(now: number): "newest" | "oldest" {
    const [oldest] = this.#all;
    if (oldest === undefined || now - oldest[1].since < HANDSHAKE_FAIR_MS) return "newest";
    this.#all.delete(oldest[0]);
    oldest[1].socket.destroy();
    return "oldest";
  }
}
