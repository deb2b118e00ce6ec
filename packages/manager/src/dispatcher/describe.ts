/**
 * The one printed form of the dispatcher's state, inputs and effects: logs, transcripts,
 * assertions.
 */
import { unreachable } from "@skein/common/assert";
import type { FromWorker, ToWorker } from "@skein/common/wire/dispatch-messages";
import type { Connection } from "./connection.ts";
import type { DispatcherState } from "./dispatcher.ts";
import type { DispatcherEffect, DispatcherInput } from "./protocol.ts";

/** One line a connection, absence and verdict. */
export function describeDispatcher(state: DispatcherState): readonly string[] {
  return [
    ...state.connections.map(describeConnection),
    ...state.absences.map(([id, { kind, until }]) => `${id} ${kind} until ${until}`),
    ...state.verdicts.map(([id, { reason }]) => `${id} judged: ${reason}`),
  ];
}

export function describeInput(input: DispatcherInput | { readonly kind: "wake" }): string {
  switch (input.kind) {
    case "wake":
      return "wake";
    case "opened":
      return `#${input.connection} opened by ${input.nodeId}`;
    case "received":
      return `#${input.connection} ${describeFromWorker(input.message)}`;
    case "closed":
      return `#${input.connection} closed`;
    case "probed":
      return `probe of ${input.nodeId}: ${input.outcome}`;
    case "changed":
      return `changed ${input.changes.map(({ table, id }) => `${table} ${id}`).join(", ")}`;
    case "committed":
      return `proposal ${input.token} ${input.ok ? "committed" : "failed"}`;
    case "managers":
      return `managers ${input.managers.join(" ")}`;
    default:
      return unreachable(input);
  }
}

export function describeEffect(effect: DispatcherEffect): string {
  switch (effect.kind) {
    case "send":
      return `#${effect.connection} <- ${describeToWorker(effect.message)}`;
    case "close":
      return `#${effect.connection} close: ${effect.reason}`;
    case "probe":
      return `probe ${effect.nodeId} at ${effect.address}`;
    case "propose":
      return `propose ${effect.token} ${describeCommand(effect)}`;
    default:
      return unreachable(effect);
  }
}

function describeConnection({ id, nodeId, phase, heardAt }: Connection): string {
  const heard = `heard ${heardAt}`;
  if (phase.kind !== "live") return `#${id} ${nodeId} ${phase.kind} ${heard}`;
  const { sent, taken } = phase.assignments.versions();
  const reports = `reports ${phase.reports.size()}`;
  return `#${id} ${nodeId} live ${heard} assignments ${taken}/${sent} ${reports}`;
}

function describeFromWorker(message: FromWorker): string {
  switch (message.kind) {
    case "hello":
      return `hello tasks=${message.tasks.length}`;
    case "heartbeat":
    case "description":
      return message.kind;
    case "taken":
      return `taken ${message.version}`;
    case "status":
      return `status ${message.sequence} ${reportsText(message.reports)}`;
    case "verdict":
      return `verdict ${message.nodeId} ${message.evidence}`;
    case "leaving":
      return message.restarting ? `leaving, back within ${message.backWithinMs}` : "leaving";
    default:
      return unreachable(message);
  }
}

function describeToWorker(message: ToWorker): string {
  switch (message.kind) {
    case "redirect":
      return `redirect ${message.leader ?? "nowhere"}`;
    case "welcome":
      return `welcome ${message.session}`;
    case "assignments": {
      const put = message.put.map(({ taskId, desired }) => `${taskId}:${desired}`);
      return `assignments ${describeIncrement(message, put)}`;
    }
    case "routes": {
      const put = message.put.map(({ name, backends, expected = [] }) => {
        const names = [...backends.map((one) => one.taskId), ...expected.map(describeExpected)];
        return `${name}:[${names.join(" ")}]`;
      });
      return `routes ${describeIncrement(message, put)}`;
    }
    case "members": {
      const put = message.put.map(({ nodeId }) => nodeId);
      return `members ${describeIncrement(message, put)}`;
    }
    case "status-stored":
      return `status-stored ${message.sequence}`;
    case "managers":
      return `managers ${message.managers.join(" ")}`;
    case "file":
      return `file ${message.id}`;
    case "trust":
      return `trust ${message.role}, ${message.removed.length} removed`;
    case "heartbeat":
      return "heartbeat";
    default:
      return unreachable(message);
  }
}

interface Increment {
  readonly complete: boolean;
  readonly base: number;
  readonly version: number;
  readonly remove: readonly string[];
}

function describeIncrement(message: Increment, put: readonly string[]): string {
  const { complete, base, version, remove } = message;
  const what = [...put, ...remove.map((id) => `-${id}`)].join(" ");
  const versions = complete ? `=${version}` : `${base}>${version}`;
  return what === "" ? versions : `${versions} ${what}`;
}

function describeCommand({
  command,
}: Extract<DispatcherEffect, { readonly kind: "propose" }>): string {
  switch (command.kind) {
    case "join-node":
      return `join-node ${command.nodeId} ${command.session}`;
    case "set-node-state":
      return `set-node-state ${command.nodeId} ${command.state}: ${command.message}`;
    case "report-tasks":
      return `report-tasks ${command.nodeId} ${reportsText(command.items)}`;
    default:
      return command.kind;
  }
}

function reportsText(
  reports: readonly { readonly taskId: string; readonly status: { readonly state: string } }[],
): string {
  return reports.map(({ taskId, status }) => `${taskId}:${status.state}`).join(" ");
}

/** Wanted, and not in rotation yet. */
function describeExpected({ taskId }: { readonly taskId: string }): string {
  return `(${taskId})`;
}
