/** A user changes the spec of a service, or asks for the one before. */
import type { Service, UpdateStatus } from "@skein/common/model/service";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import {
  modeChangeRefused,
  noSuchSpec,
  renameRefused,
  serviceNotFound,
  versionConflict,
} from "../refusal.ts";
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
    ? goBack(draft, service, command)
    : replaceSpec(draft, service, command);
  return written.ok ? draft.accept(service.id) : written;
}

type Update = CommandOf<"update-service">;

function goBack(draft: Draft, service: Service, { to, historyMax }: Update) {
  const kept = historyMax === undefined ? {} : { historyMax };
  if (to === undefined)
    return rollBack(draft, service, { updateStatus: requested(draft), ...kept });
  const former = service.history?.find(({ specIndex }) => specIndex === to);
  if (former === undefined) return noSuchSpec(service.id, to);
  const updateStatus = requested(draft);
  return changeSpec(draft, service, { spec: former.spec, updateStatus, ...kept });
}

function replaceSpec(draft: Draft, service: Service, { spec, historyMax }: Update) {
  if (spec.name !== service.spec.name) return renameRefused();
  if (spec.mode.kind !== service.spec.mode.kind) return modeChangeRefused();
  return changeSpec(draft, service, { spec, ...(historyMax === undefined ? {} : { historyMax }) });
}

function requested({ facts }: Draft): UpdateStatus {
  const message = "manually requested rollback";
  return { state: "rollback_started", startedAt: facts.wall, message };
}
