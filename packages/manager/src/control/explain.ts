/**
 * `skein explain`: why a task is where it is, why it waits, for what and until when; how far a
 * service's update is; what a node holds and why it is not empty. Read from the rows by the same
 * deciders that act on them, so that what is said is what is done.
 */
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { slotKey, taskName } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import { ok } from "@skein/common/result";
import type { StoreTime } from "@skein/common/time";
import type { SlotState } from "../orchestrator/slot-state.ts";
import { slotStates } from "../orchestrator/slot-state.ts";
import { phaseOf } from "../orchestrator/update-phase.ts";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { notFound } from "./api-error.ts";
import { nodeName } from "./engine/node.ts";
import type { NodeAnswer } from "./explain-place.ts";
import { nodeAnswers } from "./explain-place.ts";
import { ago, explainTraffic } from "./explain-traffic.ts";
import { resolveNode, resolveService, resolveTask } from "./resolve.ts";

export interface Explanation {
  readonly kind: "task" | "service" | "node";
  readonly id: string;
  readonly name: string;
  /** One thing a line, most important first. */
  readonly lines: readonly string[];
  /** What each node says to the task, if it has none. */
  readonly nodes?: readonly NodeAnswer[];
}

export interface ExplainContext {
  readonly view: ClusterView;
  readonly now: StoreTime;
}

/** `reference`: a task by "web.1" or its id, a service, or a node; tried in this order. */
export function explain(context: ExplainContext, reference: string): Checked<Explanation> {
  const { view } = context;
  const named = currentTask(view, reference);
  if (named !== undefined) return ok(explainTask(context, named));
  const service = resolveService(view, reference);
  if (service.ok) return ok(explainService(context, service.value));
  const node = resolveNode(view, reference);
  if (node.ok) return ok(explainNode(context, node.value));
  const task = resolveTask(view, reference);
  if (task.ok) return ok(explainTask(context, task.value));
  return notFound("task, service or node", reference);
}

/** "web.1", or "web.<node>" of a global service: the task its slot names now. */
function currentTask(view: ClusterView, reference: string): Task | undefined {
  const dot = reference.lastIndexOf(".");
  const service = dot < 0 ? undefined : view.serviceByName(reference.slice(0, dot));
  if (service === undefined) return undefined;
  const word = reference.slice(dot + 1);
  const slot = view.slotsOfService(service.id).find(({ slot: number, pinnedTo }) => {
    if (pinnedTo === undefined) return String(number) === word;
    const node = view.nodes.get(pinnedTo);
    return pinnedTo.startsWith(word) || (node !== undefined && nodeName(node) === word);
  });
  return slot?.taskId === undefined ? undefined : view.tasks.get(slot.taskId);
}

function explainTask(context: ExplainContext, task: Task): Explanation {
  const { view, now } = context;
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  const on = node === undefined ? "on no node" : `on ${nodeName(node)}`;
  const { state, error, warning, message } = task.status;
  const told = [error, warning].filter((text) => text !== undefined);
  const slot = view.slots.get(slotKey(task.serviceId, task.slot));
  const isCurrent = slot?.taskId === task.id;
  const since = ago(now - task.stateSince);
  const isWaiting = !isTerminal(state) && task.nodeId === undefined;
  return {
    kind: "task",
    id: task.id,
    name: taskName(task),
    lines: [
      `${state} ${on} since ${since} ago (${message})${told.map((text) => `: ${text}`).join("")}`,
      ...(isCurrent ? [] : ["it is history: its slot has another task by now"]),
      ...(slot?.reason === undefined || !isCurrent
        ? []
        : [`it is here because the task before it was replaced: ${slot.reason}`]),
      ...(isCurrent
        ? waits(context, { task, failures: slot.failures, startAt: slot.startAt })
        : []),
      ...(node === undefined || isTerminal(state) ? [] : [placed(view, task, node)]),
    ],
    ...(isWaiting ? { nodes: nodeAnswers(view, task, now) } : {}),
  };
}

function placed(view: ClusterView, task: Task, node: Node): string {
  if (task.pinnedTo !== undefined) return `a global service runs on every node that fits`;
  const { constraints, spread } = task.spec;
  const beside = view
    .tasksOfNode(node.id)
    .filter((one) => one.serviceId === task.serviceId && !isTerminal(one.status.state)).length;
  const rules = [
    ...constraints,
    ...spread.map((label) => `spread over ${label}`),
    ...(task.spec.strategy === "binpack" ? ["binpack"] : []),
  ];
  const by = rules.length === 0 ? "" : ` under ${rules.join(", ")}`;
  return `placed there as the best node at that time${by}; the service has ${beside} on it now`;
}

interface Held {
  readonly task: Task;
  readonly failures: number;
  readonly startAt: number | undefined;
}

