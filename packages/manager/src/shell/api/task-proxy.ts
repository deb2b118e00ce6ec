/**
 * Carries requests about one container to the node that runs its task, and the answer back, over
 * the cluster's own links: a node needs no open port for `docker exec`.
 *
 * Invariants:
 *   P1. Any manager carries, leader or not, with or without a quorum: the node itself says whether
 *       it still has the task.
 *   P2. A request is sent once: what was sent to a node is never sent again.
 */
import type { IncomingMessage } from "node:http";
import http, { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Checked } from "@skein/common/api/api-error";
import { refuse } from "@skein/common/api/api-error";
import type { ContainerFacts } from "@skein/common/api/container";
import { findByExecId, findContainer } from "@skein/common/api/find-container";
import type { Match } from "@skein/common/api/match-route";
import { taskName } from "@skein/common/model/task";
import { ok } from "@skein/common/result";
import { clusterContainers } from "../../control/containers.ts";
import {
  LEADER_LOOK_MS,
  NODE_CONNECTIONS_MAX,
  NODE_IDLE_CONNECTIONS_MAX,
  REPLICA_LAG_MS,
} from "../../limits.ts";
import { endToEnd, relayAnswer } from "./forward.ts";
import type { ManagerPort } from "./port.ts";
import { sendReply } from "./reply.ts";
import { StreamAgent } from "./stream-agent.ts";

export class TaskProxy {
  readonly #port: ManagerPort;
  readonly #agent: StreamAgent;

  constructor(port: ManagerPort) {
    this.#port = port;
    this.#agent = new StreamAgent((node) => port.dialNode(node), {
      maxSockets: NODE_CONNECTIONS_MAX,
      maxFreeSockets: NODE_IDLE_CONNECTIONS_MAX,
    });
  }

  async serve(match: Match, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const container = await this.#find(match);
    if (!container.ok) {
      incoming.resume();
      return sendReply({ kind: "error", error: container.error }, response, undefined);
    }
    return this.#carry(container.value, incoming, response);
  }

  /** The raw connection of a client, joined to one of the node: neither side is read here. */
  async upgrade(match: Match, incoming: IncomingMessage, client: Duplex): Promise<void> {
    const container = await this.#find(match);
    const stream = container.ok
      ? await this.#dial(container.value)
      : refuse(container.error.status, container.error.code, container.error.message);
    if (!stream.ok) {
      const response = responseOn(client, incoming);
      return sendReply({ kind: "error", error: stream.error }, response, undefined);
    }
    stream.value.write(requestHead(incoming));
    join(client, stream.value);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** A follower's replica may lag behind the write that the client has just seen acknowledged. */
  async #find(match: Match): Promise<Checked<ContainerFacts>> {
    const until = performance.now() + REPLICA_LAG_MS;
    for (;;) {
      const found = this.#look(match);
      const isLate = this.#port.isLeader() || performance.now() >= until;
      if (found.ok || found.error.status !== 404 || isLate) return found;
      await sleep(LEADER_LOOK_MS);
    }
  }

  #look({ route, subject }: Match): Checked<ContainerFacts> {
    const rows = clusterContainers(this.#port.view);
    if (!route.path.startsWith("/exec/")) return findContainer(rows, subject);
    const found = findByExecId(rows, subject);
    if (found !== undefined) return ok(found);
    return refuse(404, "exec-not-found", `No such exec instance: ${subject}`);
  }

  #carry(
    container: ContainerFacts,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    return new Promise((resolve) => {
      const { method, url, headers } = incoming;
      const outgoing = http.request({
        agent: this.#agent,
        host: container.nodeId,
        ...(method === undefined ? {} : { method }),
        ...(url === undefined ? {} : { path: url }),
        headers: endToEnd(headers),
      });
      response.once("close", () => outgoing.destroy());
      outgoing.on("response", (answer) => {
        void relayAnswer(answer, response).then(resolve);
      });
      outgoing.on("error", (error) => {
        incoming.resume();
        if (response.headersSent) response.destroy();
        else void this.#unreachable(container, error.message, response);
        resolve();
      });
      incoming.pipe(outgoing);
    });
  }

  async #dial(container: ContainerFacts): Promise<Checked<Duplex>> {
    const stream = await this.#port.dialNode(container.nodeId);
    return stream.ok ? stream : this.#refuseNode(container, stream.error);
  }

  #unreachable(container: ContainerFacts, reason: string, response: ServerResponse): Promise<void> {
    const refused = this.#refuseNode(container, reason);
    return refused.ok
      ? Promise.resolve()
      : sendReply({ kind: "error", error: refused.error }, response, undefined);
  }

  #refuseNode(container: ContainerFacts, reason: string): Checked<never> {
    const node = this.#port.view.nodes.get(container.nodeId);
    const name = node?.description.hostname ?? container.nodeId;
    const message =
      `Cannot ask node ${name}, which runs ${taskName(container)}: ${reason}: ` +
      "see docker node ls";
    return refuse(503, "node-unreachable", message);
  }
}

/** As it came: the worker reads it like a client's own. */
function requestHead(incoming: IncomingMessage): string {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  let head = `${method} ${url} HTTP/1.1\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

/** Both ways, ends included; what breaks on one side breaks the other. */
function join(a: Duplex, b: Duplex): void {
  a.pipe(b).pipe(a);
  const breakBoth = (): void => {
    a.destroy();
    b.destroy();
  };
  a.on("error", breakBoth);
  b.on("error", breakBoth);
  // A client that is gone without an end: the program at the other side must learn it.
  a.on("close", () => b.destroy());
}

/** A plain answer on a connection that asked to be upgraded, which it then is not. */
export function responseOn(stream: Duplex, incoming: IncomingMessage): ServerResponse {
  const response = new ServerResponse(incoming);
  response.shouldKeepAlive = false;
  // Any stream will do: only its writing side is used.
  response.assignSocket(stream as Socket);
  response.on("finish", () => {
    response.detachSocket(stream as Socket);
    stream.end();
  });
  return response;
}
