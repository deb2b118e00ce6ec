/**
 * One service of a Compose file -> the Engine API's ServiceSpec, as `docker stack deploy` would
 * write it: names and labels with the stack's, containers with their own.
 *
 * Invariants:
 *   C1. Total: any tree gives a spec or findings that name the place.
 *   C2. Every key of the service is honoured, reported as ignored, or refused: none is swallowed.
 *   C3. The same file gives the same text of the spec, whatever the order of its maps.
 */
import { readWords } from "./command.ts";
import type { Dependency } from "./depends-on.ts";
import { readDependsOn } from "./depends-on.ts";
import type { Deploy } from "./deploy.ts";
import { readDeploy } from "./deploy.ts";
import type { FileUse } from "./files.ts";
import { readFileUses } from "./files.ts";
import type { Place } from "./findings.ts";
import { readHealthcheck } from "./healthcheck.ts";
import { readMounts } from "./mounts.ts";
import type { NetworkUse } from "./networks.ts";
import { readNetworkUses } from "./networks.ts";
import { readLabels, readPairs } from "./pairs.ts";
import { readPorts } from "./ports.ts";
import { SERVICE_KEYS } from "./service-keys.ts";

type Json = Readonly<Record<string, unknown>>;

/** A service before the stack has given names and ids to what it refers to. */
export interface StackService {
  readonly key: string;
  readonly image: string;
  readonly container: Json;
  readonly deploy: Deploy;
  readonly ports: readonly object[];
  readonly logDriver: Json | undefined;
  readonly networks: readonly NetworkUse[];
  readonly configs: readonly FileUse[];
  readonly secrets: readonly FileUse[];
  readonly dependsOn: readonly Dependency[];
}

export function readService(key: string, place: Place): StackService {
  judgeKeys(place);
  const image = place.at("image").text() ?? "";
  if (image === "") place.refuse("has no image: use `image: host` for a program of the node's own");
  return {
    key,
    image,
    container: readContainer(place, image),
    deploy: readDeploy(place),
    ports: readPorts(place.at("ports")),
    logDriver: readLogging(place.at("logging")),
    networks: readNetworkUses(place.at("networks")),
    configs: readFileUses(place.at("configs"), "configs"),
    secrets: readFileUses(place.at("secrets"), "secrets"),
    dependsOn: readDependsOn(place.at("depends_on")),
  };
}

/** C2. */
function judgeKeys(place: Place): void {
  place.onlyKeys(Object.keys(SERVICE_KEYS), "a service");
  for (const key of Object.keys(place.map())) {
    const row = Object.hasOwn(SERVICE_KEYS, key) ? SERVICE_KEYS[key] : undefined;
    if (row === undefined || isIdle(place.at(key))) continue;
    if (row.support === "no") place.at(key).refuse(`cannot be honoured: ${row.note}`);
    if (row.support === "ignored") place.findings.ignore(place.at(key).path, row.note);
  }
}

/** `privileged: false` and an empty list ask for nothing. */
function isIdle(place: Place): boolean {
  const { tree } = place;
  if (place.isAbsent || tree === false || tree === "") return true;
  return typeof tree === "object" && tree !== null && Object.keys(tree).length === 0;
}

function readContainer(place: Place, image: string): Json {
  const environment = readPairs(place.at("environment")).map(([name, value]) => `${name}=${value}`);
  const mounts = readMounts(place);
  const parts: Json = {
    Image: image,
    Command: readWords(place.at("entrypoint")),
    Args: readWords(place.at("command")),
    Hostname: place.at("hostname").text(),
    Env: environment.length === 0 ? undefined : environment,
    Dir: place.at("working_dir").text(),
    User: place.at("user").text(),
    Labels: readLabels(place.at("labels")),
    StopSignal: place.at("stop_signal").text(),
    StopGracePeriod: place.at("stop_grace_period").duration(),
    Healthcheck: readHealthcheck(place.at("healthcheck")),
    Mounts: mounts.length === 0 ? undefined : mounts,
  };
  return withoutAbsent(parts);
}

function readLogging(place: Place): Json | undefined {
  if (place.isAbsent) return undefined;
  place.onlyKeys(["driver", "options"], "logging");
  const name = place.at("driver").text();
  const options = readLabels(place.at("options"));
  return withoutAbsent({
    Name: name,
    Options: Object.keys(options).length === 0 ? undefined : options,
  });
}

export function withoutAbsent(parts: Json): Json {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
