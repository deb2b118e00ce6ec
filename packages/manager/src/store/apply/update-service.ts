/** A user changes the spec of a service, or asks for the one before. */
import type { Service, UpdateStatus } from "@skein/common/model/service";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { modeChangeRefused, renameRefused, serviceNotFound, versionConflict } from "../refusal.ts";
import { isReadVersion } from "../same.ts";
import { changeSpec, rollBack } from "../service-writes.ts";
import type { StoreView } from "../tables.ts";

export function applyUpdateService(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"update-service">,
): Outcome {
  const service = view.services.get(command.serviceId);
  if (service === undefined || service.removed === true) return serviceNotFound(command.serviceId);
  if (!isReadVersion(command.version, service)) return versionConflict();
  const draft = new Draft(view, facts);
  const written = command.rollback
    ? rollBack(draft, service, requestedRollback(facts))
    : replaceSpec(draft, service, command);
  return written.ok ? draft.accept(service.id) : written;
}

function replaceSpec(draft: Draft, service: Service, { spec }: CommandOf<"update-service">) {
  if (spec.name !== service.spec.name) return renameRefused();
  if (spec.mode.kind !== service.spec.mode.kind) return modeChangeRefused();
  return changeSpec(draft, service, { spec });
}

function requestedRollback(facts: Facts): UpdateStatus {
  const message = "manually requested rollback";
  return { state: "rollback_started", startedAt: facts.wall, message };
}
