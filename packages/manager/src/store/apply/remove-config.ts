/** A config goes. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { configInUse, configNotFound } from "../refusal.ts";
import { uses } from "../renew-users.ts";
import type { StoreView } from "../tables.ts";

export function applyRemoveConfig(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-config">,
): Outcome {
  const { configId } = command;
  const config = view.configs.get(configId);
  if (config === undefined) return configNotFound(configId);
  const users = view.services.list().filter((row) => row.removed !== true && uses(row, configId));
  if (users.length > 0) {
    return configInUse(
      config.spec.name,
      users.map(({ spec }) => spec.name),
    );
  }
  const draft = new Draft(view, facts);
  draft.configs.remove(configId);
  return draft.accept(configId);
}
