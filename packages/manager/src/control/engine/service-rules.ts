/**
 * What makes a ServiceSpec invalid, in dockerd's and Swarm's words and with their status codes.
 * Order is Swarm's: what the API layer finds comes before what the cluster finds.
 */

import { SPEC_SHORT_TEXT_MAX } from "../../limits.ts";
import { parseConstraint } from "../../scheduler/constraint.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument, rpc, unclassified } from "../api-error.ts";
import { checkHealth } from "./health.ts";
import { isHostImage, isReference } from "./image.ts";
import { checkIngressLabels } from "./ingress-labels.ts";
import { checkProcess } from "./process-rules.ts";
import { checkLabels, orderOf } from "./service-labels.ts";
import { checkMode } from "./service-mode.ts";
import {
  FAILURE_ACTIONS,
  pick,
  RESTART_CONDITIONS,
  ROLLBACK_ORDERS,
  UPDATE_ORDERS,
} from "./service-policies.ts";
import type {
  EngineContainerSpec,
  EnginePort,
  EngineServiceSpec,
  EngineTaskSpec,
  EngineUpdateConfig,
} from "./service-shape.ts";

type Wrong = Checked<never> | undefined;

/** The refusal, or undefined when the spec is valid. `verb` is for messages. */
export function checkSpec(spec: EngineServiceSpec, verb: string): Wrong {
  const task = spec.TaskTemplate ?? {};
  const what = `Cannot ${verb} service ${spec.Name}`;
  return (
    checkMode(spec, what) ??
    checkIngressLabels(spec.Labels ?? {}, what) ??
    checkRuntime(task) ??
    checkRestart(task) ??
    checkUpdate(spec.UpdateConfig, "update") ??
    checkUpdate(spec.RollbackConfig, "rollback") ??
    checkEndpointMode(spec) ??
    checkName(spec.Name ?? "") ??
    checkResources(task) ??
    checkConstraints(task) ??
    checkPorts(spec.EndpointSpec?.Ports ?? []) ??
    checkContainer(task.ContainerSpec ?? {}, what) ??
    checkProcess(task, what) ??
    checkLabels(spec.Labels ?? {}, what) ??
    checkSets(spec, what) ??
    checkHealth(task.ContainerSpec?.Healthcheck)
  );
}

function checkRuntime(task: EngineTaskSpec): Wrong {
  if (task.Runtime !== "container" && task.Runtime !== "plugin") {
    return badRequest("unsupported runtime");
  }
  if (task.Runtime === "container" && task.ContainerSpec === undefined) {
    return badRequest("mismatched Runtime and *Spec fields");
  }
  return undefined;
}

function checkRestart(task: EngineTaskSpec): Wrong {
  const { Condition, Delay = 0, Window = 0 } = task.RestartPolicy ?? {};
  if (Condition !== undefined && pick(RESTART_CONDITIONS, Condition) === undefined) {
    return badRequest(`invalid RestartCondition: ${JSON.stringify(Condition)}`);
  }
  if (Delay < 0) return invalidArgument("TaskSpec: restart-delay cannot be negative");
  return Window < 0 ? invalidArgument("TaskSpec: restart-window cannot be negative") : undefined;
}

function checkUpdate(config: EngineUpdateConfig | undefined, kind: string): Wrong {
  if (config === undefined) return undefined;
  const { FailureAction: action, Order: order, Delay = 0, Monitor = 0 } = config;
  if (pick(FAILURE_ACTIONS, action) === undefined) {
    return badRequest(`unrecognized ${kind} failure action ${action}`);
  }
  const orders: readonly string[] = kind === "update" ? UPDATE_ORDERS : ROLLBACK_ORDERS;
  if (pick(orders, order) === undefined) {
    return badRequest(`unrecognized ${kind} order ${order}`);
  }
  if (Delay < 0) return invalidArgument(`TaskSpec: ${kind}-delay cannot be negative`);
  if (Monitor < 0) return invalidArgument(`TaskSpec: ${kind}-monitor cannot be negative`);
  const ratio = config.MaxFailureRatio ?? 0;
  if (ratio >= 0 && ratio <= 1) return undefined;
  return invalidArgument(
    `TaskSpec: ${kind}-maxfailureratio cannot be less than 0 or bigger than 1`,
  );
}

/** Two complete sets side by side cannot hold one port of a node. */
function checkSets(spec: EngineServiceSpec, what: string): Wrong {
  const order = orderOf(spec.Labels ?? {}) ?? spec.UpdateConfig?.Order;
  const ports = spec.EndpointSpec?.Ports ?? [];
  if (order !== "blue-green" || ports.every((port) => port.PublishMode !== "host")) {
    return undefined;
  }
  return badRequest(
    `${what}: a blue-green update needs every port twice, and a port published with mode=host is ` +
      "held until its task has ended: publish with mode=ingress, or update stop-first",
  );
}

