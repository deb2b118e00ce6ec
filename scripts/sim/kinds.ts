/** The simulators by kind. */
import { runRaftSeed } from "../../test/sim/raft/run-raft-seed.ts";
import type { SeedReport } from "../../test/sim/report.ts";
import { runSeed } from "../../test/sim/world/run-seed.ts";

/** `raft`: Raft, its log and its state machine alone; `cluster`: managers and workers. */
const KINDS = ["raft", "cluster"] as const;
export type Kind = (typeof KINDS)[number];

export function isKind(kind: string): kind is Kind {
  return KINDS.some((known) => known === kind);
}

export function runSeedOf(kind: Kind, seed: number): SeedReport {
  return kind === "raft" ? runRaftSeed({ seed }) : runSeed({ seed });
}
