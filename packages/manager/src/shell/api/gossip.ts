/**
 * `GET /skein/v1/gossip[?node=ID]`: what a node's gossip member knows; its worker process is asked,
 * over the cluster's own links. Answered with or without a quorum.
 */
import http from "node:http";
import { GOSSIP_ANSWER_BYTES_MAX, GOSSIP_ANSWER_MS } from "../../limits.ts";
import type { Handler } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { failure, json } from "./reply.ts";
import { StreamAgent } from "./stream-agent.ts";

export const gossip: Handler = async (port, request) => {
  for (const key of request.query.keys()) {
    if (key === "node") continue;
    const message = `Cannot show gossip: unknown parameter ${key}: it takes node`;
    return failure(400, "bad-request", message);
  }
  return ask(port, request.query.get("node") ?? port.config.nodeId);
};

function ask(port: ManagerPort, node: string): Promise<Reply> {
  const agent = new StreamAgent((host) => port.dialNode(host), {
    maxSockets: 1,
    maxFreeSockets: 0,
  });
  return new Promise<Reply>((resolve) => {
    const failed = (reason: string): void => {
      const message = `Cannot show gossip of node ${node}: ${reason}`;
      resolve(failure(503, "node-unreachable", message));
    };
    const timeout = GOSSIP_ANSWER_MS;
    const outgoing = http.get({ agent, host: node, path: "/skein/v1/gossip", timeout });
    outgoing.on("timeout", () => outgoing.destroy(new Error("it does not answer")));
    outgoing.on("error", (error) => failed(error.message));
    outgoing.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
        if (text.length > GOSSIP_ANSWER_BYTES_MAX) outgoing.destroy(new Error("a long answer"));
      });
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(json(JSON.parse(text)));
        else failed(`it answered ${answer.statusCode}`);
      });
    });
  }).finally(() => agent.destroy());
}
