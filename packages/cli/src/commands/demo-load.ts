/** 20 requests a second against a published port, each on a connection of its own, counted. */
import { get } from "node:http";

export interface Load {
  /** Ends after a last second; resolves when every request is answered or has failed. */
  readonly stop: () => Promise<LoadCounts>;
}

export interface LoadCounts {
  readonly done: number;
  /** Whose connection was cut before an answer, and that were sent again. */
  readonly retried: number;
  readonly failed: number;
}

const INTERVAL_MS = 50;
const LAST_MS = 1000;
const ANSWER_MS = 10_000;

export function startLoad(port: number): Load {
  let [done, retried, failed] = [0, 0, 0];
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const again = (): Promise<string> => {
      retried += 1;
      return fetchOnce(port);
    };
    const one: Promise<void> = fetchOnce(port)
      .catch(again)
      .then(
        () => undefined,
        () => {
          failed += 1;
        },
      )
      .finally(() => {
        done += 1;
        open.delete(one);
      });
    open.add(one);
  }, INTERVAL_MS);
  return {
    stop: async () => {
      await new Promise((resolve) => setTimeout(resolve, LAST_MS));
      clearInterval(timer);
      await Promise.all(open);
      return { done, retried, failed };
    },
  };
}

export function fetchOnce(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, agent: false, timeout: ANSWER_MS };
    const call = get(options, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += String(chunk);
      });
      answer.on("end", () => resolve(text.trim()));
      answer.on("error", reject);
    });
    call.on("error", reject);
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
  });
}
