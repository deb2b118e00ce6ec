/** A config goes. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { configNotFound } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

export function applyRemoveConfig(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"remove-config">,
): Outcome {
  const { configId } = command;
  if (view.configs.get(configId) === undefined) return configNotFound(configId);
  const draft = new Draft(view, facts);
  draft.configs.remove(configId);
  return draft.accept(configId);
}
