/**
 * The container endpoints of a node: for its own socket, and for managers over `/node`, which carry
 * a client's request here as it came.
 */
import type { IncomingMessage } from "node:http";
import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Duplex, Readable } from "node:stream";
import { refuse } from "@skein/common/api/api-error";
import { COMMON_HEADERS } from "@skein/common/api/api-version";
import type { Match } from "@skein/common/api/match-route";
import { matchRoute } from "@skein/common/api/match-route";
import type { RouteName } from "@skein/common/api/routes";
import { readTraffic } from "@skein/common/model/traffic";
import { readBody } from "@skein/common/node/http-server";
import { EXEC_BODY_BYTES_MAX } from "../../limits.ts";
import { beginStream, sendJson, sendRefusal } from "./answers.ts";
import * as archive from "./archive.ts";
import type { Call, ContainerPorts } from "./container-ports.ts";
import * as exec from "./exec.ts";
import { ExecRegistry } from "./exec-registry.ts";
import * as lifecycle from "./lifecycle.ts";
import { LocalEvents } from "./local-events.ts";
import * as observe from "./observe.ts";
import * as output from "./output.ts";
import { stats } from "./stats.ts";
import { takeBytes } from "./take-bytes.ts";

type Handler = (ports: ContainerPorts, call: Call, state: State) => void | Promise<void>;

/** What outlives a request. */
interface State {
  readonly execs: ExecRegistry;
  readonly events: LocalEvents;
}

const HANDLERS: Partial<Record<RouteName, Handler>> = {
  "container-list": observe.list,
  "container-inspect": (ports, call, { execs }) => observe.inspect(ports, call, execs),
  events: (_ports, call, { events }) => events.serve(call),
  "container-top": observe.top,
  "container-stats": stats,
  "container-logs": output.logs,
  "container-attach": output.attach,
  "container-wait": lifecycle.wait,
  "container-kill": lifecycle.kill,
  "container-stop": lifecycle.stop,
  "container-start": lifecycle.start,
  "container-remove": lifecycle.remove,
  "container-other": lifecycle.unsupported,
  "container-resize": (_ports, call) =>
    sendRefusal(call.response, {
      status: 409,
      code: "no-terminal",
      message: `Cannot resize container ${call.match.subject}: a task has no terminal`,
    }),
  "container-archive": archive.download,
  "container-archive-put": archive.upload,
  "container-exec": (ports, call, { execs }) => exec.create(ports, call, execs),
  "exec-start": (ports, call, { execs }) => exec.start(ports, call, execs),
  "exec-resize": (_ports, call, { execs }) => exec.resize(call, execs),
  "skein-gossip": (ports, call) => sendJson(call.response, 200, ports.gossip()),
  "skein-traffic": async (ports, call) =>
    sendJson(call.response, 200, readTraffic(await ports.metricsText())),
  "exec-inspect": (_ports, call, { execs }) => exec.inspect(call, execs),
};

export class ContainerApi {
  readonly #ports: ContainerPorts;
  readonly #state: State;

  constructor(ports: ContainerPorts) {
    this.#ports = ports;
    this.#state = { execs: new ExecRegistry(), events: new LocalEvents(ports) };
  }

  serves(route: RouteName): boolean {
    return HANDLERS[route] !== undefined;
  }

  /** A plain request of a route that this serves. */
  serve(match: Match, request: IncomingMessage, response: ServerResponse): void {
    this.#run(match, response, {
      request,
      body: () => readBody(request, EXEC_BODY_BYTES_MAX).then(asChecked),
      hijack: (type) => {
        beginStream(response, type);
        return outOnly(response);
      },
    });
  }

  /** Requests of managers, for the tunnel: nothing but what this table has is served there. */
  readonly handler = (request: IncomingMessage, response: ServerResponse): void => {
    const match = matchOf(request);
    if (match !== undefined) return this.serve(match, request, response);
    return sendRefusal(response, { status: 404, code: "no-route", message: "page not found" });
  };

  /** A request that asks for the raw connection (`Connection: Upgrade`). */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (head.length > 0) socket.unshift(head);
    socket.on("error", () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // Any stream will do: only its writing side is used.
    response.assignSocket(socket as Socket);
    response.on("finish", () => {
      response.detachSocket(socket as Socket);
      socket.end();
    });
    const match = matchOf(request);
    if (match === undefined) {
      const error = { status: 404, code: "no-route", message: "page not found" };
      return sendRefusal(response, error);
    }
    this.#run(match, response, {
      request,
      body: () => upgradedBody(request, socket),
      hijack: (type) => {
        response.detachSocket(socket as Socket);
        socket.write(upgraded(type));
        return socket;
      },
    });
  };

  #run(
    match: Match,
    response: ServerResponse,
    rest: Pick<Call, "request" | "body" | "hijack">,
  ): void {
    const query = new URLSearchParams(rest.request.url?.split("?", 2)[1] ?? "");
    const call: Call = { match, query, response, ...rest };
    const handler = HANDLERS[match.route.name];
    const run = async (): Promise<void> => handler?.(this.#ports, call, this.#state);
    run().catch((error: unknown) => {
      this.#ports.bug(error);
      if (response.headersSent) return void response.destroy();
      const message = "Cannot answer the request: a bug in Skein, logged by this worker";
      sendRefusal(response, { status: 500, code: "bug", message });
    });
  }
}

function matchOf(request: IncomingMessage): Match | undefined {
  const { method = "GET", url = "/" } = request;
  const match = matchRoute(method, url.split("?", 1)[0] ?? "/");
  return match.ok && HANDLERS[match.value.route.name] !== undefined ? match.value : undefined;
}

function asChecked(read: Awaited<ReturnType<typeof readBody>>): Awaited<ReturnType<Call["body"]>> {
  return read.ok ? read : refuse(read.error.status, read.error.code, read.error.message);
}

/** Node leaves the body of such a request in the stream: its declared length comes first. */
async function upgradedBody(request: IncomingMessage, socket: Duplex): ReturnType<Call["body"]> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (request.headers["transfer-encoding"] !== undefined) {
    const message = "a request that upgrades its connection must declare Content-Length";
    return refuse(411, "length-required", message);
  }
  if (!Number.isInteger(length) || length > EXEC_BODY_BYTES_MAX) {
    const message = `the request body is longer than ${EXEC_BODY_BYTES_MAX} bytes`;
    return refuse(413, "body-too-large", message);
  }
  const bytes = await takeBytes(socket, length);
  if (bytes !== undefined) return { ok: true, value: bytes };
  return refuse(400, "body-aborted", "the request ended before its body did");
}

function upgraded(type: string): string {
  const headers = { "Content-Type": type, Connection: "Upgrade", Upgrade: "tcp" };
  const lines = Object.entries({ ...headers, ...COMMON_HEADERS }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `HTTP/1.1 101 UPGRADED\r\n${lines.join("")}\r\n`;
}

/** A client that did not ask for an upgrade has sent its whole request: it can only listen. */
function outOnly(response: ServerResponse): Duplex {
  return Duplex.from({ readable: Readable.from([]), writable: response });
}
