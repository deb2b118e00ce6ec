/** POST /services/{id}/update: a spec, or `rollback=previous`, -> the command. */
import type { NetworkId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import { SERVICE_HISTORY_MAX } from "../limits.ts";
import type { Checked } from "./api-error.ts";
import { failedPrecondition, refuse, unclassified, unimplemented } from "./api-error.ts";
import type { ServiceWrite } from "./create-service.ts";
import { ingressPorts } from "./create-service.ts";
import { readServiceSpec } from "./engine/service-spec.ts";

export interface UpdateRequest {
  readonly body: unknown;
  readonly version: number;
  /** The query parameter. */
  readonly rollback: string | undefined;
  /** Our own: the spec of the history to roll back to, by its version. */
  readonly to?: number;
  readonly defaultDirectory: string | undefined;
  readonly network: (reference: string) => Checked<NetworkId>;
}

export function updateService(
  service: Service,
  request: UpdateRequest,
): Checked<ServiceWrite<"update-service">> {
  const { rollback = "", version } = request;
  if (rollback === "previous") return rollBack(service, version, request.to);
  if (rollback !== "" && rollback !== "none") {
    return unclassified(`unrecognized rollback option ${rollback}`);
  }
  const read = readServiceSpec(request.body, {
    verb: "update",
    defaultName: service.spec.name,
    defaultDirectory: request.defaultDirectory,
    network: request.network,
  });
  if (!read.ok) return read;
  const { spec, warnings } = read.value;
  if (spec.mode.kind !== service.spec.mode.kind) {
    return unimplemented("service mode change is not allowed");
  }
  const before = new Set(service.ports.map((port) => port.publishedPort));
  return ok({
    command: {
      kind: "update-service",
      serviceId: service.id,
      version,
      spec,
      rollback: false,
      historyMax: SERVICE_HISTORY_MAX,
    },
    warnings,
    newPorts: ingressPorts(spec.ports).filter((port) => port !== 0 && !before.has(port)),
  });
}

/** The body is ignored, as in Docker: what counts is the spec the service had before. */
function rollBack(
  service: Service,
  version: number,
  to: number | undefined,
): Checked<ServiceWrite<"update-service">> {
  const former = service.history?.find(({ specIndex }) => specIndex === to);
  const spec = to === undefined ? service.previousSpec : former?.spec;
  if (spec === undefined) {
    if (to !== undefined) return noFormerSpec(service, to);
    return failedPrecondition(`service ${service.id} does not have a previous spec`);
  }
  const { id: serviceId } = service;
  const command = { kind: "update-service", serviceId, version, spec, rollback: true } as const;
  const kept = { historyMax: SERVICE_HISTORY_MAX, ...(to === undefined ? {} : { to }) };
  return ok({ command: { ...command, ...kept }, warnings: [], newPorts: [] });
}

function noFormerSpec({ spec, history = [] }: Service, to: number): Checked<never> {
  const known = history.map(({ specIndex }) => specIndex).join(", ");
  const have = known === "" ? "it has none" : `there are ${known}`;
  return refuse(
    400,
    "failed-precondition",
    `Cannot roll back service ${spec.name}: it has no former version ${to}: ${have}`,
  );
}
