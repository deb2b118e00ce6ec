/** Labels of a config change, or its data: then the services that use it are renewed. */
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { configImmutable, configNotFound, versionConflict } from "../refusal.ts";
import { renewUsers } from "../renew-users.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

/**
 * Every write of a config is one of its spec, so its version must be the very one that was read.
 * Commands from before data could change do not say `isOther`, and are refused as they were.
 */
export function applyUpdateConfig(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"update-config">,
): Outcome {
  const { spec, isOther = false } = command;
  const config = view.configs.get(command.configId);
  if (config === undefined) return configNotFound(command.configId);
  if (command.version !== config.version) return versionConflict();
  const isOtherData = !isSame(spec.data, config.spec.data);
  if (spec.name !== config.spec.name || (isOtherData && !isOther)) return configImmutable();
  const draft = new Draft(view, facts);
  draft.configs.put({ ...config, spec });
  if (isOtherData) renewUsers(draft, config.id);
  return draft.accept(config.id);
}
