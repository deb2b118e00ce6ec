/** A user changes the labels of a config. */
import type { ConfigSpec } from "@skein/common/model/config";
import type { CommandOf } from "../command.ts";
import type { Facts, Outcome } from "../draft.ts";
import { Draft } from "../draft.ts";
import { configImmutable, configNotFound, versionConflict } from "../refusal.ts";
import { isSame } from "../same.ts";
import type { StoreView } from "../tables.ts";

/**
 * Every write of a config is one of its spec, so its version must be the very one that was read.
 */
export function applyUpdateConfig(
  view: StoreView,
  facts: Facts,
  command: CommandOf<"update-config">,
): Outcome {
  const config = view.configs.get(command.configId);
  if (config === undefined) return configNotFound(command.configId);
  if (command.version !== config.version) return versionConflict();
  if (!isSame(exceptLabels(command.spec), exceptLabels(config.spec))) return configImmutable();
  const draft = new Draft(view, facts);
  draft.configs.put({ ...config, spec: command.spec });
  return draft.accept(config.id);
}

function exceptLabels(spec: ConfigSpec): Omit<ConfigSpec, "labels"> {
  const { labels: _labels, ...rest } = spec;
  return rest;
}
