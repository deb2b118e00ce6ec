/**
 * The table of commands, and the one place that runs them.
 *
 * Invariants:
 *   H1. Total: every decodable command on every state gives an outcome, never a throw.
 *   H2. Atomic: a handler only reads; what it wants written is in its outcome, so that a handler
 *       that breaks off half-way has written nothing.
 *
 * Here is the only `catch` of the core. A throw out of `apply` would be replayed by every manager
 * at the same log index, at every start: one bug in one handler would end the cluster for good.
 * Caught, it is a refusal like any other: deterministic, because a handler is a function of
 * replicated state and command alone, so that it throws on every replica or on none, and its text
 * names only the command and the index. What is thrown from outside a handler (tables, snapshot,
 * index order) is not caught: such a replica must stop.
 */
import type { Command, CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { bug, noCluster } from "../refusal.ts";
import type { StoreView } from "../tables.ts";
import { applyAdmitNode } from "./admit-node.ts";
import { applyAllocateTasks } from "./allocate-tasks.ts";
import { applyAssignTasks } from "./assign-tasks.ts";
import { applyCreateConfig } from "./create-config.ts";
import { applyCreateNetwork } from "./create-network.ts";
import { applyCreateSecret } from "./create-secret.ts";
import { applyCreateService } from "./create-service.ts";
import { applyDeleteTasks } from "./delete-tasks.ts";
import { applyDescribeNode } from "./describe-node.ts";
import { applyEndRootRotation } from "./end-root-rotation.ts";
import { applyEndTasks } from "./end-tasks.ts";
import { applyExplainTasks } from "./explain-tasks.ts";
import { applyFillSlots } from "./fill-slots.ts";
import { applyForgetNetwork } from "./forget-network.ts";
import { applyForgetService } from "./forget-service.ts";
import { applyInitCluster } from "./init-cluster.ts";
import { applyJoinNode } from "./join-node.ts";
import { applyRegisterManager, applyUnregisterManager } from "./register-manager.ts";
import { applyRemoveConfig } from "./remove-config.ts";
import { applyRemoveNetwork } from "./remove-network.ts";
import { applyRemoveNode } from "./remove-node.ts";
import { applyRemoveSecret } from "./remove-secret.ts";
import { applyRemoveService } from "./remove-service.ts";
import { applyRemoveSlots } from "./remove-slots.ts";
import { applyReportTasks } from "./report-tasks.ts";
import { applyRunJob } from "./run-job.ts";
import { applySetDesired } from "./set-desired.ts";
import { applySetNodeState } from "./set-node-state.ts";
import { applySetTrust } from "./set-trust.ts";
import { applySetUpdateStatus } from "./set-update-status.ts";
import { applyUpdateConfig } from "./update-config.ts";
import { applyUpdateNode } from "./update-node.ts";
import { applyUpdateSecret } from "./update-secret.ts";
import { applyUpdateService } from "./update-service.ts";
import { applyWriteStack } from "./write-stack.ts";

export type CommandKind = Command["kind"];
export type Handler<K extends CommandKind> = (
  view: StoreView,
  facts: Facts,
  command: CommandOf<K>,
) => Outcome;
export type Handlers = { readonly [K in CommandKind]: Handler<K> };

export const HANDLERS: Handlers = {
  "admit-node": applyAdmitNode,
  "allocate-tasks": applyAllocateTasks,
  "assign-tasks": applyAssignTasks,
  "create-config": applyCreateConfig,
  "create-network": applyCreateNetwork,
  "create-secret": applyCreateSecret,
  "create-service": applyCreateService,
  "delete-tasks": applyDeleteTasks,
  "describe-node": applyDescribeNode,
  "end-root-rotation": applyEndRootRotation,
  "end-tasks": applyEndTasks,
  "explain-tasks": applyExplainTasks,
  "fill-slots": applyFillSlots,
  "forget-network": applyForgetNetwork,
  "forget-service": applyForgetService,
  "init-cluster": applyInitCluster,
  "join-node": applyJoinNode,
  "register-manager": applyRegisterManager,
  "remove-config": applyRemoveConfig,
  "remove-network": applyRemoveNetwork,
  "remove-node": applyRemoveNode,
  "remove-secret": applyRemoveSecret,
  "remove-service": applyRemoveService,
  "remove-slots": applyRemoveSlots,
  "report-tasks": applyReportTasks,
  "run-job": applyRunJob,
  "set-desired": applySetDesired,
  "set-node-state": applySetNodeState,
  "set-trust": applySetTrust,
  "set-update-status": applySetUpdateStatus,
  "unregister-manager": applyUnregisterManager,
  "update-config": applyUpdateConfig,
  "update-node": applyUpdateNode,
  "update-secret": applyUpdateSecret,
  "update-service": applyUpdateService,
  "write-stack": applyWriteStack,
};

/** What the local replica remembers of a handler that threw; never part of the replicated state. */
export interface CaughtBug {
  readonly command: CommandKind;
  readonly index: number;
  readonly error: unknown;
}

export interface Dispatch {
  readonly view: StoreView;
  readonly facts: Facts;
  readonly handlers: Handlers;
  caught(bug: CaughtBug): void;
}

export function dispatch(run: Dispatch, command: Command): Outcome {
  if (run.view.cluster === undefined && command.kind !== "init-cluster") return noCluster();
  // The table pairs each kind with the handler of its command, which the compiler checked where the
  // table is written; a lookup by a union loses the pairing.
  const handler = run.handlers[command.kind] as Handler<CommandKind>;
  try {
    return handler(run.view, run.facts, command);
  } catch (error) {
    run.caught({ command: command.kind, index: run.facts.index, error });
    return bug(command.kind, run.facts.index);
  }
}
