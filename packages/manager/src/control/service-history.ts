/** The versions of a service, newest first, each with what it changed of the one before. */
import type { Service } from "@skein/common/model/service";
import { formatWall } from "./engine/time.ts";
import type { SpecChange } from "./spec-diff.ts";
import { diffSpecs } from "./spec-diff.ts";

export interface Version {
  /** What `rollback --to` takes. */
  readonly version: number;
  readonly current: boolean;
  /** Absent for the one in force. */
  readonly until?: string;
  readonly changes: readonly SpecChange[];
}

export function serviceHistory({ spec, specIndex, history = [] }: Service): readonly Version[] {
  const all = [{ specIndex, spec, until: undefined }, ...history];
  return all.map(({ specIndex: version, spec: one, until }, index) => {
    const before = all[index + 1]?.spec.engine;
    return {
      version,
      current: index === 0,
      ...(until === undefined ? {} : { until: formatWall(until) }),
      changes: before === undefined ? [] : diffSpecs(before, one.engine),
    };
  });
}
