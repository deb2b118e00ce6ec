/** Deadlines in store time, where any of them may be absent. */
import type { StoreTime } from "@skein/common/time";

export function sooner(a: StoreTime | undefined, b: StoreTime | undefined): StoreTime | undefined {
  if (a === undefined) return b;
  return b === undefined || a <= b ? a : b;
}
