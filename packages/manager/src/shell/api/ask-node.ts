/** What a node says of itself: its worker process is asked, over the cluster's own links. */
import http from "node:http";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { ManagerPort } from "./port.ts";
import { StreamAgent } from "./stream-agent.ts";

export interface Question {
  readonly path: string;
  readonly answerMs: number;
  readonly bytesMax: number;
}

/** The JSON of its answer; the error is why there is none. */
export function askNode(
  port: Pick<ManagerPort, "dialNode">,
  node: string,
  { path, answerMs: timeout, bytesMax }: Question,
): Promise<Result<unknown, string>> {
  const limits = { maxSockets: 1, maxFreeSockets: 0 };
  const agent = new StreamAgent((host) => port.dialNode(host), limits);
  return new Promise<Result<unknown, string>>((resolve) => {
    const outgoing = http.get({ agent, host: node, path, timeout });
    outgoing.on("timeout", () => outgoing.destroy(new Error("it does not answer")));
    outgoing.on("error", (error) => resolve(fail(error.message)));
    outgoing.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
        if (text.length > bytesMax) outgoing.destroy(new Error("a long answer"));
      });
      answer.on("end", () => {
        if (answer.statusCode !== 200) return resolve(fail(`it answered ${answer.statusCode}`));
        resolve(parsed(text));
      });
    });
  }).finally(() => agent.destroy());
}

function parsed(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail("its answer is no JSON");
  }
}
