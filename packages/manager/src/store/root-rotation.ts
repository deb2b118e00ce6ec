/** Who holds up the end of a root's rotation: see docs/design/trust.md. */
import type { Node } from "@skein/common/model/node";
import type { ClusterView } from "./view.ts";

/**
 * Nodes that do not show a certificate of the root with this digest, by id. Those that are down
 * count, too: they come back with the certificate they have.
 */
export function nodesNotOf(view: Pick<ClusterView, "nodes">, digest: string): readonly Node[] {
  return view.nodes.list().filter(({ description }) => description.tls?.issuer !== digest);
}

/** Undefined: no root is being replaced. */
export function rotationWaitsFor(
  view: Pick<ClusterView, "nodes" | "cluster">,
): readonly Node[] | undefined {
  const next = view.cluster?.trust?.next;
  return next === undefined ? undefined : nodesNotOf(view, next.digest ?? "");
}
