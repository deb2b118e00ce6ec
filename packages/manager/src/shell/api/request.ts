/** One HTTP request, read: the route it names, its parameters, its body. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Match } from "@skein/common/api/match-route";
import type { RequestId } from "@skein/common/ids";
import { requestId } from "@skein/common/ids";
import { readBody } from "@skein/common/node/http-server";
import { ok } from "@skein/common/result";
import type { Checked } from "../../control/api-error.ts";
import { badRequest, refuse } from "../../control/api-error.ts";
import { parseGoJson } from "../../control/engine/go-json.ts";
import type { Filters } from "../../control/filters.ts";
import { parseFilters } from "../../control/filters.ts";
import {
  BODY_BYTES_MAX,
  CONFIG_BODY_BYTES_MAX,
  DISCARD_BYTES_MAX,
  STACK_BODY_BYTES_MAX,
} from "../../limits.ts";

export const REQUEST_ID_HEADER = "x-skein-request-id";

export interface ApiRequest extends Match {
  readonly method: string;
  /** Path and query as received: what is forwarded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  readonly requestId: RequestId;
}

/**
 * The first value, as Go's `r.FormValue` gives it; "" counts as absent nowhere but where Go does.
 */
export function parameter(request: ApiRequest, name: string): string | undefined {
  return request.query.get(name) ?? undefined;
}

export function filtersOf(request: ApiRequest, known: readonly string[]): Checked<Filters> {
  return parseFilters(parameter(request, "filters"), known);
}

/** The JSON body, with Go's words for what is wrong with it. */
export function jsonBody(request: ApiRequest): Checked<unknown> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return badRequest(`unsupported Content-Type header (${type}): must be 'application/json'`);
  }
  if (request.body.length === 0) return badRequest("got EOF while reading request body");
  const parsed = parseGoJson(request.body.toString("utf8"));
  return parsed.ok ? parsed : badRequest(parsed.error);
}

/** Routes whose bodies carry contents. */
const BODY_BOUNDS: Readonly<Partial<Record<string, number>>> = {
  "config-create": CONFIG_BODY_BYTES_MAX,
  "stack-deploy": STACK_BODY_BYTES_MAX,
};

/** Reads the body up to its bound; what is larger is refused without being read. */
export async function readApiBody(
  incoming: IncomingMessage,
  match: Match,
): Promise<Checked<Buffer>> {
  const bound = BODY_BOUNDS[match.route.name] ?? BODY_BYTES_MAX;
  const body = await readBody(incoming, bound);
  if (body.ok) return body;
  discardBody(incoming);
  return refuse(body.error.status, body.error.code, body.error.message);
}

/**
 * Reads what is left of a body that nobody wants: a client that is still writing when the
 * connection closes shows "broken pipe" instead of the answer.
 */
export function discardBody(incoming: IncomingMessage): void {
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES_MAX) incoming.destroy();
  });
  incoming.resume();
}

/** The client's key, the id a forwarding manager gave it, or a new one. */
export function requestIdOf(headers: IncomingHttpHeaders, newId: () => string): Checked<RequestId> {
  const given = headers["idempotency-key"] ?? headers[REQUEST_ID_HEADER];
  if (given === undefined) return ok(requestId(newId()));
  if (typeof given === "string" && /^[\w.:-]{1,64}$/.test(given)) return ok(requestId(given));
  return badRequest(
    "invalid Idempotency-Key: 1 to 64 letters, digits and any of . _ : - are allowed",
  );
}
