/** The data plane in its own thread, as the worker sees it. */
import { Worker as Thread } from "node:worker_threads";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { FromDataPlane, ToThread } from "../dataplane/protocol.ts";
import { SCRAPE_TIMEOUT_MS } from "../limits.ts";
import type { DataPlanePort } from "./worker.ts";

export interface DataPlaneThread extends DataPlanePort {
  post(message: ToThread): void;
  /** Resolves when it serves; the error is for the operator. */
  readonly ready: Promise<string | undefined>;
  /** The thread's part of `/metrics`; empty when it does not answer in time. */
  metrics(): Promise<string>;
  /** Resolves when the thread is gone. */
  close(): Promise<void>;
}

export interface DataPlaneThreadOptions {
  readonly entry: URL;
  readonly config: NodeConfig;
  readonly identityDirectory: string;
  /** The thread ended by itself: a bug. */
  readonly died: (reason: string) => void;
}

export function startDataPlane(options: DataPlaneThreadOptions): DataPlaneThread {
  return new RunningThread(options);
}

class RunningThread implements DataPlaneThread {
  readonly ready: Promise<string | undefined>;
  readonly #thread: Thread;
  readonly #listeners: ((message: FromDataPlane) => void)[] = [];
  readonly #scrapes = new Map<number, (text: string) => void>();
  #lastScrape = 0;
  #closing = false;

  constructor(options: DataPlaneThreadOptions) {
    const { config, identityDirectory, died } = options;
    this.#thread = new Thread(options.entry, { workerData: { config, identityDirectory } });
    this.ready = new Promise((resolve) => {
      this.onMessage((message) => {
        if (message.kind === "ready") resolve(undefined);
        if (message.kind === "failed") resolve(message.error);
      });
      this.#thread.once("exit", (code) => resolve(`the data plane ended (exit ${code})`));
    });
    this.onMessage((message) => {
      if (message.kind !== "metrics") return;
      this.#scrapes.get(message.id)?.(message.text);
    });
    // The thread is our own code: its messages have their type, whatever `postMessage` forgets.
    this.#thread.on("message", (message: FromDataPlane) => {
      for (const listener of this.#listeners) listener(message);
    });
    this.#thread.on("error", (error) => died(error.stack ?? error.message));
    this.#thread.on("exit", (code) => {
      if (!this.#closing) died(`exit ${code}`);
    });
  }

  post(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  onMessage(listener: (message: FromDataPlane) => void): void {
    this.#listeners.push(listener);
  }

  metrics(): Promise<string> {
    this.#lastScrape += 1;
    const id = this.#lastScrape;
    return new Promise((resolve) => {
      const answered = (text: string): void => {
        clearTimeout(timer);
        this.#scrapes.delete(id);
        resolve(text);
      };
      const timer = setTimeout(() => answered(""), SCRAPE_TIMEOUT_MS);
      this.#scrapes.set(id, answered);
      this.post({ kind: "scrape", id });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    const ended = new Promise((resolve) => {
      this.#thread.once("exit", resolve);
    });
    this.post({ kind: "close" });
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, SCRAPE_TIMEOUT_MS))]);
    await this.#thread.terminate();
  }
}
