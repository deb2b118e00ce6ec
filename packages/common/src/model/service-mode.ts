/** What is asked of a service's mode, in one place. */
import type { JobSchedule, ServiceMode } from "./service.ts";

/** Undefined: it depends on the nodes. */
export function replicasOf(mode: ServiceMode): number | undefined {
  if (mode.kind === "replicated") return mode.replicas;
  return mode.kind === "replicated-job" ? mode.completions : undefined;
}

/** Its tasks are meant to end. */
export function isJob({ kind }: ServiceMode): boolean {
  return kind === "replicated-job" || kind === "global-job";
}

/** One slot a node. */
export function isGlobal({ kind }: ServiceMode): boolean {
  return kind === "global" || kind === "global-job";
}

export function scheduleOf(mode: ServiceMode): JobSchedule | undefined {
  return mode.kind === "replicated-job" || mode.kind === "global-job" ? mode.schedule : undefined;
}
