/** The cluster's authority, its join tokens and its settings change. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { noCluster, versionConflict } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

/**
 * Refused unless it was decided on what is there now: of two leaders that both make an authority,
 * or of two rotations of a token, one holds and the other is told.
 */
export function applySetTrust(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"set-trust">,
): Outcome {
  const { cluster } = view;
  if (cluster === undefined) return noCluster();
  if ((cluster.specIndex ?? 0) !== command.specIndex) return versionConflict();
  const draft = new Draft(view, facts);
  const { trust, labels, taskHistoryLimit } = command;
  const written = { ...cluster, version: facts.index, updatedAt: facts.wall };
  draft.putCluster({ ...written, specIndex: facts.index, labels, taskHistoryLimit, trust });
  return draft.accept(cluster.id);
}
