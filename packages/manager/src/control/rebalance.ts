/**
 * `skein rebalance`: tasks move to nodes that joined or came back, because somebody asked, never by
 * itself. A move is a replacement that starts first: the task serves until its successor does.
 *
 * Invariants:
 *   R1. At most `movesMax` moves; each brings its service's fullest and emptiest node closer.
 *   R2. Only a task in rotation moves, and only to a node that every filter admits.
 */
import { taskId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { taskName } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeLater } from "@skein/common/time";
import { DRAIN_SERVES_MS_MAX } from "../limits.ts";
import { fillItem } from "../orchestrator/fill-item.ts";
import { isServing, livingServices, slotStates } from "../orchestrator/slot-state.ts";
import type { Candidate } from "../scheduler/filter.ts";
import { admits, pipelineFor } from "../scheduler/pipeline.ts";
import { placementSpec } from "../scheduler/placement-spec.ts";
import { Tally } from "../scheduler/tally.ts";
import type { CommandOf } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";
import { nodeName } from "./engine/node.ts";

export interface Move {
  readonly task: string;
  readonly service: string;
  readonly from: string;
  /** Where there is room now; the scheduler chooses when it comes to it. */
  readonly to: string;
}

export interface Rebalance {
  readonly moves: readonly Move[];
  readonly commands: readonly CommandOf<"fill-slots">[];
}

export interface RebalanceContext {
  readonly view: ClusterView;
  readonly now: StoreTime;
  readonly newId: () => string;
  readonly movesMax: number;
  /** One service alone; absent: all. */
  readonly service?: Service;
}

export function rebalance(context: RebalanceContext): Rebalance {
  const { view, now, newId, service } = context;
  const tally = new Tally({ view, now, wall: 0, newId });
  const moves: Move[] = [];
  const commands: CommandOf<"fill-slots">[] = [];
  for (const one of service === undefined ? livingServices(view) : [service]) {
    const chosen = movesOf(context, tally, { service: one, room: context.movesMax - moves.length });
    if (chosen.length === 0) continue;
    moves.push(...chosen.map(({ move }) => move));
    commands.push({
      kind: "fill-slots",
      serviceId: one.id,
      items: chosen.map(({ item }) => item),
    });
  }
  return { moves, commands };
}

interface Chosen {
  readonly move: Move;
  readonly item: CommandOf<"fill-slots">["items"][number];
}

function movesOf(
  { view, now, newId }: RebalanceContext,
  tally: Tally,
  { service, room }: { readonly service: Service; readonly room: number },
): readonly Chosen[] {
  const isBusy = service.updateStatus?.state === "updating";
  if (service.spec.mode.kind !== "replicated" || isBusy) return [];
  const movable = slotStates(view, service).filter(
    ({ task }) => task !== undefined && isServing(task) && task.desired === "running",
  );
  const chosen: Chosen[] = [];
  while (chosen.length < room) {
    const pair = furthest(
      view,
      tally,
      movable.flatMap(({ task }) => task ?? []),
    );
    if (pair === undefined) break;
    const at = movable.findIndex(({ task }) => task?.nodeId === pair.from.info.id);
    const [state] = at < 0 ? [] : movable.splice(at, 1);
    if (state?.task === undefined) break;
    tally.leave(state.task, pair.from);
    tally.place(state.task, pair.to);
    const [from, to] = [nodeName(pair.from.info.node), nodeName(pair.to.info.node)];
    const reason = `rebalanced from ${from}`;
    const servesUntil = storeLater(now, DRAIN_SERVES_MS_MAX);
    const successor = { taskId: taskId(newId()), failures: 0, reason, servesUntil };
    chosen.push({
      move: { task: taskName(state.task), service: service.spec.name, from, to },
      item: fillItem(service, state.slot, successor),
    });
  }
  return chosen;
}

interface Pair {
  readonly from: Candidate;
  readonly to: Candidate;
}

/** The fullest node and the emptiest that fits, if a move makes them more alike (R1). */
function furthest(view: ClusterView, tally: Tally, tasks: readonly Task[]): Pair | undefined {
  const [first] = tasks;
  if (first === undefined) return undefined;
  const pipeline = pipelineFor(first, placementSpec(view, first));
  const candidates = tally.candidates(first);
  const holders = new Set(tasks.map(({ nodeId }) => nodeId));
  const from = candidates
    .filter(({ info }) => holders.has(info.id))
    .reduce<Candidate | undefined>(
      (a, b) => (a && a.serviceTasks >= b.serviceTasks ? a : b),
      undefined,
    );
  const to = candidates
    .filter((candidate) => admits(pipeline, candidate))
    .reduce<Candidate | undefined>(
      (a, b) => (a && a.serviceTasks <= b.serviceTasks ? a : b),
      undefined,
    );
  if (from === undefined || to === undefined) return undefined;
  return from.serviceTasks - to.serviceTasks > 1 ? { from, to } : undefined;
}
