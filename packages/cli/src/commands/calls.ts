/** Calls that end the command with a readable line when they fail. */
import type { ApiClient, ApiError, ApiRequest } from "../api/client.ts";
import { plainReason } from "../api/client.ts";
import { at, listAt, numberAt, textAt } from "../api/read.ts";
import { UPDATE_ATTEMPTS_MAX } from "../limits.ts";
import type { GlobalOptions } from "./context.ts";
import { apiClient, CommandError, orFail } from "./context.ts";

/** The client for this command line, or a refusal. */
export async function client(flags: GlobalOptions, what: string): Promise<ApiClient> {
  return orFail(await apiClient(flags), what);
}

export async function call(api: ApiClient, request: ApiRequest, what: string): Promise<unknown> {
  const answer = await api.call(request);
  if (answer.ok) return answer.value;
  throw refusal(answer.error, what);
}

/** `Cannot <what>: <reason>`; the API refuses in full sentences of that form: not said twice. */
export function refusal({ status, message }: ApiError, what: string): CommandError {
  if (status === 0) {
    return new CommandError(
      `Cannot ${what}: the cluster does not answer (${message}): skein status`,
    );
  }
  const reason = plainReason(message);
  if (reason.startsWith("Cannot ")) return new CommandError(reason);
  return new CommandError(`Cannot ${what}: ${reason}${remedyOf(reason)}`);
}

function remedyOf(reason: string): string {
  if (reason.startsWith("there is no leader")) return ": skein status names those that are missing";
  const kind = /^(service|node|config|network) \S+ not found$/.exec(reason)?.[1];
  if (kind !== undefined) return `: skein ${kind} ls`;
  const taken = /^name conflicts with an existing object: service (\S+) already exists$/.exec(
    reason,
  );
  if (taken !== null) return `: give another --name, or skein service rm ${taken[1]}`;
  return "";
}

export async function list(
  api: ApiClient,
  request: Pick<ApiRequest, "path" | "query">,
  what: string,
): Promise<readonly unknown[]> {
  return listAt({ all: await call(api, { method: "GET", ...request }, what) }, "all");
}

/** Nodes, services or tasks as they were. */
export function listAtTime(
  api: ApiClient,
  { list: kind, time }: { readonly list: "nodes" | "services" | "tasks"; readonly time: number },
  what: string,
): Promise<readonly unknown[]> {
  return list(api, { path: `/skein/v1/at/${kind}`, query: { time: String(time) } }, what);
}

/** `key=value` words of `--filter`, as the API wants them. */
export function filterQuery(words: readonly string[], what: string): Record<string, string> {
  const filters: Record<string, Record<string, boolean>> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new CommandError(`Cannot ${what}: ${word} is not a filter: key=value`);
    const key = word.slice(0, at);
    filters[key] = { ...filters[key], [word.slice(at + 1)]: true };
  }
  return words.length === 0 ? {} : { filters: JSON.stringify(filters) };
}

/** Tasks of one service or node. */
export function tasksOf(
  api: ApiClient,
  words: readonly string[],
  what: string,
): Promise<readonly unknown[]> {
  return list(api, { path: "/tasks", query: filterQuery(words, what) }, what);
}

export interface Change {
  readonly api: ApiClient;
  readonly kind: "services" | "nodes";
  readonly name: string;
  readonly what: string;
  /** The new spec, from what was found. */
  readonly edit: (found: unknown) => unknown;
  readonly query?: Readonly<Record<string, string>>;
}

/**
 * Reads, edits, writes; again when somebody else's change came between, since the edit is of what
 * it finds. Returns what it found and the answer.
 */
export async function change(asked: Change): Promise<{
  readonly found: unknown;
  readonly answer: unknown;
}> {
  const { api, kind, what } = asked;
  for (let attempt = 1; ; attempt += 1) {
    const path = `/${kind}/${encodeURIComponent(asked.name)}`;
    const found = await call(api, { method: "GET", path }, what);
    const answer = await api.call({
      method: "POST",
      path: `/${kind}/${textAt(found, "ID")}/update`,
      query: { version: String(numberAt(found, "Version", "Index")), ...asked.query },
      body: asked.edit(found),
    });
    if (answer.ok) return { found, answer: answer.value };
    const stale = /out of sequence/.test(answer.error.message);
    if (!stale || attempt === UPDATE_ATTEMPTS_MAX) throw refusal(answer.error, what);
  }
}

export function nameOf(object: unknown): string {
  return textAt(object, "Spec", "Name");
}

/** What names a task in its service: the slot, or of a global service the node, as in Docker. */
export function slotOf(task: unknown): string {
  const slot = numberAt(task, "Slot");
  if (slot !== 0 || at(task, "JobIteration") !== undefined) return String(slot);
  return textAt(task, "NodeID");
}

/** Sorted as people count: web.2 before web.10. */
export function compareNames(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Managers first, then by name. */
export function compareNodes(a: unknown, b: unknown): number {
  const role = (node: unknown): string => textAt(node, "Spec", "Role");
  const name = (node: unknown): string => textAt(node, "Description", "Hostname");
  return compareNames(role(a), role(b)) || compareNames(name(a), name(b));
}

export function isLeader(node: unknown): boolean {
  return at(node, "ManagerStatus", "Leader") === true;
}
