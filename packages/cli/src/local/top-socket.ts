/**
 * The cluster's one API address: a link to a living manager's socket, replaced by rename, so that
 * it is never absent. A manager that is stopped or cut off, not dead, is noticed by asking it.
 */
import { readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { ApiClient } from "../api/client.ts";
import { at } from "../api/read.ts";
import { TOP_SOCKET_LOOK_MS, TOP_SOCKET_PATIENCE_MS } from "../limits.ts";

export class TopSocket {
  readonly #link: string;
  readonly #managers: () => readonly string[];
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  /** `managers` gives the sockets of the manager processes that run. */
  constructor(link: string, managers: () => readonly string[]) {
    this.#link = link;
    this.#managers = managers;
    this.#timer = setInterval(() => void this.#look(), TOP_SOCKET_LOOK_MS);
    this.#timer.unref();
  }

  /** Keeps the manager it points at while that runs. */
  point(): void {
    const managers = this.#managers();
    const [first] = managers;
    if (first === undefined || managers.includes(this.#target())) return;
    pointAt(this.#link, first);
  }

  close(): void {
    clearInterval(this.#timer);
    rmSync(this.#link, { force: true });
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const target = this.#target();
    const others = this.#managers().filter((socket) => socket !== target);
    if (others.length > 0 && !(await isGood(target))) {
      for (const socket of others) {
        if (!(await isGood(socket))) continue;
        pointAt(this.#link, socket);
        break;
      }
    }
    this.#looking = false;
  }

  #target(): string {
    try {
      return readlinkSync(this.#link);
    } catch {
      return "";
    }
  }
}

function pointAt(link: string, socket: string): void {
  const beside = `${link}.new-${process.pid}`;
  rmSync(beside, { force: true });
  symlinkSync(socket, beside);
  renameSync(beside, link);
}

/** It answers, and is in contact with the others. */
async function isGood(socket: string): Promise<boolean> {
  const request = { method: "GET", path: "/skein/v1/status", once: true } as const;
  const client = new ApiClient([socket]);
  const answer = await client.call({ ...request, timeoutMs: TOP_SOCKET_PATIENCE_MS });
  return answer.ok && at(answer.value, "stale") === false;
}
