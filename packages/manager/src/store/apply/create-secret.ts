/** A new secret: its value comes sealed. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { secretNameTaken } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

export function applyCreateSecret(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"create-secret">,
): Outcome {
  const { secretId, spec } = command;
  if (view.secretByName(spec.name) !== undefined) return secretNameTaken(spec.name);
  if (view.secrets.get(secretId) !== undefined) return secretNameTaken(secretId);
  const draft = new Draft(view, facts);
  draft.secrets.put({ id: secretId, ...draft.born(), spec });
  return draft.accept(secretId);
}
