/**
 * Ends the rotation of the root: when every node has shown a certificate of the next one, and had
 * time to use it in all its processes, the old root is dropped. `apply` looks again.
 *
 * Left out on purpose: an end that leaves nodes behind. The old root may be replaced because it is
 * no longer trusted, so nobody is let in on its word afterwards; until then a node that was away
 * comes back with the certificate it has, and renews it.
 */
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import { ROOT_SETTLE_MS } from "../limits.ts";
import type { DecideContext, Decided } from "../store/decision.ts";
import { nodesNotOf } from "../store/root-rotation.ts";
import type { ClusterView } from "../store/view.ts";

export function rotateRoot({ view, now }: DecideContext): Decided {
  const issuer = view.cluster?.trust?.next?.digest;
  if (issuer === undefined || nodesNotOf(view, issuer).length > 0) return { commands: [] };
  const settled = settledAt(view);
  if (settled > now) return { commands: [], again: settled };
  return { commands: [{ kind: "end-root-rotation", issuer }] };
}

function settledAt(view: ClusterView): StoreTime {
  const since = view.nodes.list().map(({ issuerSince }) => issuerSince ?? 0);
  return storeTime(since.reduce((last, one) => Math.max(last, one), 0) + ROOT_SETTLE_MS);
}
