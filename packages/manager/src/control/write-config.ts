/** POST /configs/create and /configs/{id}/update: only labels may change later. */
import { configId } from "@skein/common/ids";
import type { Config } from "@skein/common/model/config";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { invalidArgument } from "./api-error.ts";
import { checkNewConfig, readConfigSpec } from "./engine/config.ts";

export function createConfig(body: unknown, newId: string): Checked<CommandOf<"create-config">> {
  const read = readConfigSpec(body);
  if (!read.ok) return read;
  const spec = checkNewConfig(read.value.spec);
  if (!spec.ok) return spec;
  return ok({ kind: "create-config", configId: configId(newId), spec: spec.value });
}

export function updateConfig(
  config: Config,
  body: unknown,
  version: number,
): Checked<CommandOf<"update-config">> {
  const read = readConfigSpec(body);
  if (!read.ok) return read;
  const { spec, hasData } = read.value;
  const named = spec.name === "" ? config.spec.name : spec.name;
  if (named !== config.spec.name) return invalidArgument("only updates to Labels are allowed");
  const kept = { ...spec, name: named, data: hasData ? spec.data : config.spec.data };
  return ok({ kind: "update-config", configId: config.id, version, spec: kept });
}
