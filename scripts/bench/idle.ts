/**
 * Memory of an idle cluster, 3 managers and 3 workers: what each process has for itself and its
 * share of what it has with others (PSS), after a minute.
 */
import { readFileSync } from "node:fs";
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { pause } from "../../test/support/wait.ts";
import { report } from "./report.ts";

const IDLE_MS = 60_000;

export async function benchIdle(): Promise<void> {
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 3);
    await pause(IDLE_MS);
    for (const kind of ["manager", "worker"] as const) {
      const sizes = cluster.nodes().flatMap(({ pids }) => {
        const pid = pids[kind];
        return pid === undefined ? [] : [pssMegabytes(pid)];
      });
      const sorted = sizes.toSorted((a, b) => a - b);
      report({
        bench: "idle",
        case: `memory of a ${kind} (PSS), the largest of ${sorted.length}`,
        unit: "MB",
        better: "lower",
        ours: sorted.at(-1) ?? Number.NaN,
        p50: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
        peer: null,
      });
    }
  } finally {
    await cluster.down();
  }
}

export function pssMegabytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(
    readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"),
  )?.[1];
  return Math.round(Number(kilobytes ?? Number.NaN) / 102.4) / 10;
}
