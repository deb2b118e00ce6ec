/** The filters in Swarm's order. The first one that refuses a node is the reason a user reads. */
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { constraintOf } from "./constraint.ts";
import { constraintsFilter } from "./filter/constraints.ts";
import { hostPortsFilter } from "./filter/host-ports.ts";
import { limitsFilter } from "./filter/limits.ts";
import { maxReplicasFilter } from "./filter/max-replicas.ts";
import { readyFilter } from "./filter/ready.ts";
import { resourcesFilter } from "./filter/resources.ts";
import type { Candidate, Filter, TaskAsk } from "./filter.ts";
import { hostPortKeys } from "./node-info.ts";

export const filters: readonly Filter[] = [
  readyFilter,
  resourcesFilter,
  limitsFilter,
  constraintsFilter,
  hostPortsFilter,
  maxReplicasFilter,
];

export interface Pipeline {
  readonly ask: TaskAsk;
  /** Only those this task asks something of. */
  readonly filters: readonly Filter[];
  /** As the user wrote them, for people. */
  readonly constraintTexts: readonly string[];
}

export function pipelineFor(task: Task, { constraints }: TaskSpec): Pipeline {
  const ask: TaskAsk = {
    task,
    constraints: constraints.map(constraintOf),
    hostPorts: hostPortKeys(task.ports),
    limits: limitsOf(task.spec),
    generic: Object.entries(task.spec.generic ?? {}),
  };
  const asked = filters.filter((filter) => filter.applies(ask));
  return { ask, filters: asked, constraintTexts: constraints };
}

function limitsOf(spec: TaskSpec): readonly string[] {
  return [
    ...(spec.limitNanoCpus === undefined ? [] : ["cpu"]),
    ...(spec.limitMemoryBytes === undefined ? [] : ["memory"]),
    ...(spec.limitPids === undefined ? [] : ["pids"]),
  ];
}

export function admits(pipeline: Pipeline, candidate: Candidate): boolean {
  return pipeline.filters.every((filter) => filter.admits(pipeline.ask, candidate));
}

/** Docker's sentence: reasons by number of nodes, most first. */
export function explain(pipeline: Pipeline, candidates: readonly Candidate[]): string {
  const refusals = new Map<Filter, number>();
  for (const candidate of candidates) {
    const filter = pipeline.filters.find((one) => !one.admits(pipeline.ask, candidate));
    if (filter !== undefined) refusals.set(filter, (refusals.get(filter) ?? 0) + 1);
  }
  // The sort is stable, so that equal counts keep the order in which they were met: by filter.
  const ordered = filters
    .map((filter) => ({ filter, count: refusals.get(filter) ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  if (ordered.length === 0) return "no suitable node";
  const reasons = ordered.map(({ filter, count }) => filter.explain(count));
  return `no suitable node (${reasons.join("; ")})`;
}
