/** At most so many wanted tasks of the service on one node. */
import type { Filter } from "../filter.ts";

export const maxReplicasFilter: Filter = {
  name: "max-replicas",
  applies: ({ task }) => (task.spec.maxReplicasPerNode ?? 0) > 0,
  admits: ({ task }, { serviceTasks }) => serviceTasks < (task.spec.maxReplicasPerNode ?? 0),
  // Docker's text names no number.
  explain: () => "max replicas per node limit exceed",
};
