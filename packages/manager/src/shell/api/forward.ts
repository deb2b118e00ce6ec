/**
 * Hands a whole request to the leader and its answer back, streams included. The request id goes
 * along, so that the same request sent again after a lost connection has one effect (the store
 * remembers).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import http from "node:http";
import type { Duplex } from "node:stream";
import { PassThrough } from "node:stream";
import type { RequestId } from "@skein/common/ids";
import {
  FORWARD_CONNECTIONS_MAX,
  FORWARD_HEAD_MS,
  FORWARD_IDLE_CONNECTIONS_MAX,
  FORWARD_LOOK_MS,
} from "../../limits.ts";
import type { ManagerPort } from "./port.ts";
import type { ApiRequest } from "./request.ts";
import { REQUEST_ID_HEADER } from "./request.ts";

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
  readonly #agent: LeaderAgent;

  constructor(port: ManagerPort) {
    this.#port = port;
    this.#agent = new LeaderAgent(port);
  }

  forward(request: ApiRequest, response: ServerResponse): Promise<Forwarded> {
    const leader = this.#port.status().leader?.nodeId ?? "leader";
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

  close(): void {
    this.#agent.destroy();
  }

  /** Gives up on a leader that is frozen, or that is not the leader any more. */
  #watch(leader: string, giveUp: (reason: Error) => void): NodeJS.Timeout {
    const start = performance.now();
    return setInterval(() => {
      if (this.#port.status().leader?.nodeId !== leader) {
        giveUp(new Error("the leader changed before it answered"));
      } else if (performance.now() - start > FORWARD_HEAD_MS) {
        giveUp(new Error(`the leader did not answer within ${FORWARD_HEAD_MS} ms`));
      }
    }, FORWARD_LOOK_MS);
  }
}

function relay(incoming: IncomingMessage, response: ServerResponse): Promise<Forwarded> {
  if (incoming.headers[NOT_LEADER_HEADER] !== undefined) {
    incoming.resume();
    incoming.socket.destroy();
    return Promise.resolve({ kind: "not-delivered", reason: "it is not the leader any more" });
  }
  const kept = Object.entries(incoming.headers).filter(([name]) => !HOP_BY_HOP.has(name));
  response.writeHead(incoming.statusCode ?? 502, Object.fromEntries(kept));
  response.flushHeaders();
  return new Promise((resolve) => {
    const done = (): void => resolve({ kind: "answered" });
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

function forwardedHeaders(request: ApiRequest, nodeId: string): http.OutgoingHttpHeaders {
  const kept = Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name));
  const id: RequestId = request.requestId;
  return {
    ...Object.fromEntries(kept),
    [REQUEST_ID_HEADER]: id,
    [FORWARDED_HEADER]: nodeId,
    "content-length": request.body.length,
  };
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

/** Its connections are streams to the leader's API, reused while they live. */
class LeaderAgent extends http.Agent {
  readonly #port: ManagerPort;

  constructor(port: ManagerPort) {
    super({
      keepAlive: true,
      maxSockets: FORWARD_CONNECTIONS_MAX,
      maxFreeSockets: FORWARD_IDLE_CONNECTIONS_MAX,
    });
    this.#port = port;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void = () => undefined,
  ): undefined {
    const failed = (reason: string): void => {
      // The stream is read only when there is no error; Node's type asks for one all the same.
      done(new Error(reason), NO_STREAM);
    };
    this.#port.dialLeader().then(
      (stream) =>
        stream === undefined ? failed("there is no leader to ask") : done(null, asSocket(stream)),
      (error: unknown) => failed(String(error)),
    );
    return undefined;
  }
}

const NO_STREAM = new PassThrough();

/**
 * The methods of a TCP socket that node:http calls without asking; a stream over a link has none.
 */
export function asSocket(stream: Duplex): Duplex {
  const self = (): Duplex => stream;
  const missing = ["setTimeout", "setKeepAlive", "setNoDelay", "ref", "unref"].filter(
    (name) => !(name in stream),
  );
  return Object.assign(stream, Object.fromEntries(missing.map((name) => [name, self])));
}
