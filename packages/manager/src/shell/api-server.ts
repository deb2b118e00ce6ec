/**
 * The Engine API of a manager: a unix socket for this node's clients, and streams on which the
 * other managers hand over requests of theirs. Reads a request, finds its route, runs its handler
 * here when this manager leads, else forwards it; a request without a leader waits a moment for
 * one.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { matchRoute } from "@skein/common/api/match-route";
import type { RouteName } from "@skein/common/api/routes";
import { must } from "@skein/common/assert";
import type { LinkReceiver } from "@skein/common/io/network";
import type { ListenError, UnixServer } from "@skein/common/node/http-server";
import { serveUnix } from "@skein/common/node/http-server";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import type { Checked } from "../control/api-error.ts";
import { FORWARD_ANSWER_MS, LEADER_LOOK_MS, LEADER_WAIT_MS } from "../limits.ts";
import type { Call, CallAnswer } from "./api/call-messages.ts";
import { callReceiver } from "./api/call-server.ts";
import { EventHub } from "./api/events.ts";
import { FORWARDED_HEADER, LeaderProxy, NOT_LEADER_HEADER } from "./api/forward.ts";
import type { Handler } from "./api/handler.ts";
import type { Handlers } from "./api/handlers.ts";
import { createHandlers } from "./api/handlers.ts";
import type { ManagerPort } from "./api/port.ts";
import type { PlainReply, Reply } from "./api/reply.ts";
import {
  empty,
  failure,
  NO_BODY,
  NO_LEADER_REPLY,
  plainJson,
  plainReply,
  sendPlain,
  sendReply,
  unknownReply,
} from "./api/reply.ts";
import type { ApiRequest } from "./api/request.ts";
import { discardBody, readApiBody, requestIdOf } from "./api/request.ts";
import { responseOn, TaskProxy } from "./api/task-proxy.ts";

export interface ServeApiOptions {
  readonly port: ManagerPort;
  /** Of the socket; taken over from whoever serves it. */
  readonly path: string;
}

export interface ApiServer extends UnixServer {
  /** Takes the calls of another manager (`/calls`). */
  calls(): LinkReceiver;
}

export async function serveApi(options: ServeApiOptions): Promise<Result<ApiServer, ListenError>> {
  const api = new Api(options.port);
  const { handler, onUpgrade } = api;
  const server = await serveUnix({ path: options.path, handler, onUpgrade });
  if (!server.ok) {
    api.close();
    return server;
  }
  const { accept, close } = server.value;
  const closeAll = (): Promise<void> => {
    api.close();
    return close();
  };
  return ok({ accept, close: closeAll, calls: () => callReceiver(api.answerCall) });
}

/** Requests in, answers out; the connections are the server's. */
export class Api {
  readonly #port: ManagerPort;
  readonly #events: EventHub;
  readonly #proxy: LeaderProxy;
  readonly #tasks: TaskProxy;
  readonly #handlers: Handlers;

  constructor(port: ManagerPort) {
    this.#port = port;
    this.#events = new EventHub(port);
    this.#proxy = new LeaderProxy(port);
    this.#tasks = new TaskProxy(port);
    this.#handlers = createHandlers(this.#events);
  }

  readonly handler: RequestListener = (incoming, response) => {
    void this.#serve(incoming, response);
  };

