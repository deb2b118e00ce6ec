/** Requests at a steady rate on a published port, each address in turn; what became of each. */
import { request as httpRequest } from "node:http";
import { pause } from "../../support/wait.ts";

export interface LoadOptions {
  readonly port: number;
  readonly perSecond: number;
  /** Asked before each request: the addresses of the nodes that live. */
  readonly addresses: () => readonly string[];
}

export interface Sent {
  readonly address: string;
  /** By `performance.now()`. */
  readonly from: number;
  readonly to: number;
  /** The task that answered. */
  readonly taskId: string;
  /** Why there was no answer: "ECONNRESET", "status 503". */
  readonly error?: string;
}

/** A fresh connection per request, as a browser that comes for the first time. */
export class Load {
  readonly #options: LoadOptions;
  readonly #sent: Promise<Sent>[] = [];
  readonly #running: Promise<void>;
  #wanted = Number.POSITIVE_INFINITY;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Stops once `count` requests were sent in all, and waits for the last answer. */
  async atLeast(count: number): Promise<readonly Sent[]> {
    this.#wanted = Math.max(count, this.#sent.length);
    await this.#running;
    return Promise.all(this.#sent);
  }

  /** Sent so far. */
  count(): number {
    return this.#sent.length;
  }

  async #run(): Promise<void> {
    const began = performance.now();
    for (let at = 0; at < this.#wanted; at += 1) {
      const addresses = this.#options.addresses();
      const address = addresses[at % addresses.length];
      if (address !== undefined) this.#sent.push(send(address, this.#options.port));
      // By the clock, not by pauses: a slow machine must not thin the load out.
      const due = began + ((at + 1) * 1000) / this.#options.perSecond;
      await pause(Math.max(0, due - performance.now()));
    }
  }
}

/** One request; never throws. */
export function send(address: string, port: number): Promise<Sent> {
  const from = performance.now();
  return new Promise((resolve) => {
    const done = (said: Partial<Sent>): void =>
      resolve({ address, from, to: performance.now(), taskId: "", ...said });
    const call = httpRequest(
      { host: address, port, path: "/", agent: false, timeout: 10_000 },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("error", (error) => done({ error: error.message }));
        response.on("end", () => {
          const taskId = /\((\w+)\)/.exec(text)?.[1] ?? "";
          if (response.statusCode === 200) done({ taskId });
          else done({ error: `status ${response.statusCode}` });
        });
      },
    );
    call.on("error", (error) => done({ error: codeOf(error) }));
    call.on("timeout", () => call.destroy(new Error("no answer in 10 s")));
    call.end();
  });
}

/** Failed requests, one line each. */
export function failures(sent: readonly Sent[]): readonly string[] {
  const first = sent[0]?.from ?? 0;
  return sent
    .filter((one) => one.error !== undefined)
    .map(
      ({ address, from, to, error }) =>
        `${address}: ${error} (sent at ${Math.round(from - first)} ms, ` +
        `ended at ${Math.round(to - first)} ms)`,
    );
}

/** When something was killed, as far as one can tell: by `performance.now()`. */
export interface Kill {
  readonly from: number;
  /** Later than `from` when a command did it, which takes its time to start. */
  readonly to: number;
}

/**
 * Without those that a process accepted and took with it when it was killed: their client may ask
 * again. A refused connection is never excused, nor is what began after the kill.
 */
export function withoutCaughtBy(kill: Kill, sent: readonly Sent[]): readonly Sent[] {
  return sent.filter(
    ({ from, to, error }) =>
      error === undefined || error === "ECONNREFUSED" || from > kill.to || to < kill.from,
  );
}

export function slowest(sent: readonly Sent[]): number {
  return Math.round(Math.max(0, ...sent.map(({ from, to }) => to - from)));
}

function codeOf(error: Error): string {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : error.message;
}
