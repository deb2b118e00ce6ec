/** The services of a stack: made, changed where the file differs, removed where it has none. */
import type { StackNames } from "@skein/common/compose/engine-spec";
import { engineSpec } from "@skein/common/compose/engine-spec";
import type { StackService } from "@skein/common/compose/service";
import type { NetworkId } from "@skein/common/ids";
import { serviceId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import { isSame } from "../../store/same.ts";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import { createService } from "../create-service.ts";
import { updateService } from "../update-service.ts";
import { networkTarget } from "../write-network.ts";
import type { StackContext, StackPart, StackRequest, Step } from "./part.ts";
import { isOf } from "./part.ts";
import type { FilePlan } from "./plan-files.ts";
import type { NetworkPlan } from "./plan-networks.ts";

export interface ServicePlan extends StackPart {
  readonly warnings: readonly string[];
  readonly newPorts: readonly number[];
}

export interface Planning {
  readonly request: StackRequest;
  readonly context: StackContext;
  readonly names: {
    readonly network: NetworkPlan["names"];
    readonly file: FilePlan["names"];
  };
}

interface Planned {
  readonly action: "create" | "update" | "keep";
  readonly step?: Step;
  readonly warnings: readonly string[];
  readonly newPorts: readonly number[];
}

export function planServices(
  services: readonly StackService[],
  planning: Planning,
): Checked<ServicePlan> {
  const { request, context } = planning;
  const names = namesOf(services, planning);
  const steps: Step[] = [];
  const changes: StackPart["changes"][number][] = [];
  const warnings: string[] = [];
  const newPorts: number[] = [];
  for (const service of services) {
    const planned = planService(service, planning, names);
    if (!planned.ok) return planned;
    if (planned.value.step !== undefined) steps.push(planned.value.step);
    const name = `${request.name}_${service.key}`;
    changes.push({ kind: "service", name, action: planned.value.action });
    warnings.push(...planned.value.warnings);
    newPorts.push(...planned.value.newPorts);
  }
  const kept = new Set(services.map(({ key }) => `${request.name}_${key}`));
  const gone = context.view.services.list().filter((service) => {
    const isOurs = isOf(request.name, service.spec.labels) && service.removed !== true;
    return isOurs && !kept.has(service.spec.name);
  });
  return ok({
    // First what goes: a port that moves from one service to another is free then.
    steps: [...gone.map(({ id }): Step => ({ kind: "remove-service", serviceId: id })), ...steps],
    changes: [
      ...changes,
      ...gone.map(({ spec }) => ({ kind: "service", name: spec.name, action: "remove" }) as const),
    ],
    warnings,
    newPorts,
  });
}

function planService(
  service: StackService,
  { request, context, names: known }: Planning,
  names: StackNames,
): Checked<Planned> {
  const name = `${request.name}_${service.key}`;
  const body = engineSpec(service, names);
  const { defaultDirectory } = context;
  const network = networkOf(known.network, context);
  const found = context.view.serviceByName(name);
  if (found === undefined) {
    const made = createService(body, { newId: context.newId(), defaultDirectory, network });
    if (!made.ok) return made;
    const { command, warnings, newPorts } = made.value;
    return ok({ action: "create", step: command, warnings, newPorts });
  }
  if (!isOf(request.name, found.spec.labels)) return foreign(request, found);
  const update = { body, version: found.version, rollback: undefined, defaultDirectory, network };
  const changed = updateService(found, update);
  if (!changed.ok) return changed;
  const { command, warnings, newPorts } = changed.value;
  // K1: a spec that says the same is not written.
  if (isSame(command.spec, found.spec)) return ok({ action: "keep", warnings, newPorts: [] });
  return ok({
    action: "update",
    step: { ...command, serviceId: serviceId(found.id) },
    warnings,
    newPorts,
  });
}

/** K2. */
function foreign(request: StackRequest, found: Service): Checked<never> {
  return badRequest(
    `Cannot deploy stack ${request.name}: service ${found.spec.name} is there and not the ` +
      "stack's: remove it, or give the stack another name",
  );
}

/** Networks that are made by the same deployment are not in the cluster yet. */
function networkOf(
  planned: NetworkPlan["names"],
  { view }: StackContext,
): (reference: string) => Checked<NetworkId> {
  const byName = new Map([...planned.values()].map(({ name, id }) => [name, id]));
  const known = networkTarget(view);
  return (reference) => {
    const id = byName.get(reference);
    return id === undefined ? known(reference) : ok(id);
  };
}

function namesOf(services: readonly StackService[], { request, names }: Planning): StackNames {
  const keys = new Set(services.map(({ key }) => key));
  return {
    stack: request.name,
    service: (key) => (keys.has(key) ? `${request.name}_${key}` : undefined),
    network: (key) => names.network.get(key)?.name ?? key,
    file: (kind, key) => names.file.get(`${kind}/${key}`) ?? { id: "", name: key },
  };
}