  /** A client that wants the raw connection; where there is none, an answer like any other. */
  readonly onUpgrade = (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    const match = matchRoute(incoming.method ?? "GET", pathOf(incoming));
    if (!match.ok || match.value.route.scope !== "task") {
      this.handler(incoming, responseOn(socket, incoming));
      return;
    }
    if (head.length > 0) socket.unshift(head);
    this.#tasks.upgrade(match.value, incoming, socket).catch((error: unknown) => {
      this.#contain(error, { response: responseOn(socket, incoming), request: undefined });
    });
  };

  /** A request that another manager took: answered or refused here, never passed on. */
  readonly answerCall = async (call: Call): Promise<CallAnswer> => {
    const plain = await this.#answerCall(call).catch((error: unknown) => this.#bug(error, "call"));
    if (plain !== undefined) return { id: call.id, ...plain };
    return { id: call.id, notLeader: true, status: 0, headers: {}, body: NO_BODY };
  };

  close(): void {
    this.#events.close();
    this.#proxy.close();
    this.#tasks.close();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let request: ApiRequest | undefined;
    try {
      const read = await this.#read(incoming, response);
      if (!read.ok) {
        await sendReply({ kind: "error", error: read.error }, response, undefined);
        return;
      }
      request = read.value;
      if (request === undefined) return;
      const reply = await this.#answer(request, response);
      if (reply === undefined) return;
      this.#count(request, reply);
      await sendReply(reply, response, request);
    } catch (error) {
      this.#contain(error, { response, request });
    }
  }

  /** Undefined: this is not the leader, and nothing was done. */
  async #answerCall(call: Call): Promise<PlainReply | undefined> {
    const [path = "/", search = ""] = splitOnce(call.url, "?");
    const match = matchRoute(call.method, path);
    if (!match.ok)
      return plainReply({ kind: "error", error: { code: "no-route", ...match.error } });
    if (!this.#port.isLeader()) return undefined;
    const { method, url, headers, request: requestId } = call;
    const body = Buffer.from(call.body.buffer, call.body.byteOffset, call.body.byteLength);
    const rest = { method, url, headers, query: new URLSearchParams(search), body, requestId };
    const request = { ...match.value, ...rest };
    const reply = await handlerOf(this.#handlers, request.route.name)(this.#port, request);
    if (reply.kind === "no-leader") return undefined;
    this.#count(request, reply);
    return plainReply(reply) ?? plainReply(failure(500, "bug", `Cannot answer ${path} in a call`));
  }

  /** Undefined value: answered already. */
  async #read(
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<Checked<ApiRequest | undefined>> {
    const { method = "GET", url = "/", headers } = incoming;
    if (method === "OPTIONS") {
      await sendReply(empty(), response, undefined);
      return { ok: true, value: undefined };
    }
    const [path = "/", search = ""] = splitOnce(url, "?");
    const match = matchRoute(method, path);
    if (!match.ok) return { ok: false, error: { code: "no-route", ...match.error } };
    if (match.value.route.scope === "task") {
      await this.#tasks.serve(match.value, incoming, response);
      return { ok: true, value: undefined };
    }
    const id = requestIdOf(headers, () => this.#port.newId());
    if (!id.ok) return id;
    // What this node alone answers needs no body: an image upload is not kept to be refused.
    const body =
      match.value.route.scope === "cluster"
        ? await readApiBody(incoming, match.value)
        : { ok: true as const, value: Buffer.alloc(0) };
    if (match.value.route.scope !== "cluster") discardBody(incoming);
    if (!body.ok) return body;
    const query = new URLSearchParams(search);
    const rest = { method, url, headers, query, body: body.value, requestId: id.value };
    return { ok: true, value: { ...match.value, ...rest } };
  }

  /** The reply to send; undefined when the leader's answer has gone to the client already. */
  async #answer(request: ApiRequest, response: ServerResponse): Promise<Reply | undefined> {
    const handler = handlerOf(this.#handlers, request.route.name);
    if (request.route.scope !== "cluster") return handler(this.#port, request);
    if (request.headers[FORWARDED_HEADER] !== undefined) {
      return this.#answerForwarded(handler, request, response);
    }
    return this.#answerByLeader(handler, request, response);
  }

  /** The loop guard: another manager thinks this one leads; if not, it must ask again. */
  async #answerForwarded(
    handler: Handler,
    request: ApiRequest,
    response: ServerResponse,
  ): Promise<Reply> {
    const reply: Reply = this.#port.isLeader()
      ? await handler(this.#port, request)
      : { kind: "no-leader" };
    if (reply.kind === "no-leader") response.setHeader(NOT_LEADER_HEADER, "1");
    return reply;
  }

  /**
   * Here or at the leader, until somebody answers. Nothing is sent twice unless the first certainly
   * did nothing, or the store recognises the repetition by its request id.
   */
  async #answerByLeader(
    handler: Handler,
    request: ApiRequest,
    response: ServerResponse,
  ): Promise<Reply | undefined> {
    const start = performance.now();
    let broken: string | undefined;
    for (;;) {
      const reply = this.#port.isLeader()
        ? await handler(this.#port, request)
        : await this.#forward(request, response);
      if (reply === undefined) return undefined;
      if (reply.kind === "broken") broken = reply.reason;
      else if (reply.kind !== "no-leader") return settle(reply, request, broken);
      if (response.destroyed) return undefined;
      const patience = broken === undefined ? LEADER_WAIT_MS : FORWARD_ANSWER_MS;
      if (performance.now() - start >= patience) break;
      await sleep(LEADER_LOOK_MS);
    }
    if (broken === undefined || isRead(request)) return NO_LEADER_REPLY;
    return unknownReply(request, describe(request), broken);
  }

  async #forward(request: ApiRequest, response: ServerResponse): Promise<Attempt | undefined> {
    const forwarded = await this.#proxy.forward(request, response);
    switch (forwarded.kind) {
      case "answered":
        this.#port.metrics.count("skein_api_forwarded_total");
        return undefined;
      case "not-delivered":
        return { kind: "no-leader" };
      case "broken":
        return { kind: "broken", reason: forwarded.reason };
    }
  }

  #count(request: ApiRequest, reply: Reply): void {
    const status = reply.kind === "error" || reply.kind === "json" ? statusOf(reply) : 200;
    const labels = { route: request.route.name, status: String(status) };
    this.#port.metrics.count("skein_api_requests_total", 1, labels);
  }

  /** A bug of a handler ends its request, not the manager. */
  #contain(
    error: unknown,
    to: { response: ServerResponse; request: ApiRequest | undefined },
  ): void {
    const reply = this.#bug(error, to.request?.route.name ?? "none");
    if (to.response.headersSent) to.response.destroy();
    else sendPlain(to.response, reply, to.request);
  }

  #bug(error: unknown, route: string): PlainReply {
    const id = randomUUID();
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#port.metrics.count("skein_api_bugs_total", 1, { route });
    this.#port.log.write("error", "bug in an API handler", { id, route, error: text });
    const message = `Cannot answer the request: a bug in Skein, logged by this manager as ${id}`;
    return plainJson(500, { message });
  }
}

