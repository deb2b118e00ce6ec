/**
 * `GET /skein/v1/gossip[?node=ID]`: what a node's gossip member knows; its worker process is asked,
 * over the cluster's own links. Answered with or without a quorum.
 */
import { GOSSIP_ANSWER_BYTES_MAX, GOSSIP_ANSWER_MS } from "../../limits.ts";
import { askNode } from "./ask-node.ts";
import type { Handler } from "./handler.ts";
import { failure, json } from "./reply.ts";

const QUESTION = {
  path: "/skein/v1/gossip",
  answerMs: GOSSIP_ANSWER_MS,
  bytesMax: GOSSIP_ANSWER_BYTES_MAX,
};

export const gossip: Handler = async (port, request) => {
  for (const key of request.query.keys()) {
    if (key === "node") continue;
    const message = `Cannot show gossip: unknown parameter ${key}: it takes node`;
    return failure(400, "bad-request", message);
  }
  const node = request.query.get("node") ?? port.config.nodeId;
  const answer = await askNode(port, node, QUESTION);
  if (answer.ok) return json(answer.value);
  const message = `Cannot show gossip of node ${node}: ${answer.error}`;
  return failure(503, "node-unreachable", message);
};
