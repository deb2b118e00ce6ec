/**
 * `GET /skein/v1/traffic`: what the published ports carried, as every ready node counted it, since
 * each serves them. Answered with or without a quorum; a node that does not answer is named.
 */
import { TRAFFIC_ANSWER_BYTES_MAX, TRAFFIC_ANSWER_MS } from "../../limits.ts";
import { askNode } from "./ask-node.ts";
import type { Handler } from "./handler.ts";
import { failure, json } from "./reply.ts";

const QUESTION = {
  path: "/skein/v1/traffic",
  answerMs: TRAFFIC_ANSWER_MS,
  bytesMax: TRAFFIC_ANSWER_BYTES_MAX,
};

export const traffic: Handler = async (port, request) => {
  const [unknown] = request.query.keys();
  if (unknown !== undefined) {
    const message = `Cannot show the traffic: unknown parameter ${unknown}: it takes none`;
    return failure(400, "bad-request", message);
  }
  const ready = port.view.nodes.list().filter(({ status }) => status.state === "ready");
  const nodes = await Promise.all(
    ready.map(async ({ id, description }) => {
      const node = { id, name: description.hostname };
      const answer = await askNode(port, id, QUESTION);
      return answer.ok ? { ...node, traffic: answer.value } : { ...node, error: answer.error };
    }),
  );
  return json({ wall: port.wall(), nodes });
};
