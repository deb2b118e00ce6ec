/** A service refers to secrets and configs that exist: by id, as its client looked them up. */
import { configId, secretId } from "@skein/common/ids";
import type { ServiceSpec } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { invalidArgument } from "./api-error.ts";

export function checkFiles(view: ClusterView, spec: ServiceSpec): Checked<undefined> {
  for (const { kind, id, name } of spec.task.process.files ?? []) {
    const row = kind === "secret" ? view.secrets.get(secretId(id)) : view.configs.get(configId(id));
    if (row === undefined) return invalidArgument(`${kind} not found: ${name}`);
  }
  return ok(undefined);
}
