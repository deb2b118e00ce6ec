/** Calls that end the command with a readable line when they fail. */
import type { ApiClient, ApiRequest } from "../api/client.ts";
import { at, listAt, textAt } from "../api/read.ts";
import type { GlobalOptions } from "./context.ts";
import { apiClient, CommandError, orFail } from "./context.ts";

/** The client for this command line, or a refusal. */
export async function client(flags: GlobalOptions, what: string): Promise<ApiClient> {
  return orFail(await apiClient(flags), what);
}

export async function call(api: ApiClient, request: ApiRequest, what: string): Promise<unknown> {
  const answer = await api.call(request);
  if (answer.ok) return answer.value;
  const { status, message } = answer.error;
  const reason = message.replace(/^rpc error: code = \w+ desc = /, "");
  if (status === 0) {
    throw new CommandError(
      `Cannot ${what}: the cluster does not answer (${message}): skein status`,
    );
  }
  // The API refuses in full sentences of the same form: not said twice.
  throw new CommandError(reason.startsWith("Cannot ") ? reason : `Cannot ${what}: ${reason}`);
}

export async function list(
  api: ApiClient,
  path: string,
  what: string,
): Promise<readonly unknown[]> {
  return listAt({ all: await call(api, { method: "GET", path }, what) }, "all");
}

/** Tasks of one service or node. */
export function tasksOf(
  api: ApiClient,
  filter: Readonly<Record<string, string>>,
  what: string,
): Promise<readonly unknown[]> {
  const filters: Record<string, Record<string, boolean>> = {};
  for (const [key, value] of Object.entries(filter)) filters[key] = { [value]: true };
  const query = new URLSearchParams({ filters: JSON.stringify(filters) });
  return list(api, `/tasks?${query.toString()}`, what);
}

export function nameOf(object: unknown): string {
  return textAt(object, "Spec", "Name");
}

export function versionOf(object: unknown): string {
  return String(at(object, "Version", "Index") ?? 0);
}
