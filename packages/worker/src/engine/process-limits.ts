/**
 * `--ulimit` and `--oom-score-adj` as words of the wrapper's shell, for its own process, from which
 * the command inherits them. Both are the process's own to change (hard limits downwards only).
 */
import type { RunSpec } from "./engine.ts";

interface Ulimit {
  /** The letter of the shell's `ulimit`, the same in dash and in bash. */
  readonly letter: string;
  /** Bytes a unit of it has; 1: plain numbers. */
  readonly unit: number;
}

export const ULIMITS: Readonly<Record<string, Ulimit>> = {
  core: { letter: "c", unit: 512 },
  cpu: { letter: "t", unit: 1 },
  data: { letter: "d", unit: 1024 },
  fsize: { letter: "f", unit: 512 },
  memlock: { letter: "l", unit: 1024 },
  nofile: { letter: "n", unit: 1 },
  stack: { letter: "s", unit: 1024 },
  as: { letter: "v", unit: 1024 },
};

/** Shell commands, each of which ends the wrapper with the system's words when it fails. */
export function preludeOf({ ulimits = [], oomScoreAdj }: RunSpec): readonly string[] {
  const commands = ulimits.flatMap(({ name, soft, hard }) => {
    const known = ULIMITS[name];
    if (known === undefined) return [];
    const value = (amount: number): string => String(Math.floor(amount / known.unit));
    // The soft limit first: it must never be above the hard one.
    return [
      `ulimit -S -${known.letter} ${value(soft)}`,
      `ulimit -H -${known.letter} ${value(hard)}`,
    ];
  });
  const score = oomScoreAdj === undefined ? [] : [`echo ${oomScoreAdj} >/proc/self/oom_score_adj`];
  return [...commands, ...score].map((command) => `${command} || exit 125`);
}
