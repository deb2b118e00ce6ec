/**
 * Finds the route of a request: strips the version prefix, compares segments, keeps what the
 * placeholders matched. Literal segments win over placeholders (`/containers/json` over
 * `/containers/{id}`), because the table's literal rows are tried first.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { API_VERSION, API_VERSION_MIN } from "./api-version.ts";
import type { Route } from "./routes.ts";
import { ROUTES } from "./routes.ts";

export interface Match {
  readonly route: Route;
  /** What `{id}` or `{name}` stood for; empty for a route without one. */
  readonly subject: string;
  /** "1.41"; the newest when the path had no version. */
  readonly apiVersion: string;
}

export interface NoRoute {
  readonly status: 400 | 404;
  readonly message: string;
}

/** `path` is the request's path without the query, still percent-encoded. */
export function matchRoute(method: string, path: string): Result<Match, NoRoute> {
  const version = /^\/v(\d{1,3}\.\d{1,3})(?=\/)/.exec(path);
  const apiVersion = version?.[1] ?? API_VERSION;
  const refused = refuseVersion(apiVersion);
  if (refused !== undefined) return fail({ status: 400, message: refused });
  const rest = version === null ? path : path.slice(version[0].length);
  for (const { route, segments } of candidates(method, rest)) {
    const subject = matchSegments(segments, rest.slice(1).split("/"));
    if (subject === undefined) continue;
    const decoded = decodeSegment(subject);
    if (decoded === undefined) {
      return fail({ status: 400, message: `invalid URL escape in ${JSON.stringify(subject)}` });
    }
    return ok({ route, subject: decoded, apiVersion });
  }
  return fail({ status: 404, message: "page not found" });
}

/** Docker's texts for an API version this server does not speak. */
export function refuseVersion(version: string): string | undefined {
  if (compareVersions(version, API_VERSION) > 0) {
    return (
      `client version ${version} is too new. ` + `Maximum supported API version is ${API_VERSION}`
    );
  }
  if (compareVersions(version, API_VERSION_MIN) < 0) {
    return (
      `client version ${version} is too old. Minimum supported API version is ` +
      `${API_VERSION_MIN}, please upgrade your client to a newer version`
    );
  }
  return undefined;
}

export function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

interface Candidate {
  readonly route: Route;
  readonly segments: readonly string[];
}

/** Rows by method and first segment, literal rows first: a request compares a handful. */
const INDEX: ReadonlyMap<string, readonly Candidate[]> = indexRoutes();

function indexRoutes(): ReadonlyMap<string, readonly Candidate[]> {
  const index = new Map<string, Candidate[]>();
  for (const route of ROUTES) {
    const segments = route.path.slice(1).split("/");
    const key = `${route.method} ${segments[0]}`;
    const list = index.get(key) ?? [];
    list.push({ route, segments });
    index.set(key, list);
  }
  const holes = (candidate: Candidate): number => (candidate.route.path.includes("{") ? 1 : 0);
  for (const list of index.values()) list.sort((a, b) => holes(a) - holes(b));
  return index;
}

function candidates(method: string, path: string): readonly Candidate[] {
  return INDEX.get(`${method} ${path.slice(1).split("/", 1)[0]}`) ?? [];
}

/** The text a placeholder matched, "" when there is none, undefined when the path differs. */
function matchSegments(pattern: readonly string[], actual: readonly string[]): string | undefined {
  const hole = pattern.findIndex((segment) => segment.startsWith("{"));
  if (hole < 0) return pattern.join("/") === actual.join("/") ? "" : undefined;
  const spare = actual.length - pattern.length;
  if (spare < 0 || (spare > 0 && pattern[hole] !== "{name}")) return undefined;
  const head = actual.slice(0, hole).join("/") === pattern.slice(0, hole).join("/");
  const tail = actual.slice(hole + spare + 1).join("/") === pattern.slice(hole + 1).join("/");
  const subject = actual.slice(hole, hole + spare + 1).join("/");
  return head && tail && subject !== "" ? subject : undefined;
}

function decodeSegment(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
