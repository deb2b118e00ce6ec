/** References as people type them: a full id, else an exact name, else the beginning of an id. */
import type { Config } from "@skein/common/model/config";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, notFound } from "./api-error.ts";
import { nodeName } from "./engine/node.ts";

/** A service that was removed is gone for its user, even while its last tasks stop. */
export function resolveService(view: ClusterView, reference: string): Checked<Service> {
  const named = view.serviceByName(reference);
  if (named !== undefined && named.removed !== true) return ok(named);
  const living = view.services.list().filter((service) => service.removed !== true);
  return resolve(living, { kind: "service", reference, name: (service) => service.spec.name });
}

export function resolveNode(view: ClusterView, reference: string): Checked<Node> {
  return resolve(view.nodes.list(), { kind: "node", reference, name: nodeName });
}

/** Tasks have no names to go by: "web.1" names another task after each replacement. */
export function resolveTask(view: ClusterView, reference: string): Checked<Task> {
  return resolve(view.tasks.list(), { kind: "task", reference, name: () => undefined });
}

export function resolveConfig(view: ClusterView, reference: string): Checked<Config> {
  const named = view.configByName(reference);
  if (named !== undefined) return ok(named);
  const rows = view.configs.list();
  return resolve(rows, { kind: "config", reference, name: (config) => config.spec.name });
}

export function resolveSecret(view: ClusterView, reference: string): Checked<Secret> {
  const named = view.secretByName(reference);
  if (named !== undefined) return ok(named);
  const rows = view.secrets.list();
  return resolve(rows, { kind: "secret", reference, name: (secret) => secret.spec.name });
}

interface Query<Row> {
  readonly kind: string;
  readonly reference: string;
  readonly name: (row: Row) => string | undefined;
}

function resolve<Row extends { readonly id: string }>(
  rows: readonly Row[],
  query: Query<Row>,
): Checked<Row> {
  const { kind, reference, name } = query;
  const exact = rows.find((row) => row.id === reference);
  if (exact !== undefined) return ok(exact);
  const tests = [
    (row: Row) => name(row) === reference,
    (row: Row) => reference !== "" && row.id.startsWith(reference),
  ];
  for (const test of tests) {
    const [first, ...others] = rows.filter(test);
    if (first === undefined) continue;
    if (others.length === 0) return ok(first);
    return badRequest(`${kind} ${reference} is ambiguous (${others.length + 1} matches found)`);
  }
  return notFound(kind, reference);
}
