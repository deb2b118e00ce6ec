/** A secret goes, unless a service needs it. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { secretInUse, secretNotFound } from "../refusal.ts";
import { uses } from "../renew-users.ts";
import type { StoreView } from "../tables.ts";

export function applyRemoveSecret(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-secret">,
): Outcome {
  const secret = view.secrets.get(command.secretId);
  if (secret === undefined) return secretNotFound(command.secretId);
  const users = view.services
    .list()
    .filter((service) => service.removed !== true && uses(service, secret.id));
  if (users.length > 0) {
    return secretInUse(
      secret.spec.name,
      users.map(({ spec }) => spec.name),
    );
  }
  const draft = new Draft(view, facts);
  draft.secrets.remove(secret.id);
  return draft.accept(secret.id);
}
