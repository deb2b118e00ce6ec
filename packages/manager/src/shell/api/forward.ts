/**
 * Hands a whole request to the leader and its answer back: short ones as calls that share a link
 * and its messages (leader-calls.ts), streams, lists and long bodies as HTTP over a connection of
 * their own. The request id goes along, so that the same request sent again after a lost connection
 * has one effect (the store remembers).
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import http from "node:http";
import type { RequestId } from "@skein/common/ids";
import { fail, ok } from "@skein/common/result";
import {
  CALL_BODY_BYTES_MAX,
  FORWARD_CONNECTIONS_MAX,
  FORWARD_HEAD_MS,
  FORWARD_IDLE_CONNECTIONS_MAX,
  FORWARD_LOOK_MS,
} from "../../limits.ts";
import { LeaderCalls } from "./leader-calls.ts";
import { leaderIdOf } from "./leader-id.ts";
import type { ManagerPort } from "./port.ts";
import { sendPlain } from "./reply.ts";
import type { ApiRequest } from "./request.ts";
import { REQUEST_ID_HEADER } from "./request.ts";
import { StreamAgent } from "./stream-agent.ts";

/** On a forwarded request: it is answered or refused here, never forwarded on. */
export const FORWARDED_HEADER = "x-skein-forwarded-by";
/** On the refusal of a forwarded request by a manager that does not lead: ask again elsewhere. */
export const NOT_LEADER_HEADER = "x-skein-not-leader";

export type Forwarded =
  /** The answer went to the client. */
  | { readonly kind: "answered" }
  /** Nothing was done there. */
  | { readonly kind: "not-delivered"; readonly reason: string }
  /** The connection broke after the request was sent: it may have been done. */
  | { readonly kind: "broken"; readonly reason: string };

export class LeaderProxy {
  readonly #port: ManagerPort;
  readonly #agent: StreamAgent;
  readonly #calls: LeaderCalls;

  constructor(port: ManagerPort) {
    this.#port = port;
    this.#agent = new StreamAgent(
      async () => {
        const stream = await port.dialLeader();
        return stream === undefined ? fail("there is no leader to ask") : ok(stream);
      },
      { maxSockets: FORWARD_CONNECTIONS_MAX, maxFreeSockets: FORWARD_IDLE_CONNECTIONS_MAX },
    );
    this.#calls = new LeaderCalls(port);
  }

  forward(request: ApiRequest, response: ServerResponse): Promise<Forwarded> {
    const leader = leaderIdOf(this.#port) ?? "leader";
    const asCall = this.#port.dialCalls !== undefined && isShort(request);
    return asCall ? this.#call(leader, request, response) : this.#stream(leader, request, response);
  }

  close(): void {
    this.#agent.destroy();
    this.#calls.close();
  }

  async #call(leader: string, request: ApiRequest, response: ServerResponse): Promise<Forwarded> {
    const { method, url, requestId, body } = request;
    const headers = callHeaders(request);
    const called = await this.#calls.call(leader, {
      method,
      url,
      headers,
      request: requestId,
      body,
    });
    if (called.kind !== "answer") return called;
    const { answer } = called;
    if (answer.notLeader === true) {
      return { kind: "not-delivered", reason: "it is not the leader any more" };
    }
    if (!response.destroyed) sendPlain(response, answer, request);
    return { kind: "answered" };
  }

  #stream(leader: string, request: ApiRequest, response: ServerResponse): Promise<Forwarded> {
    return new Promise((resolve) => {
      let isSent = false;
      const outgoing = http.request({
        agent: this.#agent,
        // Connections are kept by leader: one to a former leader is never used again.
        host: leader,
        method: request.method,
        path: request.url,
        headers: forwardedHeaders(request, this.#port.config.nodeId),
      });
      const abandon = (): void => void outgoing.destroy();
      response.once("close", abandon);
      outgoing.on("socket", () => {
        isSent = true;
      });
      const failed = (error: Error): void => {
        clearInterval(watch);
        response.off("close", abandon);
        resolve({ kind: isSent ? "broken" : "not-delivered", reason: error.message });
      };
      // Told here, not by the request's error: without a connection, and a frozen leader opens
      // none, Node keeps that back until the dial has timed out.
      const watch = this.#watch(leader, (reason) => {
        failed(reason);
        outgoing.destroy(reason);
      });
      outgoing.on("response", (incoming) => {
        clearInterval(watch);
        response.off("close", abandon);
        resolve(relay(incoming, response));
      });
      outgoing.on("error", failed);
      outgoing.end(request.body);
    });
  }

  /** Gives up on a leader that is frozen, or that is not the leader any more. */
  #watch(leader: string, giveUp: (reason: Error) => void): NodeJS.Timeout {
    const start = performance.now();
    return setInterval(() => {
      if (leaderIdOf(this.#port) !== leader) {
        giveUp(new Error("the leader changed before it answered"));
      } else if (performance.now() - start > FORWARD_HEAD_MS) {
        giveUp(new Error(`the leader did not answer within ${FORWARD_HEAD_MS} ms`));
      }
    }, FORWARD_LOOK_MS);
  }
}

/** Answered by one short message: every write, and what shows one object. */
function isShort(request: ApiRequest): boolean {
  const { method, route, body } = request;
  if (body.length > CALL_BODY_BYTES_MAX) return false;
  return method !== "GET" ? method !== "HEAD" : route.name.endsWith("-inspect");
}

function relay(incoming: IncomingMessage, response: ServerResponse): Promise<Forwarded> {
  if (incoming.headers[NOT_LEADER_HEADER] !== undefined) {
    incoming.resume();
    incoming.socket.destroy();
    return Promise.resolve({ kind: "not-delivered", reason: "it is not the leader any more" });
  }
  return relayAnswer(incoming, response).then(() => ({ kind: "answered" }));
}

/** Resolves when the answer has gone to the client, or the client has gone. */
export function relayAnswer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(incoming.statusCode ?? 502, endToEnd(incoming.headers));
  response.flushHeaders();
  return new Promise((done) => {
    // A broken stream is cut here too: ended cleanly, the client would take a part for the whole.
    incoming.on("error", () => response.destroy());
    incoming.on("aborted", () => response.destroy());
    response.on("close", () => {
      incoming.destroy();
      done();
    });
    incoming.pipe(response);
  });
}

function callHeaders(request: ApiRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in request.headers) {
    const value = request.headers[name];
    if (typeof value === "string" && !OF_THE_CLIENT.has(name)) kept[name] = value;
  }
  return kept;
}

function forwardedHeaders(request: ApiRequest, nodeId: string): http.OutgoingHttpHeaders {
  const id: RequestId = request.requestId;
  return {
    ...endToEnd(request.headers),
    [REQUEST_ID_HEADER]: id,
    [FORWARDED_HEADER]: nodeId,
    "content-length": request.body.length,
  };
}

/** Headers of the request or answer, without those of the connection it came on. */
export function endToEnd(headers: IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name));
  return Object.fromEntries(kept);
}

/** Headers about one connection, not about the request. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Headers that are spent here: about the connection, or what the leader's answer does not need. */
const OF_THE_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "host",
  "user-agent",
  "accept",
  "accept-encoding",
  "content-length",
]);
