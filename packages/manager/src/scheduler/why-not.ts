/** Why one node does not take a task, with the figures: what `skein explain` and `plan` show. */

import { unmetConstraint } from "./constraint.ts";
import type { Candidate } from "./filter.ts";
import { freeUnits } from "./generic.ts";
import type { Pipeline } from "./pipeline.ts";

const MIB = 1024 * 1024;

/** Undefined: it would take one. The filter is the first that refuses, as everywhere. */
export function whyNot(pipeline: Pipeline, candidate: Candidate): string | undefined {
  const refused = pipeline.filters.find((filter) => !filter.admits(pipeline.ask, candidate));
  if (refused === undefined) return undefined;
  const detail = DETAILS[refused.name];
  return detail === undefined ? refused.explain(1) : detail(pipeline, candidate);
}

type Detail = (pipeline: Pipeline, candidate: Candidate) => string;

const DETAILS: Readonly<Record<string, Detail>> = {
  ready: (_pipeline, { info }) => {
    const { status, spec } = info.node;
    if (status.state !== "ready") {
      return `is ${status.state}${status.message === "" ? "" : `: ${status.message}`}`;
    }
    return `its availability is ${spec.availability}`;
  },
  resources: ({ ask }, { info }) => {
    const { reservedNanoCpus = 0, reservedMemoryBytes = 0 } = ask.task.spec;
    if (info.freeNanoCpus < reservedNanoCpus) {
      return `has ${cpus(info.freeNanoCpus)} CPUs free, of ${cpus(reservedNanoCpus)} asked for`;
    }
    if (info.freeMemoryBytes < reservedMemoryBytes) {
      const asked = mebibytes(reservedMemoryBytes);
      return `has ${mebibytes(info.freeMemoryBytes)} of memory free, of ${asked} asked for`;
    }
    const lacking = ask.generic.find(([kind, count]) => freeUnits(info, kind).length < count);
    const [kind = "", count = 0] = lacking ?? [];
    return `has ${freeUnits(info, kind).length} of ${kind} free, of ${count} asked for`;
  },
  limits: ({ ask }, { info }) => {
    const missing = ask.limits.filter(
      (kind) => info.node.description.limits?.includes(kind) !== true,
    );
    return `cannot enforce a limit of ${missing.join(" and ")} (no writable cgroup)`;
  },
  constraints: ({ constraintTexts }, { info }) =>
    `does not meet ${unmetConstraint(constraintTexts, info.node) ?? "the constraints"}`,
  "host-ports": ({ ask }, { info }) =>
    `port ${ask.hostPorts.find((port) => info.hostPorts.has(port))} of it is in use`,
  "max-replicas": ({ ask }, { serviceTasks }) =>
    `runs ${serviceTasks} of at most ${ask.task.spec.maxReplicasPerNode} tasks of the service`,
};

function cpus(nano: number): string {
  return String(Math.floor(nano / 10_000_000) / 100);
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`;
}
