/** Flags of `service create|update` and `run` to the Engine API's service spec, with Docker's names. */
import { InvalidArgumentError } from "commander";

export interface ServiceFlags {
  readonly name?: string;
  readonly replicas?: number;
  readonly publish?: readonly Publish[];
  readonly env?: readonly string[];
  readonly constraint?: readonly string[];
  readonly label?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly stopSignal?: string;
  readonly stopGracePeriod?: number;
  readonly restartCondition?: string;
  readonly restartDelay?: number;
  readonly restartMaxAttempts?: number;
  readonly updateParallelism?: number;
  readonly updateDelay?: number;
  readonly updateOrder?: string;
  readonly updateFailureAction?: string;
  readonly replicasMaxPerNode?: number;
}

export interface Publish {
  readonly PublishedPort?: number;
  readonly TargetPort: number;
  readonly Protocol: string;
  readonly PublishMode: string;
}

/** The Engine API's JSON; keys as on its wire. */
export type EngineSpec = Record<string, unknown>;

const NANOSECONDS = 1_000_000;

/** "8080:3000", "3000", "published=8080,target=3000,protocol=tcp". */
export function parsePublish(value: string, previous: readonly Publish[] = []): readonly Publish[] {
  return [...previous, value.includes("=") ? parseLong(value) : parseShort(value)];
}

export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** The whole spec of a new service. */
export function createSpec(command: readonly string[], flags: ServiceFlags): EngineSpec {
  const container: EngineSpec = { Image: "host", Args: [...command] };
  const task: EngineSpec = { ContainerSpec: container };
  const spec: EngineSpec = {
    Name: flags.name ?? "",
    Labels: {},
    TaskTemplate: task,
    Mode: { Replicated: { Replicas: flags.replicas ?? 1 } },
    EndpointSpec: { Mode: "vip", Ports: flags.publish ?? [] },
  };
  applyFlags(spec, flags);
  return spec;
}

/** Writes what the flags name into a spec, and leaves the rest as it is. */
export function applyFlags(spec: EngineSpec, flags: ServiceFlags): void {
  const task = child(spec, "TaskTemplate");
  const container = child(task, "ContainerSpec");
  if (flags.replicas !== undefined) spec["Mode"] = { Replicated: { Replicas: flags.replicas } };
  if (flags.env !== undefined) container["Env"] = flags.env.map(withOwnValue);
  if (flags.workdir !== undefined) container["Dir"] = flags.workdir;
  if (flags.user !== undefined) container["User"] = flags.user;
  if (flags.stopSignal !== undefined) container["StopSignal"] = flags.stopSignal;
  if (flags.stopGracePeriod !== undefined) {
    container["StopGracePeriod"] = flags.stopGracePeriod * NANOSECONDS;
  }
  if (flags.label !== undefined) Object.assign(child(spec, "Labels"), labels(flags.label));
  placement(child(task, "Placement"), flags);
  restart(task, flags);
  update(spec, flags);
}

function placement(into: EngineSpec, flags: ServiceFlags): void {
  if (flags.constraint !== undefined) into["Constraints"] = [...flags.constraint];
  if (flags.replicasMaxPerNode !== undefined) into["MaxReplicas"] = flags.replicasMaxPerNode;
}

function restart(task: EngineSpec, flags: ServiceFlags): void {
  const { restartCondition, restartDelay, restartMaxAttempts } = flags;
  if ([restartCondition, restartDelay, restartMaxAttempts].every((one) => one === undefined))
    return;
  const policy = child(task, "RestartPolicy");
  policy["Condition"] = restartCondition ?? policy["Condition"] ?? "any";
  if (restartDelay !== undefined) policy["Delay"] = restartDelay * NANOSECONDS;
  if (restartMaxAttempts !== undefined) policy["MaxAttempts"] = restartMaxAttempts;
}

function update(spec: EngineSpec, flags: ServiceFlags): void {
  const { updateParallelism, updateDelay, updateOrder, updateFailureAction } = flags;
  const given = [updateParallelism, updateDelay, updateOrder, updateFailureAction];
  if (given.every((one) => one === undefined)) return;
  const config = child(spec, "UpdateConfig");
  config["Parallelism"] = updateParallelism ?? config["Parallelism"] ?? 1;
  if (updateDelay !== undefined) config["Delay"] = updateDelay * NANOSECONDS;
  if (updateOrder !== undefined) config["Order"] = updateOrder;
  if (updateFailureAction !== undefined) config["FailureAction"] = updateFailureAction;
}

function child(of: EngineSpec, key: string): EngineSpec {
  const found = of[key];
  if (typeof found === "object" && found !== null) {
    // Objects of the API's JSON have string keys only.
    return found as EngineSpec;
  }
  const made: EngineSpec = {};
  of[key] = made;
  return made;
}

function labels(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((label) => {
      const at = label.indexOf("=");
      return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}

/** `-e NAME` alone takes the caller's value, as in Docker. */
function withOwnValue(variable: string): string {
  return variable.includes("=") ? variable : `${variable}=${process.env[variable] ?? ""}`;
}

function parseShort(value: string): Publish {
  const match = /^(?:(\d+):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (match === null) throw new InvalidArgumentError('it must be like "8080:3000" or "3000".');
  const [, published, target = "", protocol = "tcp"] = match;
  const base = { TargetPort: port(target), Protocol: protocol, PublishMode: "ingress" };
  return published === undefined ? base : { ...base, PublishedPort: port(published) };
}

function parseLong(value: string): Publish {
  const parts = new Map(value.split(",").map((part) => part.split("=", 2) as [string, string]));
  const unknown = [...parts.keys()].find((key) => !LONG_KEYS.has(key));
  if (unknown !== undefined) throw new InvalidArgumentError(`it has no key ${unknown}.`);
  const target = parts.get("target");
  if (target === undefined) throw new InvalidArgumentError("it needs target=<port>.");
  const published = parts.get("published");
  const base = {
    TargetPort: port(target),
    Protocol: parts.get("protocol") ?? "tcp",
    PublishMode: parts.get("mode") ?? "ingress",
  };
  return published === undefined ? base : { ...base, PublishedPort: port(published) };
}

const LONG_KEYS = new Set(["target", "published", "protocol", "mode"]);

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new InvalidArgumentError(`${text} is not a port (1 to 65535).`);
}