/** What it waits for, and until when. */
function waits({ view, now }: ExplainContext, held: Held): readonly string[] {
  const { task, failures, startAt = 0 } = held;
  if (isTerminal(task.status.state)) {
    return task.desired === "running" ? ["it has ended and is not tried again"] : [];
  }
  if (task.desired === "ready") {
    const until = ago(Math.max(0, startAt - now));
    return failures > 0
      ? [`it waits ${until} more before it starts: ${failures} failures in a row`]
      : [`it waits for the task before it to end, ${until} more at most`];
  }
  const service = view.services.get(task.serviceId);
  const state = service === undefined ? undefined : slotOf(view, service, task);
  const status = service?.updateStatus?.state;
  const isUpdating = status === "updating" || status === "rollback_started";
  if (service === undefined || state === undefined || !isUpdating) return [];
  const phase = phaseOf({ view, now, wall: 0, newId: () => "" }, service, state);
  if (phase.kind !== "waiting") return [];
  return [
    `the update gives it ${ago(phase.until - now)} more to get into rotation, then it failed`,
  ];
}

function slotOf(view: ClusterView, service: Service, task: Task): SlotState | undefined {
  return slotStates(view, service).find(({ slot }) => slot.slot === task.slot);
}

function explainService(context: ExplainContext, service: Service): Explanation {
  const { view, now } = context;
  const states = slotStates(view, service);
  const update = service.updateStatus;
  const phases = new Map<string, string[]>();
  for (const state of states) {
    const { kind } = phaseOf({ view, now, wall: 0, newId: () => "" }, service, state);
    const name = `${service.spec.name}.${state.slot.pinnedTo ?? state.slot.slot}`;
    phases.set(kind, [...(phases.get(kind) ?? []), name]);
  }
  const problems = states.flatMap(({ task }) => {
    if (task === undefined || task.status.state === "running") return [];
    const why = task.status.error ?? task.status.message;
    return [`${taskName(task)} is ${task.status.state}: ${why}`];
  });
  const counts = [...phases].map(([kind, names]) => `${names.length} ${kind}`);
  const waiting = states.find(({ task }) => task?.status.state === "pending")?.task;
  return {
    kind: "service",
    id: service.id,
    name: service.spec.name,
    lines: [
      `${states.length} slots: ${counts.join(", ")}`,
      ...(update === undefined ? [] : [`${update.state}: ${update.message}`]),
      ...explainTraffic(context, service),
      ...(update?.state === "updating" || update?.state === "rollback_started"
        ? [...phases].flatMap(([kind, names]) =>
            kind === "settled" ? [] : [`${kind}: ${names.slice(0, NAMES_MAX).join(", ")}`],
          )
        : []),
      ...(service.job?.skipped === undefined
        ? []
        : [`its last scheduled time was left out: ${service.job.skipped}`]),
      ...[...new Set(problems)].slice(0, NAMES_MAX),
    ],
    ...(waiting === undefined ? {} : { nodes: nodeAnswers(view, waiting, now) }),
  };
}

/** A line for people, not a list of everything. */
const NAMES_MAX = 10;

function explainNode({ view, now }: ExplainContext, node: Node): Explanation {
  const tasks = view.tasksOfNode(node.id).filter((task) => !isTerminal(task.status.state));
  const sum = (read: (task: Task) => number | undefined): number =>
    tasks.reduce((total, task) => total + (read(task) ?? 0), 0);
  const { state, message, since } = node.status;
  const { nanoCpus, memoryBytes, limits = [] } = node.description;
  const reservedCpus = sum(({ spec }) => spec.reservedNanoCpus) / 1e9;
  const reservedMemory = Math.round(sum(({ spec }) => spec.reservedMemoryBytes) / 1048576);
  const why = message === "" ? "" : `: ${message}`;
  const takes = node.spec.availability === "active";
  const cpus = `${reservedCpus} of ${nanoCpus / 1e9}`;
  const memory = `${reservedMemory} of ${Math.round(memoryBytes / 1048576)}`;
  return {
    kind: "node",
    id: node.id,
    name: nodeName(node),
    lines: [
      `${state}${since === undefined ? "" : ` since ${ago(now - since)} ago`}${why}`,
      `availability ${node.spec.availability}${takes ? "" : ": it gets no new tasks"}`,
      `${tasks.length} tasks; reserved ${cpus} CPUs, ${memory} MiB`,
      `limits it can enforce: ${limits.length === 0 ? "none" : limits.join(", ")}`,
      ...(node.spec.availability === "drain" ? tasks.map((task) => leaving(view, task, now)) : []),
    ],
  };
}

/** Why a drained node is not empty yet. */
function leaving(view: ClusterView, task: Task, now: StoreTime): string {
  const name = taskName(task);
  if (task.desired === "shutdown" || task.desired === "remove") return `${name} is being stopped`;
  const slot = view.slots.get(slotKey(task.serviceId, task.slot));
  const next = slot?.taskId === undefined ? undefined : view.tasks.get(slot.taskId);
  if (next === undefined || next.id === task.id) return `${name} is about to be replaced`;
  const left = ago(Math.max(0, (slot?.servesUntil ?? 0) - now));
  const why = next.status.error === undefined ? "" : ` (${next.status.error})`;
  const isNow = `which is ${next.status.state}${why}`;
  return `${name} serves until its replacement does, ${isNow}; ${left} at most`;
}
