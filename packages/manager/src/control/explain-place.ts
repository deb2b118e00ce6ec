/** Every node's answer to one task, as the scheduler gives it now. */
import type { Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { pipelineFor } from "../scheduler/pipeline.ts";
import { placementSpec } from "../scheduler/placement-spec.ts";
import { Tally } from "../scheduler/tally.ts";
import { whyNot } from "../scheduler/why-not.ts";
import type { ClusterView } from "../store/view.ts";
import { nodeName } from "./engine/node.ts";

export interface NodeAnswer {
  readonly node: string;
  /** Absent: it would take the task. */
  readonly reason?: string;
}

/** In the order of the nodes' names. */
export function nodeAnswers(view: ClusterView, task: Task, now: StoreTime): readonly NodeAnswer[] {
  const context = { view, now, wall: 0, newId: () => "" };
  const pipeline = pipelineFor(task, placementSpec(view, task));
  return new Tally(context)
    .candidates(task)
    .filter(({ info }) => task.pinnedTo === undefined || task.pinnedTo === info.id)
    .map((candidate): NodeAnswer => {
      const node = nodeName(candidate.info.node);
      const reason = whyNot(pipeline, candidate);
      return reason === undefined ? { node } : { node, reason };
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}
