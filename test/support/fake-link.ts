/**
 * A link from one receiver to another within this process. One that `breaks` delivers what is sent,
 * loses the first answer and ends: the request arrives and is answered, but the answer does not.
 */
import { clusterId, nodeId } from "@skein/common/ids";
import type { Link, LinkReceiver } from "@skein/common/io/network";

const ANSWER_LOST_MS = 50;

export class FakeLink {
  readonly #near: LinkReceiver;
  readonly #far: LinkReceiver;
  readonly #breaks: boolean;
  #state: "dialling" | "open" | "closed" = "dialling";

  constructor(near: LinkReceiver, far: LinkReceiver, breaks: boolean) {
    this.#near = near;
    this.#far = far;
    this.#breaks = breaks;
  }

  open(): void {
    if (this.#state !== "dialling") return;
    this.#state = "open";
    this.#far.opened(this.#end(this.#near));
    this.#near.opened(this.#end(this.#far));
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    setImmediate(() => {
      this.#near.closed({ kind: "closed", reason });
      this.#far.closed({ kind: "closed", reason });
    });
  }

  #end(to: LinkReceiver): Link {
    return {
      peer: { nodeId: nodeId("peer"), role: "manager", clusterId: clusterId("test") },
      remote: "127.0.0.1:1",
      send: (bytes) => {
        if (this.#state !== "open") return false;
        if (this.#breaks && to === this.#near) {
          setTimeout(() => this.close("connection reset"), ANSWER_LOST_MS);
        } else {
          setImmediate(() => this.#state === "open" && to.message(bytes));
        }
        return true;
      },
      queuedBytes: () => 0,
      close: (reason) => this.close(reason),
    };
  }
}
