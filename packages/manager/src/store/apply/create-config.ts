/** A new config: a named value that only ever changes its labels. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { configNameTaken } from "../refusal.ts";
import type { StoreView } from "../tables.ts";

export function applyCreateConfig(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"create-config">,
): Outcome {
  const { configId, spec } = command;
  if (view.configByName(spec.name) !== undefined) return configNameTaken(spec.name);
  if (view.configs.get(configId) !== undefined) return configNameTaken(configId);
  const draft = new Draft(view, facts);
  draft.configs.put({ id: configId, ...draft.born(), spec });
  return draft.accept(configId);
}
