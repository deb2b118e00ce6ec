/**
 * A manager of a restored cluster: `skein restore` leaves a plan and the old cluster's state in its
 * directory, and the first start makes them the snapshot that its log begins behind. Every manager
 * does the same with the same bytes, as if all had been sent one snapshot.
 *
 * The file goes when the snapshot is durable; a crash before that begins again.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { term } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { RestorePlan } from "@skein/common/wire/backup";
import { RESTORE_FILE, restorePlanSchema } from "@skein/common/wire/backup";
import { decodeHeaded } from "@skein/common/wire/headed";
import type { Configuration, RaftRecovered, SnapshotMeta } from "../raft/protocol.ts";
import { rebase } from "../store/rebase.ts";

export interface Beginning {
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

/** Undefined: nothing is to be restored, or the log has it. The error is what a user reads. */
export function restoredState(
  stateDir: string,
  recovered: RaftRecovered,
): Result<Beginning | undefined, string> {
  const path = join(stateDir, RESTORE_FILE);
  if (!existsSync(path)) return ok(undefined);
  const decoded = decodeHeaded(restorePlanSchema, readFileSync(path));
  if (!decoded.ok) return fail(`${path} is damaged (${decoded.error.reason})`);
  const { head: plan, rest } = decoded.value;
  const { snapshot, entries, hardState } = recovered;
  if (snapshot.index >= plan.index) return ok(undefined);
  if (snapshot.index > 0 || entries.length > 0 || hardState.term > 0) {
    return fail(`${path} lies beside the log of another cluster: remove one of them`);
  }
  const state = rebase(rest, plan);
  if (!state.ok) return fail(`${path} cannot be restored: ${state.error.reason}`);
  return ok({ meta: beginningOf(plan), state: state.value });
}

export function forgetRestoredState(stateDir: string): void {
  rmSync(join(stateDir, RESTORE_FILE), { force: true });
}

function beginningOf(plan: RestorePlan): SnapshotMeta {
  const members = plan.nodes.flatMap(({ nodeId, member }) =>
    member === undefined ? [] : [{ nodeId, ...member }],
  );
  const configuration: Configuration = {
    voters: members.map(({ raftId }) => raftId).toSorted(),
    learners: [],
    addresses: Object.fromEntries(
      members.map(({ raftId, nodeId, address }) => [raftId, { nodeId, address }]),
    ),
  };
  return { index: plan.index, term: term(1), configuration };
}
