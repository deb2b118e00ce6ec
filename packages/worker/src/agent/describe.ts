/**
 * The one printed form of the agent's state and effects, for logs, tests and the simulator's trace.
 */
import { unreachable } from "@skein/common/assert";
import type { TaskStatus } from "@skein/common/model/task";
import type { FromWorker, TaskReport } from "@skein/common/wire/dispatch-messages";
import type { ToDataPlane } from "../dataplane/protocol.ts";
import type { Agent } from "./agent.ts";
import type { AgentEffect } from "./protocol.ts";
import type { DatabaseEntry } from "./task-record.ts";

/** One line per task: "t1 running want=running pid=7 in-rotation". */
export function describeAgent(agent: Agent): string {
  const lines = agent.tasks().map((task) => {
    const draining = task.facts().draining ? " draining" : "";
    return `${task.taskId} ${describeStatus(task.status())} want=${task.desired()}${draining}`;
  });
  return lines.join("\n");
}

export function describeStatus(status: TaskStatus): string {
  const rotation = status.inRotation === true ? " in-rotation" : "";
  const exit = status.exitCode === undefined ? "" : ` exit=${status.exitCode}`;
  const error = status.error === undefined ? "" : ` "${status.error}"`;
  const warning = status.warning === undefined ? "" : ` warning="${status.warning}"`;
  return `${status.state}${rotation}${exit}${error}${warning}`;
}

export function describeAgentEffect(effect: AgentEffect): string {
  switch (effect.kind) {
    case "dial":
      return `dial #${effect.link} ${effect.address}`;
    case "send":
      return `send #${effect.link} ${describeMessage(effect.message)}`;
    case "close":
      return `close #${effect.link}: ${effect.reason}`;
    case "save":
      return `save ${describeEntry(effect.entry)}`;
    case "prepare":
      return `prepare ${effect.spec.taskId}: ${effect.spec.argv.join(" ")}`;
    case "check":
      return `check ${effect.spec.taskId}: ${effect.spec.argv.join(" ")}`;
    case "start":
    case "stop":
    case "remove":
      return `${effect.kind} ${effect.taskId}`;
    case "data-plane":
      return `data-plane ${describeToDataPlane(effect.message)}`;
    case "learnt":
      return `learnt ${effect.message.kind} ${effect.message.base}>${effect.message.version}`;
    case "note":
      return `note ${effect.message}`;
    case "count":
      return `count ${effect.name}`;
    case "trust":
      return `trust ${effect.notice.role}`;
    case "left":
      return "left";
    default:
      return unreachable(effect);
  }
}

function describeMessage(message: FromWorker): string {
  switch (message.kind) {
    case "hello":
      return `hello${describeReports(message.tasks)}`;
    case "status":
      return `status ${message.sequence}${describeReports(message.reports)}`;
    case "taken":
      return `taken ${message.version}`;
    case "heartbeat":
    case "description":
      return message.kind;
    case "verdict":
      return `verdict ${message.nodeId} ${message.evidence}`;
    case "leaving":
      return message.restarting ? `leaving, back within ${message.backWithinMs} ms` : "leaving";
    default:
      return unreachable(message);
  }
}

function describeReports(reports: readonly TaskReport[]): string {
  return reports.map(({ taskId, status }) => ` [${taskId} ${describeStatus(status)}]`).join("");
}

function describeEntry(entry: DatabaseEntry): string {
  if (entry.kind === "managers") return `managers ${entry.managers.join(",")}`;
  if (entry.kind === "forget") return `forget ${entry.taskId}`;
  const { assignment, status } = entry.record;
  return `${assignment.taskId} want=${assignment.desired} ${status.state}`;
}

function describeToDataPlane(message: ToDataPlane): string {
  if (message.kind === "routes") {
    return `routes ${message.routes.map((route) => route.name).join(",")}`;
  }
  if (message.kind === "task-gone") return `task-gone ${message.taskId}`;
  if (message.kind !== "task") return message.kind;
  const { taskId, hostAddress, targetPorts } = message.task;
  const draining = message.task.draining ? " draining" : "";
  return `task ${taskId} ${hostAddress} ports=${targetPorts.join(",")}${draining}`;
}
