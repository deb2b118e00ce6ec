/** A follower passes a request on `/ca` to the leader, over the manager's own API. */
import http from "node:http";
import type { CaRequest } from "@skein/common/wire/ca-messages";
import { CA_LEADER_MS } from "../../limits.ts";
import { FORWARDED_HEADER } from "../api/forward.ts";
import type { ManagerPort } from "../api/port.ts";
import { asSocket } from "../api/stream-agent.ts";

export interface LeaderAnswer {
  readonly status: number;
  readonly text: string;
}

/** Undefined: there is no leader, or it did not answer; what it did is idempotent. */
export async function askLeader(
  port: Pick<ManagerPort, "dialLeader" | "config">,
  request: CaRequest,
): Promise<LeaderAnswer | undefined> {
  const stream = await port.dialLeader();
  if (stream === undefined) return undefined;
  const text = JSON.stringify(request);
  return new Promise((resolve) => {
    const outgoing = http.request({
      createConnection: () => asSocket(stream),
      method: "POST",
      path: "/skein/v1/ca",
      headers: {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(text),
        [FORWARDED_HEADER]: port.config.nodeId,
        Connection: "close",
      },
    });
    const timer = setTimeout(() => outgoing.destroy(), CA_LEADER_MS);
    const done = (answer: LeaderAnswer | undefined): void => {
      clearTimeout(timer);
      stream.destroy();
      resolve(answer);
    };
    outgoing.on("error", () => done(undefined));
    outgoing.on("response", (response) => {
      let got = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        got += chunk;
      });
      response.on("error", () => done(undefined));
      response.on("end", () => done({ status: response.statusCode ?? 0, text: got }));
    });
    outgoing.end(text);
  });
}
