/** GET /containers/json through a manager: the tasks of the whole cluster. */
import { containerRow, listContainers } from "@skein/common/api/container-list";
import { isSet } from "@skein/common/api/query";
import { clusterContainers } from "../../control/containers.ts";
import { ingressNetworkId } from "../../control/engine/network.ts";
import { reading } from "./handler.ts";
import { listed, replyTo } from "./reply.ts";

const containerList = reading((port, request) => {
  const { cluster } = port.view;
  const networkId = cluster === undefined ? "" : ingressNetworkId(cluster);
  const withSize = isSet(request.query.get("size") ?? undefined);
  const context = { now: port.wall(), networkId, withSize };
  const rows = listContainers([...clusterContainers(port.view)], request.query);
  return replyTo(rows, (shown) => listed(shown, (row) => containerRow(row, context)));
});

export const CONTAINER_HANDLERS = { "container-list": containerList } as const;
