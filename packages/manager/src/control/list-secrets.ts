/** GET /secrets: filters id, name, names, label. */
import type { Secret } from "@skein/common/model/secret";
import type { ClusterView } from "../store/view.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf } from "./filters.ts";

export function listSecrets(view: ClusterView, filters: Filters): readonly Secret[] {
  return view.secrets
    .list()
    .filter(
      ({ id, spec }) =>
        anyOf(filters, "id", (prefix) => id.startsWith(prefix)) &&
        anyOf(filters, "name", (prefix) => spec.name.startsWith(prefix)) &&
        anyOf(filters, "names", (name) => spec.name === name) &&
        allLabels(filters, "label", spec.labels),
    );
}
