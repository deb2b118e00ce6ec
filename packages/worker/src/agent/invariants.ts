/** Checked after every step in tests and in the simulator, never in business code. */
import { assert } from "@skein/common/assert";
import type { TaskId } from "@skein/common/ids";
import type { TaskStatus } from "@skein/common/model/task";
import { isTerminal, TASK_STATES } from "@skein/common/model/task-state";
import type { Agent } from "./agent.ts";
import type { AgentEffect } from "./protocol.ts";

/** What a checker remembers between two steps. */
export interface AgentHistory {
  readonly statuses: Map<TaskId, TaskStatus>;
  readonly saved: Set<TaskId>;
  /** Engine calls made: "start t1". */
  readonly calls: Set<string>;
}

export function agentHistory(): AgentHistory {
  return { statuses: new Map(), saved: new Set(), calls: new Set() };
}

export function checkAgentInvariants(
  agent: Agent,
  effects: readonly AgentEffect[],
  history: AgentHistory,
): void {
  for (const effect of effects) checkEffect(effect, history);
  for (const effect of effects) if (effect.kind === "remove") forgetTask(effect.taskId, history);
  for (const task of agent.tasks()) {
    const status = task.status();
    const { draining, announced, stopAsked } = task.facts();
    const what = `task ${task.taskId} (${status.state})`;
    assert(!draining || status.state === "running", `T4: ${what} drains`);
    assert(!announced || status.state === "running", `${what} is known to the data plane`);
    assert(!stopAsked || TASK_STATES[status.state] >= TASK_STATES.starting, `T2: ${what} stops`);
    assert(!(task.isTerminal() && task.isDiscarded()), `A2: ${what} is not forgotten`);
    checkHistory(task.taskId, status, history);
  }
}

/** A leader that names a forgotten task again asks for a new attempt under the old id. */
function forgetTask(taskId: TaskId, history: AgentHistory): void {
  history.statuses.delete(taskId);
  history.saved.delete(taskId);
  for (const call of ["prepare", "start", "stop"]) history.calls.delete(`${call} ${taskId}`);
}

function checkHistory(taskId: TaskId, status: TaskStatus, history: AgentHistory): void {
  const before = history.statuses.get(taskId);
  history.statuses.set(taskId, status);
  if (before === undefined) return;
  const forward = TASK_STATES[status.state] >= TASK_STATES[before.state];
  assert(forward, `T1: task ${taskId} went from ${before.state} to ${status.state}`);
  if (isTerminal(before.state)) assert(before === status, `T5: task ${taskId} changed its end`);
}

function checkEffect(effect: AgentEffect, history: AgentHistory): void {
  if (effect.kind === "save" && effect.entry.kind === "task") {
    history.saved.add(effect.entry.record.assignment.taskId);
  }
  const engine =
    effect.kind === "prepare" || effect.kind === "start" || effect.kind === "stop"
      ? effect.kind
      : undefined;
  if (engine === undefined) return;
  const taskId =
    effect.kind === "prepare" ? effect.spec.taskId : "taskId" in effect && effect.taskId;
  const call = `${engine} ${taskId}`;
  assert(!history.calls.has(call), `T2: ${call} twice`);
  history.calls.add(call);
  if (effect.kind === "prepare") {
    assert(history.saved.has(effect.spec.taskId), `A1: ${call} before its record`);
  }
}
