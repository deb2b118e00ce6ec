/** Labels of a secret change, or its value: then the services that use it are renewed. */
import type { Service } from "@skein/common/model/service";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { secretImmutable, secretNotFound, versionConflict } from "../refusal.ts";
import type { StoreView } from "../tables.ts";
import { nextTraffic } from "../traffic.ts";

/**
 * A task sees one value for as long as it runs. So a new value makes the tasks of every service
 * that refers to it ones of an older version: the update supervisor replaces them as the service's
 * own update settings say.
 */
export function applyUpdateSecret(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"update-secret">,
): Outcome {
  const secret = view.secrets.get(command.secretId);
  if (secret === undefined) return secretNotFound(command.secretId);
  if (command.version !== secret.version) return versionConflict();
  if (command.spec.name !== secret.spec.name) return secretImmutable();
  const draft = new Draft(view, facts);
  draft.secrets.put({ ...secret, spec: command.spec });
  if (command.isOther) {
    for (const service of view.services.list()) {
      if (service.removed !== true && uses(service, secret.id)) renew(draft, service);
    }
  }
  return draft.accept(secret.id);
}

export function uses(service: Service, id: string): boolean {
  return service.spec.task.process.files?.some((file) => file.id === id) ?? false;
}

function renew(draft: Draft, service: Service): void {
  const { index } = draft.facts;
  const { updateStatus: _cleared, traffic: _held, ...kept } = service;
  const next = { ...kept, specIndex: index, taskIndex: index };
  draft.services.put({ ...next, ...nextTraffic(service, next) });
}
