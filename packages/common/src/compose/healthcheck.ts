/** `healthcheck`, as the Engine API's HealthConfig. */
import type { Place } from "./findings.ts";
import { isList, scalarText } from "./tree.ts";

const KEYS = [
  "test",
  "interval",
  "timeout",
  "retries",
  "start_period",
  "start_interval",
  "disable",
];

export interface EngineHealth {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
}

export function readHealthcheck(place: Place): EngineHealth | undefined {
  if (place.isAbsent) return undefined;
  place.onlyKeys(KEYS, "a health check");
  if (place.at("disable").flag() === true) {
    if (!place.at("test").isAbsent) place.at("test").refuse("disable: true and a test contradict");
    return { Test: ["NONE"] };
  }
  const test = readTest(place.at("test"));
  const numbers = {
    Interval: place.at("interval").duration(),
    Timeout: place.at("timeout").duration(),
    Retries: place.at("retries").count(),
    StartPeriod: place.at("start_period").duration(),
    StartInterval: place.at("start_interval").duration(),
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  // Filtered: every value that is left is a number.
  const rest = Object.fromEntries(given) as Omit<EngineHealth, "Test">;
  return test === undefined ? rest : { Test: test, ...rest };
}

/** One text is a line for the shell; a list says by its first word what it is. */
function readTest(place: Place): readonly string[] | undefined {
  if (place.isAbsent) return undefined;
  if (!isList(place.tree)) {
    const line = scalarText(place.tree);
    return line === undefined ? place.refuse("must be a text or a list") : ["CMD-SHELL", line];
  }
  const words = place.texts();
  const [kind] = words;
  if (kind === "NONE" || kind === "CMD" || kind === "CMD-SHELL") return words;
  return place.refuse("a list must begin with NONE, CMD or CMD-SHELL");
}
