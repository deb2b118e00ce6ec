/**
 * The worker process of a node owns its identity files and renews them; the manager process beside
 * it, or a thread, takes them over when they change.
 */
import type { Stats } from "node:fs";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@skein/common/io/log";
import type { NodeIdentity } from "@skein/common/node/identity";
import { readIdentity } from "@skein/common/node/identity";
import { IDENTITY_LOOK_MS } from "../../limits.ts";

export interface IdentityWatchOptions {
  readonly directory: string;
  readonly log: Log;
  readonly changed: (identity: NodeIdentity) => void;
}

export class IdentityWatch {
  readonly #options: IdentityWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #seen: string;

  constructor(options: IdentityWatchOptions) {
    this.#options = options;
    this.#seen = this.#stamp();
    this.#timer = setInterval(() => this.#look(), IDENTITY_LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const stamp = this.#stamp();
    if (stamp === this.#seen) return;
    const { directory, log, changed } = this.#options;
    const identity = readIdentity(directory);
    // Half-written: it fits in a moment, and is looked at again then.
    if (!identity.ok) return;
    this.#seen = stamp;
    log.write("info", "identity renewed", {
      until: new Date(identity.value.notAfter).toISOString(),
    });
    changed(identity.value);
  }

  /** The certificate is replaced by a rename: another file is another certificate. */
  #stamp(): string {
    return ["node.crt", "ca.crt", "node.key"].map((name) => this.#stampOf(name)).join(" ");
  }

  #stampOf(name: string): string {
    try {
      const { ino, mtimeMs }: Stats = statSync(join(this.#options.directory, name));
      return `${ino}:${mtimeMs}`;
    } catch {
      return "none";
    }
  }
}
