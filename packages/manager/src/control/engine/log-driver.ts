/** Docker's `LogDriver` of a task -> our own. */
import type { LogDriver } from "@skein/common/model/log-options";
import { checkLogOptions, LOG_DRIVERS } from "@skein/common/model/log-options";
import type { EngineTaskSpec } from "./service-shape.ts";

interface Asked {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Undefined: what can be honoured; else what cannot. */
export function refuseLogDriver(task: EngineTaskSpec | undefined): string | undefined {
  const asked = askedFor(task);
  if (asked === undefined) return undefined;
  if (asked.name !== "" && !LOG_DRIVERS.includes(asked.name)) return `log driver ${asked.name}`;
  return checkLogOptions(asked.options);
}

/** Options without a name are those of the driver that is used without any. */
export function readLogDriver(task: EngineTaskSpec): LogDriver | undefined {
  const asked = askedFor(task);
  if (asked === undefined) return undefined;
  const { name, options } = asked;
  if (name === "none" || name === "json-file") return { name, options };
  return name === "" && Object.keys(options).length === 0 ? undefined : { name: "local", options };
}

function askedFor(task: EngineTaskSpec | undefined): Asked | undefined {
  const driver = task?.LogDriver;
  if (typeof driver !== "object" || driver === null) return undefined;
  const fields = new Map(Object.entries(driver).map(([key, value]) => [key.toLowerCase(), value]));
  const name = fields.get("name");
  const options: unknown = fields.get("options");
  const pairs = typeof options === "object" && options !== null ? Object.entries(options) : [];
  return {
    name: typeof name === "string" ? name : "",
    options: Object.fromEntries(pairs.map(([key, value]) => [key, String(value)])),
  };
}
