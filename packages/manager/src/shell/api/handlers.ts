/**
 * Route name -> handler. The type makes the compiler ask for each route of the table, but for those
 * that the node of a task answers (task-proxy.ts).
 */
import type { RouteName, TaskRouteName } from "@skein/common/api/routes";
import { backupHandler } from "./backup.ts";
import { CONTAINER_HANDLERS } from "./containers.ts";
import type { EventHub } from "./events.ts";
import type { Handler } from "./handler.ts";
import { LOG_HANDLERS } from "./logs.ts";
import { NETWORK_HANDLERS } from "./networks.ts";
import { NOT_THERE_HANDLERS } from "./not-there.ts";
import { OBJECT_HANDLERS } from "./objects.ts";
import { rebalanceHandler } from "./rebalance.ts";
import { SECRET_HANDLERS } from "./secrets.ts";
import { SERVICE_HANDLERS } from "./services.ts";
import { SKEIN_HANDLERS } from "./skein.ts";
import { STACK_HANDLERS } from "./stacks.ts";
import { SWARM_HANDLERS } from "./swarm.ts";
import { SYSTEM_HANDLERS } from "./system.ts";

export type Handlers = Readonly<Record<Exclude<RouteName, TaskRouteName>, Handler>>;

export function createHandlers(events: EventHub): Handlers {
  return {
    ...CONTAINER_HANDLERS,
    ...SYSTEM_HANDLERS,
    ...SERVICE_HANDLERS,
    ...STACK_HANDLERS,
    ...OBJECT_HANDLERS,
    ...SECRET_HANDLERS,
    ...SWARM_HANDLERS,
    ...NETWORK_HANDLERS,
    ...LOG_HANDLERS,
    ...SKEIN_HANDLERS,
    ...NOT_THERE_HANDLERS,
    events: events.handler,
    "skein-rebalance": rebalanceHandler,
    "skein-backup": backupHandler,
  };
}
