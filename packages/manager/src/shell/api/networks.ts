/** /networks: create, list, inspect, remove, prune. */
import { badRequest } from "../../control/api-error.ts";
import { auditNetworks } from "../../control/audit-networks.ts";
import { findLocalNetwork } from "../../control/engine/local-networks.ts";
import {
  inspectNetwork,
  isIngress,
  listNetworks,
  NETWORK_FILTERS,
  resolveNetwork,
} from "../../control/list-networks.ts";
import { parseBool } from "../../control/query.ts";
import { createNetwork } from "../../control/write-network.ts";
import { alreadyRemoved, reading, write } from "./handler.ts";
import type { Reply } from "./reply.ts";
import { empty, failure, json, replyTo } from "./reply.ts";
import { filtersOf, jsonBody, parameter } from "./request.ts";

const networkCreate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const created = createNetwork(port.view, body.value, port.newId());
  if (!created.ok) return { kind: "error", error: created.error };
  const { command, warnings } = created.value;
  if (warnings.length > 0) port.metrics.count("skein_api_unknown_fields_total", warnings.length);
  const operation = `creation of network ${command.spec.name}`;
  const written = await write(port, request, { command, operation });
  if (!written.ok) return written.error;
  return json({ Id: written.value.id ?? command.networkId, Warning: warnings.join("; ") }, 201);
});

const networkList = reading((port, request) =>
  replyTo(filtersOf(request, NETWORK_FILTERS), (filters) => json(listNetworks(port.view, filters))),
);

const networkInspect = reading((port, request) => {
  const verbose = parseBool("verbose", parameter(request, "verbose"));
  if (!verbose.ok) return { kind: "error", error: verbose.error };
  const scope = parameter(request, "scope") ?? "";
  const asked = { reference: request.subject, verbose: verbose.value, scope };
  return replyTo(inspectNetwork(port.view, asked), (network) => json(network));
});

const networkRemove = reading(async (port, request): Promise<Reply> => {
  const { cluster } = port.view;
  if (cluster !== undefined && isIngress(cluster, request.subject)) {
    const reason = "published ports are served by it, and another cannot be created yet";
    return replyTo(badRequest(`Cannot remove network ingress: ${reason}`), json);
  }
  const own = cluster && findLocalNetwork(cluster, request.subject);
  if (own !== undefined) {
    const text = `${own.name} is a pre-defined network and cannot be removed`;
    return failure(403, "predefined-network", text);
  }
  const network = resolveNetwork(port.view, request.subject);
  if (!network.ok) {
    return alreadyRemoved(port, request) ? empty(204) : { kind: "error", error: network.error };
  }
  const written = await write(port, request, {
    command: { kind: "remove-network", networkId: network.value.id },
    operation: `removal of network ${network.value.spec.name}`,
  });
  return written.ok ? empty(204) : written.error;
});

const networkAudit = reading((port, request) => {
  const [unknown] = request.query.keys();
  if (unknown === undefined) return json(auditNetworks(port.view));
  const reason = `unknown parameter ${unknown}: it takes none`;
  return replyTo(badRequest(`Cannot audit the networks: ${reason}`), json);
});

/**
 * Docker prunes networks of the node alone; overlay networks are the cluster's, and stay. Asked
 * for all the same, since `system prune` does.
 */
const networkPrune = (): Reply => json({ NetworksDeleted: null });

export const NETWORK_HANDLERS = {
  "network-create": networkCreate,
  "network-list": networkList,
  "network-inspect": networkInspect,
  "network-remove": networkRemove,
  "network-prune": networkPrune,
  "network-audit": networkAudit,
} as const;
