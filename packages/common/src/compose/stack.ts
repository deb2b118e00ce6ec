/**
 * A whole Compose file (one tree, merged and interpolated) -> what a stack is made of. What cannot
 * be honoured is refused with its place, all of it at once; what has no effect is reported.
 *
 * Source: Compose specification; version 3 of the older format is read as a part of it.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { findCycle } from "./depends-on.ts";
import { Findings, Place } from "./findings.ts";
import type { StackNetwork } from "./networks.ts";
import { DEFAULT_NETWORK, readExternal, readNetwork } from "./networks.ts";
import { readLabels } from "./pairs.ts";
import type { StackService } from "./service.ts";
import { readService } from "./service.ts";
import type { Finding, Tree } from "./tree.ts";

export interface StackFile {
  readonly key: string;
  readonly kind: "configs" | "secrets";
  readonly external: boolean;
  /** As asked for; absent: `<stack>_<key>`. */
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Stack {
  /** By key, sorted: the order of a file changes nothing. */
  readonly services: readonly StackService[];
  readonly networks: readonly StackNetwork[];
  readonly files: readonly StackFile[];
  /** Keys that are accepted and have no effect. */
  readonly ignored: readonly Finding[];
}

const KEYS = ["version", "name", "services", "networks", "volumes", "configs", "secrets"];
const FILE_KEYS = [
  "file",
  "content",
  "environment",
  "external",
  "name",
  "labels",
  "driver",
  "driver_opts",
  "template_driver",
];

export function readStack(tree: Tree): Result<Stack, readonly Finding[]> {
  const findings = new Findings();
  const top = new Place(findings, "", tree);
  top.onlyKeys(KEYS, "a Compose file");
  const services = sortedEntries(top.at("services")).map(([key, place]) => readService(key, place));
  const networks = readNetworks(top.at("networks"), services);
  const files = [...readFiles(top.at("configs")), ...readFiles(top.at("secrets"))];
  if (services.length === 0) findings.refuse("services", "there is no service to run");
  judgeVolumes(top.at("volumes"));
  judgeNames(findings, services);
  judgeReferences(findings, { services, networks, files });
  judgeDependencies(findings, services);
  if (findings.wrong.length > 0) return fail(findings.wrong);
  return ok({ services, networks, files, ignored: findings.ignored });
}

function sortedEntries(place: Place): readonly (readonly [string, Place])[] {
  return [...place.entries()].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}

/** The default network is there as soon as a service is on it. */
function readNetworks(place: Place, services: readonly StackService[]): readonly StackNetwork[] {
  const named = sortedEntries(place).map(([key, network]) => readNetwork(key, network));
  const used = services.some((service) =>
    service.networks.some(({ network }) => network === DEFAULT_NETWORK),
  );
  if (!used || named.some(({ key }) => key === DEFAULT_NETWORK)) return named;
  const empty = new Place(place.findings, `${place.path}.${DEFAULT_NETWORK}`, undefined);
  return [...named, readNetwork(DEFAULT_NETWORK, empty)];
}

function readFiles(place: Place): readonly StackFile[] {
  const kind = place.path === "configs" ? "configs" : "secrets";
  return sortedEntries(place).map(([key, file]) => {
    file.onlyKeys(FILE_KEYS, `one of ${kind}`);
    for (const driver of ["driver", "driver_opts", "template_driver"]) {
      if (!file.at(driver).isAbsent) file.at(driver).refuse("there are no drivers of this kind");
    }
    const { external, name } = readExternal(file);
    const sources = ["file", "content", "environment"].filter((one) => !file.at(one).isAbsent);
    if (external && sources.length > 0) file.refuse("is external: it has no contents here");
    if (!external && sources.length !== 1) {
      file.refuse("must have one of file, content, environment, or be external");
    }
    const labels = readLabels(file.at("labels"));
    return { key, kind, external, name: file.at("name").text() ?? name, labels };
  });
}

function judgeVolumes(place: Place): void {
  for (const [, volume] of place.entries()) {
    place.findings.ignore(volume.path, "volumes are not kept: services mount directories");
  }
}

function judgeNames(findings: Findings, services: readonly StackService[]): void {
  for (const { key } of services) {
    if (/^[a-zA-Z0-9][\w-]*$/.test(key)) continue;
    findings.refuse(`services.${key}`, "a name has letters, digits, - and _ only");
  }
}

/** Networks, configs and secrets that a service names must be of the stack. */
function judgeReferences(findings: Findings, stack: Omit<Stack, "ignored">): void {
  const networks = new Set(stack.networks.map(({ key }) => key));
  const files = new Set(stack.files.map(({ kind, key }) => `${kind}/${key}`));
  for (const service of stack.services) {
    const path = `services.${service.key}`;
    for (const { network } of service.networks) {
      if (networks.has(network)) continue;
      findings.refuse(`${path}.networks`, `${network} is not among the file's networks`);
    }
    for (const kind of ["configs", "secrets"] as const) {
      for (const { source } of service[kind]) {
        if (files.has(`${kind}/${source}`)) continue;
        findings.refuse(`${path}.${kind}`, `${source} is not among the file's ${kind}`);
      }
    }
  }
}

function judgeDependencies(findings: Findings, services: readonly StackService[]): void {
  const modes = new Map(services.map((one) => [one.key, Object.keys(one.deploy.mode)[0] ?? ""]));
  for (const service of services) {
    for (const { service: other, condition, required } of service.dependsOn) {
      const path = `services.${service.key}.depends_on.${other}`;
      const mode = modes.get(other);
      if (mode === undefined && required) findings.refuse(path, "there is no such service");
      if (mode === undefined || condition !== "service_completed_successfully") continue;
      if (!mode.endsWith("Job")) findings.refuse(path, `${other} is no job: it does not complete`);
    }
  }
  const cycle = findCycle(
    new Map(services.map((one) => [one.key, one.dependsOn.map((row) => row.service)])),
  );
  if (cycle !== undefined)
    findings.refuse("services", `they wait in a circle: ${cycle.join(" -> ")}`);
}
