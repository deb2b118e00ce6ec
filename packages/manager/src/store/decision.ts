/**
 * What controllers return: commands without envelope. A decider is a pure function from a view and
 * the leader's store time; run again on the state that results, it decides nothing (a property test
 * for each).
 */
import type { StoreTime } from "@skein/common/time";
import type { Command } from "./command.ts";
import type { ClusterView } from "./view.ts";

export interface Decided {
  readonly commands: readonly Command[];
  /** When to look again even if nothing changes (a deadline in store time). */
  readonly again?: StoreTime;
}

export interface DecideContext {
  readonly view: ClusterView;
  /** Last committed store time plus the leader's monotonic time since. */
  readonly now: StoreTime;
  /** The leader's wall clock: for schedules alone, since it may jump. */
  readonly wall: number;
  /** Fresh ids for new tasks. */
  readonly newId: () => string;
}

export type Decider = (context: DecideContext) => Decided;
