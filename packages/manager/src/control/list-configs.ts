/** GET /configs: filters id, name, label. */
import type { Config } from "@skein/common/model/config";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf } from "./filters.ts";

export const CONFIG_FILTERS = ["id", "name", "names", "label"] as const;

export function listConfigs(view: ClusterView, filters: Filters): Checked<readonly Config[]> {
  return ok(
    view.configs
      .list()
      .filter(
        ({ id, spec }) =>
          anyOf(filters, "id", (prefix) => id.startsWith(prefix)) &&
          anyOf(filters, "name", (prefix) => spec.name.startsWith(prefix)) &&
          anyOf(filters, "names", (name) => spec.name === name) &&
          allLabels(filters, "label", spec.labels),
      ),
  );
}
