/** /services: create, list, inspect, update and rollback, remove. */
import type { Service } from "@skein/common/model/service";
import { checkFiles } from "../../control/check-files.ts";
import { createService } from "../../control/create-service.ts";
import type { ServiceView } from "../../control/engine/service.ts";
import { serviceToEngine } from "../../control/engine/service.ts";
import { countTasks, listServices, SERVICE_FILTERS } from "../../control/list-services.ts";
import { parseBool, parseVersion } from "../../control/query.ts";
import { resolveService } from "../../control/resolve.ts";
import { updateService } from "../../control/update-service.ts";
import { networkTarget } from "../../control/write-network.ts";
import { alreadyRemoved, reading, write } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { empty, failure, json, listed, replyTo } from "./reply.ts";
import { filtersOf, jsonBody, parameter } from "./request.ts";

const serviceList = reading((port, request) => {
  const status = parseBool("status", parameter(request, "status"));
  if (!status.ok) return { kind: "error", error: status.error };
  const filters = filtersOf(request, SERVICE_FILTERS);
  if (!filters.ok) return { kind: "error", error: filters.error };
  return replyTo(listServices(port.view, filters.value), (services) =>
    listed(services, (service) =>
      serviceToEngine(service, shownInList(port, service, status.value)),
    ),
  );
});

const serviceInspect = reading((port, request) => {
  const defaults = parseBool("insertDefaults", parameter(request, "insertDefaults"));
  if (!defaults.ok) return { kind: "error", error: defaults.error };
  return replyTo(resolveService(port.view, request.subject), (service) =>
    json(
      serviceToEngine(service, {
        listed: false,
        insertDefaults: defaults.value,
        counts: undefined,
        view: port.view,
      }),
    ),
  );
});

const serviceCreate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const { defaultDirectory } = port.config;
  const created = createService(body.value, {
    newId: port.newId(),
    defaultDirectory,
    network: networkTarget(port.view),
  });
  if (!created.ok) return { kind: "error", error: created.error };
  const { command, warnings, newPorts } = created.value;
  const files = checkFiles(port.view, command.spec);
  if (!files.ok) return { kind: "error", error: files.error };
  countUnknown(port, warnings);
  const busy = await refuseBusyPorts(port, newPorts);
  if (busy !== undefined) return busy;
  const operation = `creation of service ${command.spec.name}`;
  const written = await write(port, request, { command, operation });
  if (!written.ok) return written.error;
  // The id of the answer: a request sent twice made one service, under the first id.
  const id = written.value.id ?? command.serviceId;
  const told = [...warnings, ...written.value.warnings];
  return json({ ID: id, ...(told.length === 0 ? {} : { Warnings: told }) }, 201);
});

const serviceUpdate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const version = parseVersion("service", parameter(request, "version"));
  if (!version.ok) return { kind: "error", error: version.error };
  const service = resolveService(port.view, request.subject);
  if (!service.ok) return { kind: "error", error: service.error };
  const update = updateService(service.value, {
    body: body.value,
    version: version.value,
    rollback: parameter(request, "rollback"),
    ...rollbackTo(parameter(request, "to")),
    defaultDirectory: port.config.defaultDirectory,
    network: networkTarget(port.view),
  });
  if (!update.ok) return { kind: "error", error: update.error };
  const { command, warnings, newPorts } = update.value;
  const files = checkFiles(port.view, command.spec);
  if (!files.ok) return { kind: "error", error: files.error };
  countUnknown(port, warnings);
  const busy = await refuseBusyPorts(port, newPorts);
  if (busy !== undefined) return busy;
  const operation = `update of service ${service.value.spec.name}`;
  const written = await write(port, request, { command, operation });
  if (!written.ok) return written.error;
  const told = [...warnings, ...written.value.warnings];
  return json({ Warnings: told.length === 0 ? null : told });
});

const serviceRemove = reading(async (port, request) => {
  const service = resolveService(port.view, request.subject);
  if (!service.ok) {
    return alreadyRemoved(port, request) ? empty() : { kind: "error", error: service.error };
  }
  const written = await write(port, request, {
    command: { kind: "remove-service", serviceId: service.value.id },
    operation: `removal of service ${service.value.spec.name}`,
  });
  return written.ok ? empty() : written.error;
});

export const SERVICE_HANDLERS = {
  "service-list": serviceList,
  "service-create": serviceCreate,
  "service-inspect": serviceInspect,
  "service-update": serviceUpdate,
  "service-remove": serviceRemove,
} as const;

/** A version of the history; what is no number names none. */
function rollbackTo(text: string | undefined): { readonly to?: number } {
  return text === undefined ? {} : { to: /^\d{1,15}$/.test(text) ? Number(text) : -1 };
}

function shownInList(port: ManagerPort, service: Service, withStatus: boolean): ServiceView {
  const counts = withStatus ? countTasks(port.view, service) : undefined;
  return { listed: true, insertDefaults: false, counts, view: port.view };
}

function countUnknown(port: ManagerPort, warnings: readonly string[]): void {
  if (warnings.length > 0) port.metrics.count("skein_api_unknown_fields_total", warnings.length);
}

/** A port of another service is left to the store, which refuses it in Docker's words. */
export async function refuseBusyPorts(
  port: ManagerPort,
  newPorts: readonly number[],
): Promise<Reply | undefined> {
  const ours = new Set(
    port.view.services.list().flatMap((service) => service.ports.map((row) => row.publishedPort)),
  );
  for (const published of newPorts) {
    if (ours.has(published)) continue;
    const reason = await port.checkPort(published);
    if (reason === undefined) continue;
    const remedy = "stop that program or choose another port with --publish";
    const message = `Cannot publish port ${published}: it is ${reason}: ${remedy}`;
    return failure(400, "port-in-use", message);
  }
  return undefined;
}
