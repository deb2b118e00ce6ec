/** A process of `npm run sim`: runs the seeds that it is given, one after the other. */
import type { SeedReport } from "../../test/sim/report.ts";
import { isKind, runSeedOf } from "./kinds.ts";

export interface ToWorker {
  readonly seed: number;
}

export type FromWorker =
  | { readonly kind: "ok"; readonly report: Omit<SeedReport, "trace"> }
  | { readonly kind: "failed"; readonly seed: number; readonly error: string };

const kind = process.argv[2] ?? "";
if (!isKind(kind)) throw new Error(`there is no kind ${kind}`);

// The cast: sim.ts sends nothing else.
process.on("message", (order) => process.send?.(run((order as ToWorker).seed)));

function run(seed: number): FromWorker {
  if (!isKind(kind)) throw new Error(`there is no kind ${kind}`);
  try {
    const { trace: _, ...report } = runSeedOf(kind, seed);
    return { kind: "ok", report };
  } catch (error) {
    return { kind: "failed", seed, error: rootOf(error) };
  }
}

function rootOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? rootOf(error.cause) : error.message;
}
