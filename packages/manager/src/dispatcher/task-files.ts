/**
 * The values of secrets and configs, sent before the assignments whose tasks find them as files:
 * to no other node, and again with every assignment that may start a task, since a worker forgets a
 * value as soon as it has written the files.
 */
import type { SecretId } from "@skein/common/ids";
import { configId, secretId } from "@skein/common/ids";
import type { TaskFile } from "@skein/common/model/secret";
import type { Sealed } from "@skein/common/model/trust";
import type { Assignment, ToWorker } from "@skein/common/wire/dispatch-messages";
import type { ClusterView } from "../store/view.ts";

/** Undefined: this manager cannot open it. */
export type OpenSecret = (id: SecretId, sealed: Sealed) => Uint8Array | undefined;

export function fileMessages(
  view: ClusterView,
  message: ToWorker | undefined,
  open: OpenSecret,
): readonly ToWorker[] {
  if (message?.kind !== "assignments") return [];
  const needed = new Map<string, TaskFile>();
  for (const assignment of message.put.filter(mayStart)) {
    for (const file of assignment.spec.process.files ?? []) needed.set(file.id, file);
  }
  return [...needed.values()].flatMap((file) => {
    const data = valueOf(view, file, open);
    return data === undefined ? [] : [{ kind: "file", id: file.id, data } as const];
  });
}

function mayStart({ desired }: Assignment): boolean {
  return desired === "ready" || desired === "running";
}

function valueOf(view: ClusterView, file: TaskFile, open: OpenSecret): Uint8Array | undefined {
  if (file.kind === "config") return view.configs.get(configId(file.id))?.spec.data;
  const secret = view.secrets.get(secretId(file.id));
  return secret === undefined ? undefined : open(secret.id, secret.spec.data);
}
