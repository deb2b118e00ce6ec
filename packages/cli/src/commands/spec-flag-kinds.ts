/** The kinds of flags that write into a service spec: one text, one number, a list, a map. */
import { readFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import type { EngineSpec } from "./spec.ts";
import { objectAt, stringsAt } from "./spec.ts";
import type { Publish } from "./values.ts";
import { collect, duration, keyAndValue, publish, wholeNumber } from "./values.ts";

/** Which command has the flag. */
export type Use = "create" | "update" | "both";

export interface SpecFlag {
  readonly use: Use;
  readonly option: Option;
  readonly write: (spec: EngineSpec, value: unknown) => void;
}

/** Where a value goes: the object's path and the key in it. */
export interface Place {
  readonly path: readonly string[];
  readonly key: string;
}

export interface FlagText {
  readonly use: Use;
  readonly flags: string;
  readonly help: string;
}

const NANOSECONDS = 1_000_000;

/** A value of its own reader; `write` gets what the reader returns. */
export function valueFlag<T>(
  { use, flags, help }: FlagText,
  read: (text: string) => T,
  write: (spec: EngineSpec, value: T) => void,
): SpecFlag {
  const option = new Option(flags, help).argParser(read);
  // Commander hands over what this very reader has returned.
  return { use, option, write: (spec, value) => write(spec, value as T) };
}

export function textFlag(flags: string, help: string, { path, key }: Place): SpecFlag {
  return valueFlag({ use: "both", flags, help }, String, (spec, value) => {
    objectAt(spec, ...path)[key] = value;
  });
}

export function numberFlag(
  flags: string,
  help: string,
  place: Place & { readonly read?: (text: string) => number },
): SpecFlag {
  return valueFlag({ use: "both", flags, help }, place.read ?? wholeNumber, (spec, value) => {
    objectAt(spec, ...place.path)[place.key] = value;
  });
}

export function timeFlag(flags: string, help: string, { path, key }: Place): SpecFlag {
  return valueFlag({ use: "both", flags, help }, duration, (spec, value) => {
    objectAt(spec, ...path)[key] = value * NANOSECONDS;
  });
}

export function choiceFlag(
  flags: string,
  choices: readonly string[],
  { path, key }: Place,
): SpecFlag {
  const read = (value: string): string => {
    if (choices.includes(value)) return value;
    throw new InvalidArgumentError(`it must be one of ${choices.join(", ")}.`);
  };
  return valueFlag({ use: "both", flags, help: choices.join(", ") }, read, (spec, value) => {
    objectAt(spec, ...path)[key] = value;
  });
}

/** A flag that may be given several times. */
export function listFlag(
  { use, flags, help }: FlagText,
  write: (spec: EngineSpec, words: readonly string[]) => void,
): SpecFlag {
  const option = new Option(flags, help).argParser(collect);
  // `collect` makes lists of strings.
  return { use, option, write: (spec, words) => write(spec, words as readonly string[]) };
}

/** `--x` at creation, `--x-add` and `--x-rm` later: a list of strings, each known by `keyOf` it. */
export function editFlags(
  name: { readonly flags: string; readonly value: string; readonly help: string },
  place: Place & { readonly keyOf: (item: string) => string },
): readonly SpecFlag[] {
  const bare = name.flags.replace(/^-\w, /, "");
  const add = (spec: EngineSpec, words: readonly string[]): void => addTo(spec, place, words);
  const remove = (spec: EngineSpec, words: readonly string[]): void => {
    const keys = words.map(place.keyOf);
    const kept = stringsAt(spec, place.path, place.key).filter(
      (item) => !keys.includes(place.keyOf(item)),
    );
    objectAt(spec, ...place.path)[place.key] = kept;
  };
  const { value, help } = name;
  return [
    listFlag({ use: "create", flags: `${name.flags} <${value}>`, help }, add),
    listFlag({ use: "update", flags: `${bare}-add <${value}>`, help: `add: ${help}` }, add),
    listFlag({ use: "update", flags: `${bare}-rm <${value}>`, help: `remove: ${help}` }, remove),
  ];
}

/** Later items take the place of earlier ones with the same key. */
export function addTo(
  spec: EngineSpec,
  { path, key, keyOf }: Place & { readonly keyOf: (item: string) => string },
  items: readonly string[],
): void {
  const all = [...stringsAt(spec, path, key), ...items];
  objectAt(spec, ...path)[key] = [...new Map(all.map((item) => [keyOf(item), item])).values()];
}

/** The same for a map such as labels. */
export function labelFlags(
  name: { readonly flags: string; readonly help: string },
  path: readonly string[],
): readonly SpecFlag[] {
  const bare = name.flags.replace(/^-\w, /, "");
  const add = (spec: EngineSpec, words: readonly string[]): void => {
    Object.assign(objectAt(spec, ...path, "Labels"), Object.fromEntries(words.map(keyAndValue)));
  };
  const remove = (spec: EngineSpec, keys: readonly string[]): void => {
    for (const key of keys) delete objectAt(spec, ...path, "Labels")[key];
  };
  const { help } = name;
  return [
    listFlag({ use: "create", flags: `${name.flags} <key=value>`, help }, add),
    listFlag({ use: "update", flags: `${bare}-add <key=value>`, help: `add: ${help}` }, add),
    listFlag({ use: "update", flags: `${bare}-rm <key>`, help: `remove: ${help}` }, remove),
  ];
}

export function portFlag(text: FlagText): SpecFlag {
  const option = new Option(text.flags, text.help).argParser(publish);
  return {
    use: text.use,
    option,
    write: (spec, value) => {
      // `publish` makes lists of ports.
      const given = value as readonly Publish[];
      const endpoint = objectAt(spec, "EndpointSpec");
      const targets = given.map((one) => one.TargetPort);
      const kept = portsOf(endpoint).filter((one) => !targets.includes(one.TargetPort));
      endpoint["Ports"] = [...kept, ...given];
    },
  };
}

export function portsOf(endpoint: EngineSpec): readonly Publish[] {
  const found = endpoint["Ports"];
  // What the API calls ports, read only for their targets.
  return Array.isArray(found) ? (found as readonly Publish[]) : [];
}

/** `-e NAME` alone takes the caller's value, as in Docker. */
export function withOwnValue(variable: string): string {
  return variable.includes("=") ? variable : `${variable}=${process.env[variable] ?? ""}`;
}

export function variableName(variable: string): string {
  return keyAndValue(variable)[0];
}

/** Lines of an env file; comments and empty lines do not count. */
export function variablesIn(path: string): readonly string[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), "code");
    throw new InvalidArgumentError(`${path} cannot be read (${String(code)}).`);
  }
  const lines = content.split(/\r?\n/).map((line) => line.trimStart());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map(withOwnValue);
}
