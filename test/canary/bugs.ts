/** Every planted bug, by what it is planted into. */
import { AGENT_BUGS, DISPATCHER_BUGS, PROPOSAL_BUGS } from "./cluster-bugs.ts";
import { MEMBERSHIP_BUGS } from "./membership-bugs.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { RAFT_BUGS } from "./raft-bugs.ts";
import { STORE_BUGS, WAL_BUGS } from "./storage-bugs.ts";

export const PLANTED_BUGS: readonly {
  readonly area: string;
  readonly bugs: readonly PlantedBug[];
}[] = [
  { area: "raft", bugs: RAFT_BUGS },
  { area: "membership", bugs: MEMBERSHIP_BUGS },
  { area: "write-ahead log", bugs: WAL_BUGS },
  { area: "store", bugs: STORE_BUGS },
  { area: "proposals", bugs: PROPOSAL_BUGS },
  { area: "dispatcher", bugs: DISPATCHER_BUGS },
  { area: "agent", bugs: AGENT_BUGS },
];
