/** Ulimits, out-of-memory scores, generic resources: what is refused, and what is read. */
import type { ProcessSpec, TaskSpec } from "@skein/common/model/service";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument } from "../api-error.ts";
import type { EngineContainerSpec, EngineTaskSpec } from "./service-shape.ts";

/** Those that the shells of all systems can set; the rest would be refused on the node. */
const ULIMITS: readonly string[] = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "memlock",
  "nofile",
  "stack",
];

type Ulimits = NonNullable<EngineContainerSpec["Ulimits"]>;
type Amounts = NonNullable<NonNullable<EngineTaskSpec["Resources"]>["Reservations"]>;
type GenericResources = NonNullable<Amounts["GenericResources"]>;

export function checkProcess(task: EngineTaskSpec, what: string): Checked<never> | undefined {
  const { Ulimits = [], OomScoreAdj = 0 } = task.ContainerSpec ?? {};
  for (const { Name = "", Hard = 0, Soft = 0 } of Ulimits) {
    if (!ULIMITS.includes(Name)) {
      return badRequest(`${what}: ulimit ${Name} cannot be set: known are ${ULIMITS.join(", ")}`);
    }
    if (Hard < 0 || Soft < 0 || Soft > Hard) {
      return badRequest(`${what}: ulimit ${Name}: soft ${Soft} and hard ${Hard} do not fit`);
    }
  }
  if (Math.abs(OomScoreAdj) > 1000) {
    return badRequest(`${what}: --oom-score-adj ${OomScoreAdj} is not between -1000 and 1000`);
  }
  if ((task.Resources?.Limits?.Pids ?? 0) < 0) {
    return invalidArgument("invalid pids value: must not be negative");
  }
  return checkGeneric(task, what);
}

function checkGeneric({ Resources }: EngineTaskSpec, what: string): Checked<never> | undefined {
  if ((Resources?.Limits?.GenericResources ?? []).length > 0) {
    return badRequest(`${what}: generic resources are reserved, they cannot be limited`);
  }
  for (const one of Resources?.Reservations?.GenericResources ?? []) {
    const { Kind = "", Value = 0 } = one.DiscreteResourceSpec ?? {};
    if (Kind !== "" && Value > 0 && Value <= 1_000_000) continue;
    return badRequest(`${what}: a generic resource is asked for by number, as in gpu=2`);
  }
  return undefined;
}

export function readUlimits(ulimits: Ulimits): Pick<ProcessSpec, "ulimits"> {
  if (ulimits.length === 0) return {};
  const read = ulimits.map(({ Name = "", Hard = 0, Soft = 0 }) => ({
    name: Name,
    soft: Soft,
    hard: Hard,
  }));
  return { ulimits: read };
}

export function readGeneric(resources: GenericResources): Pick<TaskSpec, "generic"> {
  if (resources.length === 0) return {};
  const counts = new Map<string, number>();
  for (const { DiscreteResourceSpec: one } of resources) {
    const { Kind = "", Value = 0 } = one ?? {};
    counts.set(Kind, (counts.get(Kind) ?? 0) + Value);
  }
  return { generic: Object.fromEntries(counts) };
}