function pathOf(incoming: IncomingMessage): string {
  return (incoming.url ?? "/").split("?", 1)[0] ?? "/";
}

/** Routes about a task have been carried to its node before this is asked. */
function handlerOf(handlers: Handlers, name: RouteName): Handler {
  const found: Handler | undefined = Object.hasOwn(handlers, name)
    ? handlers[name as keyof Handlers]
    : undefined;
  return must(found, `handler of ${name}`);
}

type Attempt = Reply | { readonly kind: "broken"; readonly reason: string };

/**
 * A removal that is sent again after a broken connection may find nothing, because the first try
 * did it and the leader that would remember is another: that is not known, so it is not said.
 */
function settle(reply: Reply, request: ApiRequest, broken: string | undefined): Reply {
  if (broken === undefined || request.method !== "DELETE") return reply;
  if (reply.kind !== "error" || reply.error.status !== 404) return reply;
  return unknownReply(request, describe(request), `${broken}; now: ${reply.error.message}`);
}

function isRead(request: ApiRequest): boolean {
  return request.method === "GET" || request.method === "HEAD";
}

function describe(request: ApiRequest): string {
  return `${request.method} ${request.route.path.replace(/\{\w+\}/, request.subject)}`;
}

function statusOf(reply: Extract<Reply, { kind: "error" | "json" }>): number {
  return reply.kind === "error" ? reply.error.status : reply.status;
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
