/** POST /configs/create and /configs/{id}/update: labels may change later, and the data. */
import { configId } from "@skein/common/ids";
import type { Config, ConfigSpec } from "@skein/common/model/config";
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
  const name = spec.name === "" ? config.spec.name : spec.name;
  if (name !== config.spec.name) return invalidArgument("the name of a config cannot be changed");
  if (!hasData) return ok(command(config, version, { ...spec, name, data: config.spec.data }));
  const next = checkNewConfig({ ...spec, name });
  return next.ok ? ok({ ...command(config, version, next.value), isOther: true }) : next;
}

function command({ id }: Config, version: number, spec: ConfigSpec): CommandOf<"update-config"> {
  return { kind: "update-config", configId: id, version, spec };
}
