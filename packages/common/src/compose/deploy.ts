/** `deploy`: how many tasks, where, with what resources, and how they are replaced. */
import { DEPLOY_KEYS, deployKeys } from "./deploy-keys.ts";
import type { Place } from "./findings.ts";
import { readLabels } from "./pairs.ts";
import { parseCpus } from "./units.ts";

type Json = Readonly<Record<string, unknown>>;

export interface Deploy {
  readonly mode: Json;
  readonly labels: Readonly<Record<string, string>>;
  readonly endpointMode: string | undefined;
  readonly resources: Json | undefined;
  readonly restart: Json | undefined;
  readonly placement: Json | undefined;
  readonly update: Json | undefined;
  readonly rollback: Json | undefined;
}

const MODES = ["replicated", "global", "replicated-job", "global-job"] as const;

/** `service` is the whole service: some older keys beside `deploy` mean the same. */
export function readDeploy(service: Place): Deploy {
  const place = service.at("deploy");
  place.onlyKeys(deployKeys(""), "deploy");
  return {
    mode: readMode(service),
    labels: readLabels(place.at("labels")),
    endpointMode: place.at("endpoint_mode").oneOf(["vip", "dnsrr"]),
    resources: readResources(service),
    restart: readRestart(service),
    placement: readPlacement(place.at("placement")),
    update: readUpdate(place.at("update_config"), [...ORDERS, "blue-green"]),
    rollback: readUpdate(place.at("rollback_config"), ORDERS),
  };
}

function readMode(service: Place): Json {
  const deploy = service.at("deploy");
  const mode = deploy.at("mode").oneOf(MODES) ?? "replicated";
  const scale = service.at("scale").count();
  const replicas = deploy.at("replicas").count() ?? scale;
  if (mode === "global" || mode === "global-job") {
    if (replicas !== undefined) {
      deploy.at("replicas").refuse(`a ${mode} service has one task on each node: no replicas`);
    }
    return mode === "global" ? { Global: {} } : { GlobalJob: {} };
  }
  if (mode === "replicated") return { Replicated: { Replicas: replicas ?? 1 } };
  const tasks = replicas ?? 1;
  return { ReplicatedJob: { MaxConcurrent: tasks, TotalCompletions: tasks } };
}

function readResources(service: Place): Json | undefined {
  const place = service.at("deploy").at("resources");
  place.onlyKeys(deployKeys("resources"), "resources");
  const limits = {
    ...given("NanoCPUs", cpus(service.at("cpus"))),
    ...given("MemoryBytes", service.at("mem_limit").size()),
    ...given("Pids", service.at("pids_limit").count()),
    ...readAmounts(place.at("limits"), "limits"),
  };
  const reservations = {
    ...given("MemoryBytes", service.at("mem_reservation").size()),
    ...readAmounts(place.at("reservations"), "reservations"),
  };
  const both = {
    ...(Object.keys(limits).length === 0 ? {} : { Limits: limits }),
    ...(Object.keys(reservations).length === 0 ? {} : { Reservations: reservations }),
  };
  return Object.keys(both).length === 0 ? undefined : both;
}

function readAmounts(place: Place, kind: "limits" | "reservations"): Json {
  place.onlyKeys(deployKeys(`resources.${kind}`), "a set of resources");
  if (!place.at("devices").isAbsent) {
    place.at("devices").refuse(DEPLOY_KEYS["resources.reservations.devices"]?.note ?? "");
  }
  const generic = place.at("generic_resources").list().flatMap(readGeneric);
  return {
    ...given("NanoCPUs", cpus(place.at("cpus"))),
    ...given("MemoryBytes", place.at("memory").size()),
    ...given("Pids", place.at("pids").count()),
    ...(generic.length === 0 ? {} : { GenericResources: generic }),
  };
}

function readGeneric(place: Place): readonly Json[] {
  place.onlyKeys(["discrete_resource_spec"], "a generic resource");
  const spec = place.at("discrete_resource_spec");
  spec.onlyKeys(["kind", "value"], "a discrete resource");
  const [kind, value] = [spec.at("kind").text(), spec.at("value").count()];
  if (kind === undefined || value === undefined) {
    spec.refuse("must have a kind and a value");
    return [];
  }
  return [{ DiscreteResourceSpec: { Kind: kind, Value: value } }];
}

function cpus(place: Place): number | undefined {
  const written = place.text();
  if (written === undefined) return undefined;
  return parseCpus(written) ?? place.refuse(`must be a number of CPUs such as 0.5, not ${written}`);
}

/** `restart` is the older, simpler key; it counts where there is no policy. */
function readRestart(service: Place): Json | undefined {
  const place = service.at("deploy").at("restart_policy");
  if (place.isAbsent) return readOldRestart(service.at("restart"));
  place.onlyKeys(deployKeys("restart_policy"), "a restart policy");
  return {
    ...given("Condition", place.at("condition").oneOf(["none", "on-failure", "any"])),
    ...given("Delay", place.at("delay").duration()),
    ...given("MaxAttempts", place.at("max_attempts").count()),
    ...given("Window", place.at("window").duration()),
  };
}

function readOldRestart(place: Place): Json | undefined {
  if (place.isAbsent) return undefined;
  // YAML 1.1 readers make `no` a false; ours does not, but files are written for both.
  const written = place.tree === false ? "no" : place.text();
  const [, retries] = /^on-failure:(\d+)$/.exec(written ?? "") ?? [];
  if (retries !== undefined) return { Condition: "on-failure", MaxAttempts: Number(retries) };
  if (written === "no") return { Condition: "none" };
  if (written === "on-failure") return { Condition: "on-failure" };
  if (written === "always" || written === "unless-stopped") return { Condition: "any" };
  return place.refuse("must be no, on-failure, on-failure:N, always or unless-stopped");
}

function readPlacement(place: Place): Json | undefined {
  if (place.isAbsent) return undefined;
  place.onlyKeys(deployKeys("placement"), "placement");
  const spread = place
    .at("preferences")
    .list()
    .flatMap((item) => {
      item.onlyKeys(["spread"], "a placement preference");
      return item.at("spread").text() ?? [];
    });
  return {
    ...given("Constraints", nonEmpty(place.at("constraints").texts())),
    ...given(
      "Preferences",
      nonEmpty(spread.map((label) => ({ Spread: { SpreadDescriptor: label } }))),
    ),
    ...given("MaxReplicas", place.at("max_replicas_per_node").count()),
  };
}

const ORDERS = ["stop-first", "start-first"];
function readUpdate(place: Place, orders: readonly string[]): Json | undefined {
  if (place.isAbsent) return undefined;
  place.onlyKeys(deployKeys("update_config"), "an update configuration");
  return {
    Parallelism: place.at("parallelism").count() ?? 1,
    ...given("Delay", place.at("delay").duration()),
    ...given("FailureAction", place.at("failure_action").oneOf(["pause", "continue", "rollback"])),
    ...given("Monitor", place.at("monitor").duration()),
    ...given("MaxFailureRatio", ratio(place.at("max_failure_ratio"))),
    ...given("Order", place.at("order").oneOf(orders)),
  };
}

function ratio(place: Place): number | undefined {
  const written = place.text();
  if (written === undefined) return undefined;
  const value = /^\d*\.?\d+$/.test(written) ? Number(written) : 2;
  return value <= 1 ? value : place.refuse(`must be a number from 0 to 1, not ${written}`);
}

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length === 0 ? undefined : items;
}

function given(key: string, value: unknown): Json {
  return value === undefined ? {} : { [key]: value };
}
