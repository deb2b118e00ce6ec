/** The next root becomes the cluster's only one. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { noCluster } from "../refusal.ts";
import { nodesNotOf } from "../root-rotation.ts";
import type { StoreView } from "../tables.ts";

/**
 * `specIndex` moves: a change of the trust that was decided while both roots were there would bring
 * the old one back.
 */
export function applyEndRootRotation(
  view: StoreView,
  facts: Facts,
  { issuer }: CommandOf<"end-root-rotation">,
): Outcome {
  const { cluster } = view;
  if (cluster === undefined) return noCluster();
  const draft = new Draft(view, facts);
  const { trust } = cluster;
  if (trust?.next === undefined || trust.next.digest !== issuer) {
    draft.skip(cluster.id, "no rotation to that root is under way");
  } else if (nodesNotOf(view, issuer).length > 0) {
    draft.skip(cluster.id, "a node shows a certificate of another root");
  } else {
    const { next, ...kept } = trust;
    const { rootPem, rootKey } = next;
    const written = { ...cluster, version: facts.index, updatedAt: facts.wall };
    const specIndex = facts.index;
    draft.putCluster({ ...written, specIndex, trust: { ...kept, rootPem, rootKey } });
  }
  return draft.accept(cluster.id);
}
