/**
 * What the task reserves must be free. Use does not count, only reservations: the user's promise.
 */
import type { Filter } from "../filter.ts";
import { nodesText } from "../filter.ts";
import { freeUnits } from "../generic.ts";

export const resourcesFilter: Filter = {
  name: "resources",
  applies: ({ task, generic }) =>
    generic.length > 0 ||
    (task.spec.reservedNanoCpus ?? 0) > 0 ||
    (task.spec.reservedMemoryBytes ?? 0) > 0,
  admits: ({ task, generic }, { info }) =>
    generic.every(([kind, count]) => freeUnits(info, kind).length >= count) &&
    info.freeNanoCpus >= (task.spec.reservedNanoCpus ?? 0) &&
    info.freeMemoryBytes >= (task.spec.reservedMemoryBytes ?? 0),
  explain: (count) => `insufficient resources on ${nodesText(count)}`,
};
