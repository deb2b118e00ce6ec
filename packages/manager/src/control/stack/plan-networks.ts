/** The networks of a stack: made when they are not there, removed when nothing uses them. */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { StackNetwork } from "@skein/common/compose/networks";
import type { NetworkId } from "@skein/common/ids";
import type { Network } from "@skein/common/model/network";
import { ok } from "@skein/common/result";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import { createNetwork } from "../write-network.ts";
import type { StackContext, StackPart, StackRequest } from "./part.ts";
import { isOf } from "./part.ts";

export interface NetworkPlan {
  /** What the services need before they are made, and what can go after they have changed. */
  readonly before: StackPart;
  readonly after: StackPart;
  /** By the key in the file. */
  readonly names: ReadonlyMap<string, { readonly name: string; readonly id: NetworkId }>;
}

export function planNetworks(
  networks: readonly StackNetwork[],
  request: StackRequest,
  context: StackContext,
): Checked<NetworkPlan> {
  const names = new Map<string, { readonly name: string; readonly id: NetworkId }>();
  const steps: StackPart["steps"][number][] = [];
  const changes: StackPart["changes"][number][] = [];
  for (const network of networks) {
    const name =
      network.name ?? (network.external ? network.key : `${request.name}_${network.key}`);
    const found = context.view.networkByName(name);
    const refused = network.external
      ? missing(request, name, found)
      : foreign(request, name, found);
    if (refused !== undefined) return refused;
    if (found !== undefined) {
      names.set(network.key, { name, id: found.id });
      if (!network.external) changes.push({ kind: "network", name, action: "keep" });
      continue;
    }
    const labels = { ...Object(network.engine["Labels"]), [STACK_LABEL]: request.name };
    const body = { ...network.engine, Name: name, Labels: labels };
    const created = createNetwork(context.view, body, context.newId());
    if (!created.ok) return created;
    const { command } = created.value;
    steps.push(command);
    changes.push({ kind: "network", name, action: "create" });
    names.set(network.key, { name, id: command.networkId });
  }
  return ok({ before: { steps, changes }, after: unused(request, context, names), names });
}

function missing(request: StackRequest, name: string, found: Network | undefined) {
  if (found !== undefined) return undefined;
  return badRequest(
    `Cannot deploy stack ${request.name}: network ${name} is external and not there: ` +
      `docker network create -d overlay ${name}`,
  );
}

/** K2. */
function foreign(request: StackRequest, name: string, found: Network | undefined) {
  if (found === undefined || isOf(request.name, found.spec.labels)) return undefined;
  return badRequest(
    `Cannot deploy stack ${request.name}: network ${name} is not the stack's: ` +
      "mark it external, or give another name",
  );
}

function unused(
  request: StackRequest,
  { view }: StackContext,
  names: NetworkPlan["names"],
): StackPart {
  const kept = new Set([...names.values()].map(({ id }) => id));
  const gone = view.networks.list().filter((network) => {
    const isOurs = isOf(request.name, network.spec.labels);
    return isOurs && network.removedAt === undefined && !kept.has(network.id);
  });
  return {
    steps: gone.map(({ id }) => ({ kind: "remove-network", networkId: id })),
    changes: gone.map(({ spec }) => ({ kind: "network", name: spec.name, action: "remove" })),
  };
}
