/** GET /containers/json through a manager: the tasks of the whole cluster. */
import { listContainers } from "@skein/common/api/container-list";
import { clusterContainers } from "../../control/containers.ts";
import { ingressNetworkId } from "../../control/engine/network.ts";
import { reading } from "./handler.ts";
import { listed, replyTo } from "./reply.ts";

const containerList = reading((port, request) => {
  const { cluster } = port.view;
  const networkId = cluster === undefined ? "" : ingressNetworkId(cluster);
  const rows = listContainers(clusterContainers(port.view), request.query, {
    now: port.wall(),
    networkId,
  });
  return replyTo(rows, (shown) => listed(shown, (row) => row));
});

export const CONTAINER_HANDLERS = { "container-list": containerList } as const;
