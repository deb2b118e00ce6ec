/** What an agent is made of. */
import type { NodeId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Availability, NodeDescription } from "@skein/common/model/node";
import type { WallTime } from "@skein/common/time";
import type { TaskDefaults } from "./run-spec.ts";

export interface AgentOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly availability: Availability;
  /** Managers of `node.json`: "127.0.1.1:2377". */
  readonly managers: readonly string[];
  readonly defaults: TaskDefaults;
  readonly random: Random;
  /** Wall time for the `at` of statuses: display only. */
  readonly wall: () => WallTime;
  readonly describe: () => NodeDescription;
}
