/** The networks of a service's spec: names become ids, as dockerd stores them. */
import { assert } from "@skein/common/assert";
import type { NetworkId } from "@skein/common/ids";
import type { NetworkWish } from "@skein/common/model/network";
import { ok } from "@skein/common/result";
import { SERVICE_NETWORKS_MAX } from "../../limits.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument, unsupported } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import type { EngineServiceSpec } from "./service-shape.ts";
import { serviceSpecShape } from "./service-shape.ts";

export interface NamedNetworks {
  /** The spec with ids for names, under `TaskTemplate` wherever they stood. */
  readonly engine: EngineServiceSpec;
  /** Absent: the service asks for none. */
  readonly wishes?: readonly NetworkWish[];
}

export function nameNetworks(
  engine: EngineServiceSpec,
  resolve: (reference: string) => Checked<NetworkId>,
): Checked<NamedNetworks> {
  const task = engine.TaskTemplate ?? {};
  const sent = task.Networks ?? engine.Networks ?? [];
  if (sent.length === 0) return ok({ engine });
  if (sent.length > SERVICE_NETWORKS_MAX) {
    return badRequest(`${sent.length} networks are more than ${SERVICE_NETWORKS_MAX}`);
  }
  const wishes: NetworkWish[] = [];
  for (const { Target: target = "", Aliases: aliases = [], DriverOpts: options } of sent) {
    if (Object.keys(options ?? {}).length > 0) {
      return unsupported(
        `Cannot attach service ${engine.Name} to network ${target}: ` +
          "driver options (--network …,driver-opt=) are not supported",
      );
    }
    const found = resolve(target);
    if (!found.ok) return found;
    if (wishes.some(({ networkId }) => networkId === found.value)) {
      return invalidArgument(`network ${target} is named twice`);
    }
    const bad = aliases.find((alias) => !ALIAS.test(alias));
    if (bad !== undefined) return invalidArgument(`invalid network alias ${JSON.stringify(bad)}`);
    wishes.push({ networkId: found.value, aliases });
  }
  const named = sent.map((one, at) => ({ ...one, Target: wishes[at]?.networkId ?? "" }));
  const { Networks: _moved, ...rest } = engine;
  const moved = { ...rest, TaskTemplate: { ...task, Networks: named } };
  // Through the shape: in the struct's order, whoever wrote it and wherever.
  const ordered = decodeGo(serviceSpecShape, moved);
  assert(ordered.ok, "a spec with named networks decodes");
  return ok({ engine: ordered.value.value, wishes });
}

/** What can stand in a DNS name. */
const ALIAS = /^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,252}[a-zA-Z0-9_])?$/;
