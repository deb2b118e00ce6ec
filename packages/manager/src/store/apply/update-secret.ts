/** Labels of a secret change, or its value: then the services that use it are renewed. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { secretImmutable, secretNotFound, versionConflict } from "../refusal.ts";
import { renewUsers } from "../renew-users.ts";
import type { StoreView } from "../tables.ts";

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
  if (command.isOther) renewUsers(draft, secret.id);
  return draft.accept(secret.id);
}
