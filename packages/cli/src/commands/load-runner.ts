/**
 * Requests at a fixed rate, each on a connection of its own, whatever became of those before: what
 * users would send. One that gets no answer is sent once more.
 */
import { get } from "node:http";

export interface Score {
  /** Answered below 500, at the first or the second try. */
  readonly ok: number;
  /** Sent again because the connection was refused or cut, or nothing came in time. */
  readonly retried: number;
  /** Answered 500 and above, or not at all. */
  readonly failed: number;
  /** Sent, not answered yet. */
  readonly open: number;
  /** Of what was answered since the score was last asked for; 0 without any. */
  readonly slowestMs: number;
}

export interface LoadRun {
  score(): Score;
  /** Sends no more; resolves when every request is answered or has failed. */
  stop(): Promise<Score>;
}

export interface LoadRunOptions {
  readonly url: URL;
  readonly perSecond: number;
  readonly answerMs: number;
}

export function startLoadRun(options: LoadRunOptions): LoadRun {
  const counts = { ok: 0, retried: 0, failed: 0 };
  const open = new Set<Promise<void>>();
  let slowestMs = 0;
  const one = async (): Promise<void> => {
    const since = performance.now();
    let status = await statusOf(options);
    if (status === undefined) {
      counts.retried += 1;
      status = await statusOf(options);
    }
    slowestMs = Math.max(slowestMs, performance.now() - since);
    if (status !== undefined && status < 500) counts.ok += 1;
    else counts.failed += 1;
  };
  const send = (): void => {
    const sent = one().finally(() => open.delete(sent));
    open.add(sent);
  };
  const timer = setInterval(send, 1000 / options.perSecond);
  const score = (): Score => {
    const now = { ...counts, open: open.size, slowestMs: Math.round(slowestMs) };
    slowestMs = 0;
    return now;
  };
  return {
    score,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return score();
    },
  };
}

/** Undefined: no answer. */
function statusOf({ url, answerMs }: LoadRunOptions): Promise<number | undefined> {
  return new Promise((resolve) => {
    const call = get(url, { agent: false, timeout: answerMs }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
      answer.on("error", () => resolve(undefined));
    });
    call.on("error", () => resolve(undefined));
    call.on("timeout", () => call.destroy());
  });
}
