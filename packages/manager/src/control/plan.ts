/**
 * `skein plan`: what a service, or a change of one, would do, before anything is done. The real
 * scheduler places tasks that do not exist over the real state; nothing is proposed.
 */
import type { TaskId } from "@skein/common/ids";
import { serviceId, taskId } from "@skein/common/ids";
import type { Service, ServiceSpec } from "@skein/common/model/service";
import { isGlobal, replicasOf } from "@skein/common/model/service-mode";
import type { Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { StoreTime } from "@skein/common/time";
import { lacking } from "../orchestrator/node-slots.ts";
import { slotStates } from "../orchestrator/slot-state.ts";
import { schedule } from "../scheduler/schedule.ts";
import type { Command } from "../store/command.ts";
import { isSame } from "../store/same.ts";
import type { ClusterView } from "../store/view.ts";
import { whatTasksAre } from "../store/what-tasks-are.ts";
import { nodeName } from "./engine/node.ts";
import type { NodeAnswer } from "./explain-place.ts";
import { nodeAnswers } from "./explain-place.ts";
import type { SpecChange } from "./spec-diff.ts";
import { diffSpecs } from "./spec-diff.ts";

export interface Plan {
  readonly service: string;
  readonly action: "create" | "update" | "nothing";
  readonly changes: readonly SpecChange[];
  /** Tasks that are there and would be replaced. */
  readonly replaced: number;
  readonly added: number;
  readonly removed: number;
  readonly placement: readonly { readonly node: string; readonly tasks: number }[];
  /** Tasks that would find no node, and what each node says. */
  readonly unplaced: number;
  readonly reason?: string;
  readonly nodes?: readonly NodeAnswer[];
}

export interface PlanContext {
  readonly view: ClusterView;
  readonly now: StoreTime;
}

export function plan(context: PlanContext, spec: ServiceSpec, current?: Service): Plan {
  const { view } = context;
  const changes = diffSpecs(current?.spec.engine ?? "{}", spec.engine);
  const slots = current === undefined ? [] : view.slotsOfService(current.id);
  const wanted = wantedSlots(view, spec, current);
  const isDirty =
    current !== undefined && !isSame(whatTasksAre(current.spec.task), whatTasksAre(spec.task));
  const kept = Math.min(slots.length, wanted);
  const replaced = isDirty ? kept : 0;
  const added = Math.max(0, wanted - slots.length);
  const tried = tryOut(context, spec, { current, count: replaced + added, isDirty });
  const action = current === undefined ? "create" : changes.length === 0 ? "nothing" : "update";
  const removed = Math.max(0, slots.length - wanted);
  return { service: spec.name, action, changes, replaced, added, removed, ...tried };
}

function wantedSlots(view: ClusterView, spec: ServiceSpec, current: Service | undefined): number {
  if (!isGlobal(spec.mode)) return replicasOf(spec.mode) ?? 0;
  const states = current === undefined ? [] : slotStates(view, current);
  return states.length + lacking(view, { ...EMPTY, ...current, spec }, states).length;
}

interface Trial {
  readonly current: Service | undefined;
  readonly count: number;
  /** The tasks there are would end, and leave their room. */
  readonly isDirty: boolean;
}

const PLANNED = serviceId("planned");

/** Lets the scheduler place `count` tasks that do not exist. */
function tryOut(context: PlanContext, spec: ServiceSpec, trial: Trial) {
  const { current, count, isDirty } = trial;
  const service: Service = { ...EMPTY, ...current, id: current?.id ?? PLANNED, spec };
  const pending = Array.from({ length: count }, (_, index) => imagined(service, index));
  const without = (task: Task): boolean => task.serviceId === service.id && isDirty;
  const view = imaginedView(context.view, { service, pending, without });
  const { commands } = schedule({ view, now: context.now, wall: 0, newId: () => "" });
  const byNode = new Map<string, number>();
  for (const command of commands) {
    if (command.kind !== "assign-tasks") continue;
    for (const { nodeId } of command.items) byNode.set(nodeId, (byNode.get(nodeId) ?? 0) + 1);
  }
  const placement = [...byNode]
    .map(([id, tasks]) => ({ node: nameOf(context.view, id), tasks }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
  const unplaced = count - placement.reduce((sum, { tasks }) => sum + tasks, 0);
  const told = commands.find((command) => command.kind === "explain-tasks")?.items[0]?.error;
  const [first] = pending;
  if (unplaced === 0 || first === undefined) return { placement, unplaced };
  const full = imaginedView(view, {
    service,
    pending: [],
    placed: whereTheyAre(commands, pending),
  });
  const nodes = nodeAnswers(full, first, context.now);
  return { placement, unplaced, ...(told === undefined ? {} : { reason: told }), nodes };
}

function whereTheyAre(commands: readonly Command[], tasks: readonly Task[]): readonly Task[] {
  const items = commands.flatMap((one) => (one.kind === "assign-tasks" ? one.items : []));
  const nodes = new Map(items.map(({ taskId: id, nodeId }) => [id, nodeId]));
  return tasks.flatMap((task): readonly Task[] => {
    const nodeId = nodes.get(task.id);
    if (nodeId === undefined) return [];
    return [{ ...task, nodeId, status: { ...task.status, state: "assigned" } }];
  });
}

function nameOf(view: ClusterView, id: string): string {
  const node = view.nodes.list().find((one) => one.id === id);
  return node === undefined ? id : nodeName(node);
}

/** Only what the scheduler reads of a service and a task. */
const EMPTY: Service = {
  id: PLANNED,
  version: 0,
  specIndex: 0,
  taskIndex: 1,
  createdAt: 0,
  updatedAt: 0,
  spec: {
    name: "",
    labels: {},
    task: {
      process: { image: "host", command: [], args: [], env: [], labels: {} },
      constraints: [],
      spread: [],
      forceUpdate: 0,
    },
    mode: { kind: "global" },
    endpointMode: "vip",
    ports: [],
    engine: "{}",
  },
  ports: [],
};

function imagined(service: Service, index: number): Task {
  const { id, spec, taskIndex } = service;
  return {
    id: taskId(`planned-${index}`),
    version: 0,
    createdAt: 0,
    updatedAt: 0,
    stateSince: 0,
    serviceId: id,
    serviceName: spec.name,
    slot: index + 1,
    generation: 1,
    taskIndex,
    spec: spec.task,
    ports: spec.ports,
    desired: "running",
    status: { state: "pending", at: 0, message: "" },
  };
}

interface Imagined {
  readonly service: Service;
  readonly pending: readonly Task[];
  /** Tasks there are that would end. */
  readonly without?: (task: Task) => boolean;
  /** Tasks that would be there. */
  readonly placed?: readonly Task[];
}

function imaginedView(view: ClusterView, imagined: Imagined): ClusterView {
  const { service, pending, placed = [], without = () => false } = imagined;
  const isThere = (task: Task): boolean => isTerminal(task.status.state) || !without(task);
  const byId = new Map<TaskId, Task>(pending.map((task) => [task.id, task]));
  return {
    ...view,
    index: view.index,
    time: view.time,
    cluster: view.cluster,
    services: {
      ...view.services,
      size: view.services.size,
      get: (id) => (id === service.id ? service : view.services.get(id)),
    },
    tasks: {
      ...view.tasks,
      size: view.tasks.size,
      get: (id) => byId.get(id) ?? view.tasks.get(id),
    },
    nodes: view.nodes,
    slots: view.slots,
    configs: view.configs,
    slotsOfService: (id) => view.slotsOfService(id),
    serviceByName: (name) => view.serviceByName(name),
    configByName: (name) => view.configByName(name),
    pendingTasks: () => pending,
    tasksOfService: (id) => [
      ...view.tasksOfService(id).filter(isThere),
      ...placed.filter(({ serviceId }) => serviceId === id),
    ],
    tasksOfNode: (id) => [
      ...view.tasksOfNode(id).filter(isThere),
      ...placed.filter(({ nodeId }) => nodeId === id),
    ],
  };
}
