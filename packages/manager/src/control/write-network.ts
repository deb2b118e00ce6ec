/** POST /networks/create, and the networks that a service's spec names. */
import type { NetworkId } from "@skein/common/ids";
import { networkId } from "@skein/common/ids";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";
import type { Checked } from "./api-error.ts";
import { invalidArgument, unclassified } from "./api-error.ts";
import { INGRESS, readNetworkSpec } from "./engine/network.ts";
import { isIngress, resolveNetwork } from "./list-networks.ts";

export interface NetworkWrite {
  readonly command: CommandOf<"create-network">;
  readonly warnings: readonly string[];
}

export function createNetwork(
  view: ClusterView,
  body: unknown,
  newId: string,
): Checked<NetworkWrite> {
  const read = readNetworkSpec(body, view.cluster?.plane ?? "loopback");
  if (!read.ok) return read;
  const { spec, warnings } = read.value;
  return ok({ command: { kind: "create-network", networkId: networkId(newId), spec }, warnings });
}

/** Name or id, as a service's spec has it -> the id. Docker's words and codes. */
export function networkTarget(view: ClusterView): (reference: string) => Checked<NetworkId> {
  return (reference) => {
    if (view.cluster !== undefined && isIngress(view.cluster, reference)) {
      return invalidArgument(
        `Service cannot be explicitly attached to the ingress network "${INGRESS}"`,
      );
    }
    const found = resolveNetwork(view, reference);
    return found.ok ? ok(found.value.id) : unclassified(found.error.message);
  };
}