function checkEndpointMode(spec: EngineServiceSpec): Wrong {
  const { Mode: mode = "vip", Ports: ports = [] } = spec.EndpointSpec ?? {};
  if (mode !== "vip" && mode !== "dnsrr") {
    return badRequest(`invalid resolution mode: ${JSON.stringify(mode)}`);
  }
  if (mode === "vip" || ports.every((port) => port.PublishMode === "host")) return undefined;
  return invalidArgument(
    "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
  );
}

function checkName(name: string): Wrong {
  if (!/^[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    return invalidArgument("name must be valid as a DNS name component");
  }
  // Swarm's bound: tasks and their DNS names are made from it.
  return name.length > 63 ? invalidArgument("name must be 63 characters or fewer") : undefined;
}

function checkResources(task: EngineTaskSpec): Wrong {
  for (const amounts of [task.Resources?.Limits, task.Resources?.Reservations]) {
    const { NanoCPUs: cpus = 0, MemoryBytes: memory = 0 } = amounts ?? {};
    if (cpus !== 0 && cpus < 1e6) {
      const value = formatGo(cpus / 1e9);
      return invalidArgument(`invalid cpu value ${value}: Must be at least 0.001`);
    }
    if (memory !== 0 && memory < 4 * 1024 * 1024) {
      return invalidArgument(`invalid memory value ${memory}: Must be at least 4MiB`);
    }
  }
  return undefined;
}

/** A float as Go's %g prints it: "1e-06", not "0.000001". */
function formatGo(value: number): string {
  if (value === 0 || Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

/** Docker's texts for its own two operators; ours for `in`, `not in`, `exists` and `||`. */
function checkConstraints(task: EngineTaskSpec): Wrong {
  for (const constraint of task.Placement?.Constraints ?? []) {
    const parsed = parseConstraint(constraint);
    if (parsed.ok) continue;
    return unclassified(rpc("Unknown", parsed.error));
  }
  return undefined;
}

function checkPorts(ports: readonly EnginePort[]): Wrong {
  const taken = new Set<string>();
  for (const port of ports) {
    const { TargetPort: target = 0, PublishedPort: published = 0, Protocol: protocol } = port;
    if (!["tcp", "udp", "sctp"].includes(protocol ?? "")) {
      return badRequest(`invalid protocol value ${JSON.stringify(protocol)}`);
    }
    if (port.PublishMode !== "ingress" && port.PublishMode !== "host") {
      return badRequest(`invalid publish mode ${JSON.stringify(port.PublishMode)}`);
    }
    if (target < 1 || target > 65_535 || published > 65_535) {
      const value = published > 65_535 ? published : target;
      return invalidArgument(`EndpointSpec: port ${value} is not between 1 and 65535`);
    }
    const key = `${published}/${protocol}`;
    if (published !== 0 && taken.has(key)) {
      return invalidArgument("EndpointSpec: duplicate published ports provided");
    }
    taken.add(key);
  }
  return undefined;
}

function checkContainer(container: EngineContainerSpec, what: string): Wrong {
  const { Image: image = "", StopGracePeriod: grace = 0 } = container;
  if (image === "") return invalidArgument("ContainerSpec: image reference must be provided");
  if (!isReference(image)) {
    return invalidArgument(`ContainerSpec: ${JSON.stringify(image)} is not a valid repository/tag`);
  }
  if (!isHostImage(image)) return badRequest(`${what}: ${imageReason(image)}`);
  const command = [...(container.Command ?? []), ...(container.Args ?? [])];
  if (command[0] === undefined || command[0] === "") {
    return badRequest(
      `${what}: no command to run: give one after the image name, ` +
        "as in docker service create --name web host node server.js",
    );
  }
  if (grace < 0) return invalidArgument("ContainerSpec: stop-grace-period cannot be negative");
  return checkTexts(container, what);
}

function imageReason(image: string): string {
  return (
    `image ${image} is not supported yet: only programs of the node's own file system run ` +
    '(use the image name "host", as in docker service create … host node server.js)'
  );
}

/** What no operating system can be given, and what would not fit the store's rows. */
function checkTexts(container: EngineContainerSpec, what: string): Wrong {
  const { Command = [], Args = [], Env = [], Dir = "", User = "", Hostname = "" } = container;
  const short = { user: User, hostname: Hostname, "stop signal": container.StopSignal ?? "" };
  for (const [name, value] of Object.entries(short)) {
    if (value.length > SPEC_SHORT_TEXT_MAX) {
      return badRequest(`${what}: its ${name} is longer than ${SPEC_SHORT_TEXT_MAX} characters`);
    }
  }
  const texts = [...Command, ...Args, ...Env, Dir, User, Hostname];
  if (!texts.some((value) => value.includes("\0"))) return undefined;
  return badRequest(`${what}: command, environment or directory contain a NUL character`);
}
