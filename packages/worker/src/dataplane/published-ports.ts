/**
 * Keeps the open listening sockets equal to the published ports of the serving table.
 *
 * Invariants:
 *   L1. A port is opened at most once at a time, and closed only if it was asked to open.
 *   L2. A port that cannot be opened is tried again every 2 s for as long as it is published; the
 *       reason is told once, and again only when it changes or after the port was served in
 *       between.
 *   L3. Every handed socket is adopted or dropped: none is kept that nobody serves.
 */
import type { Instant } from "@skein/common/time";
import { earliest, later } from "@skein/common/time";
import { LISTEN_RETRY_MS } from "../limits.ts";
import type { FromDataPlane } from "./protocol.ts";

export type PortEffect =
  | { readonly kind: "open-port"; readonly publishedPort: number }
  /** Closes the node's own socket of the port, whether it is open or still opening. */
  | { readonly kind: "close-port"; readonly publishedPort: number }
  | { readonly kind: "adopt-socket"; readonly publishedPort: number; readonly fd: number }
  | { readonly kind: "drop-socket"; readonly fd: number }
  /** Stops accepting on a handed socket and closes it. */
  | { readonly kind: "close-handed"; readonly publishedPort: number }
  | { readonly kind: "post"; readonly message: FromDataPlane };

type PortState =
  | { readonly kind: "opening"; readonly told: string | undefined }
  | { readonly kind: "open" }
  | { readonly kind: "failed"; readonly told: string; readonly retryAt: Instant };

export class PublishedPorts {
  readonly #ports = new Map<number, PortState>();
  readonly #handed = new Set<number>();
  #retryAt: Instant | undefined;

  /** Opens what is published and not open, closes what is no longer published. */
  reconcile(published: readonly number[]): readonly PortEffect[] {
    const wanted = new Set(published);
    const effects: PortEffect[] = [];
    for (const port of this.#sorted()) {
      if (!wanted.has(port)) effects.push(...this.#close(port));
    }
    for (const port of published) {
      if (this.#ports.has(port)) continue;
      this.#ports.set(port, { kind: "opening", told: undefined });
      effects.push({ kind: "open-port", publishedPort: port });
    }
    this.#schedule();
    return effects;
  }

  handed(port: number, fd: number): readonly PortEffect[] {
    if (!this.#ports.has(port)) return [{ kind: "drop-socket", fd }]; // L3
    const effects: PortEffect[] = this.#handed.has(port)
      ? [{ kind: "close-handed", publishedPort: port }]
      : [];
    this.#handed.add(port);
    effects.push({ kind: "adopt-socket", publishedPort: port, fd });
    return effects;
  }

  opened(port: number): readonly PortEffect[] {
    if (this.#ports.get(port)?.kind !== "opening") return [];
    this.#ports.set(port, { kind: "open" });
    return [{ kind: "post", message: { kind: "listening", publishedPort: port } }];
  }

  /** The socket could not be opened, or broke while it was open. */
  failed(now: Instant, port: number, error: string): readonly PortEffect[] {
    const state = this.#ports.get(port);
    if (state === undefined || state.kind === "failed") return [];
    this.#ports.set(port, { kind: "failed", told: error, retryAt: later(now, LISTEN_RETRY_MS) });
    const told = state.kind === "opening" ? state.told : undefined;
    const effects: PortEffect[] = [];
    if (state.kind === "open") effects.push(unlistened(port));
    if (told !== error) {
      const message: FromDataPlane = { kind: "listen-failed", publishedPort: port, error };
      effects.push({ kind: "post", message }); // L2
    }
    this.#schedule();
    return effects;
  }

  wake(now: Instant): readonly PortEffect[] {
    const effects: PortEffect[] = [];
    for (const port of this.#sorted()) {
      const state = this.#ports.get(port);
      if (state?.kind !== "failed" || now < state.retryAt) continue;
      this.#ports.set(port, { kind: "opening", told: state.told });
      effects.push({ kind: "open-port", publishedPort: port });
    }
    this.#schedule();
    return effects;
  }

  wakeAt(): Instant | undefined {
    return this.#retryAt;
  }

  openCount(): number {
    let count = 0;
    for (const state of this.#ports.values()) if (state.kind === "open") count += 1;
    return count;
  }

  #sorted(): readonly number[] {
    return [...this.#ports.keys()].toSorted((a, b) => a - b);
  }

  /** The wake-up time is asked for after every connection, so it is kept and not searched. */
  #schedule(): void {
    this.#retryAt = undefined;
    for (const state of this.#ports.values()) {
      if (state.kind === "failed") this.#retryAt = earliest(this.#retryAt, state.retryAt);
    }
  }

  #close(port: number): readonly PortEffect[] {
    const state = this.#ports.get(port);
    this.#ports.delete(port);
    const effects: PortEffect[] = [];
    if (state?.kind !== "failed") effects.push({ kind: "close-port", publishedPort: port });
    if (this.#handed.delete(port)) effects.push({ kind: "close-handed", publishedPort: port });
    if (state?.kind === "open") effects.push(unlistened(port));
    return effects;
  }
}

function unlistened(port: number): PortEffect {
  return { kind: "post", message: { kind: "unlistened", publishedPort: port } };
}
