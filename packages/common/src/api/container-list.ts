/** GET /containers/json: the rows, and which of them the caller wants to see. */
import { compareIds } from "../ids.ts";
import { ok } from "../result.ts";
import type { Checked } from "./api-error.ts";
import { badRequest } from "./api-error.ts";
import type { ContainerFacts, ContainerState } from "./container.ts";
import {
  containerCommand,
  containerId,
  containerLabels,
  containerName,
  containerState,
  HOST_IMAGE_ID,
  hasIdPrefix,
} from "./container.ts";
import type { Filters } from "./filters.ts";
import { allLabels, anyOf, parseFilters } from "./filters.ts";
import { findContainer } from "./find-container.ts";
import { humanDuration } from "./human-duration.ts";
import { isSet } from "./query.ts";

export const CONTAINER_FILTERS = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
] as const;

const STATES = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];

export interface ListContext {
  /** Wall milliseconds: "Up 3 minutes". */
  readonly now: number;
  /** Of the network every task is on; "" where only a manager knows it. */
  readonly networkId: string;
  readonly withSize: boolean;
}

/** The containers to show, the newest first; `containerRow` gives each its shape. */
export function listContainers(
  rows: readonly ContainerFacts[],
  query: URLSearchParams,
): Checked<readonly ContainerFacts[]> {
  const filters = parseFilters(query.get("filters") ?? undefined, CONTAINER_FILTERS);
  if (!filters.ok) return filters;
  const states = filters.value.get("status") ?? [];
  const wrong = states.find((state) => !STATES.includes(state));
  if (wrong !== undefined) return badRequest(`invalid filter 'status=${wrong}'`);
  const limit = Number(query.get("limit") ?? "0");
  const span = boundsOf(rows, filters.value);
  if (!span.ok) return span;
  const all = isSet(query.get("all") ?? undefined) || limit > 0 || asksForState(filters.value);
  const wanted = rows.filter((row) => {
    const state = containerState(row.status);
    if (state === undefined || (!all && state !== "running")) return false;
    return span.value(row) && matches(row, filters.value);
  });
  const shown = wanted.toSorted(newestFirst);
  return ok(limit > 0 ? shown.slice(0, limit) : shown);
}

function newestFirst(a: ContainerFacts, b: ContainerFacts): number {
  return b.createdAt - a.createdAt || compareIds(a.taskId, b.taskId);
}

/** A filter on states, exit codes or order shows containers that do not run, as Docker's does. */
function asksForState(filters: Filters): boolean {
  return ["status", "exited", "before", "since"].some((key) => filters.has(key));
}

function boundsOf(
  rows: readonly ContainerFacts[],
  filters: Filters,
): Checked<(row: ContainerFacts) => boolean> {
  const tests: ((row: ContainerFacts) => boolean)[] = [];
  for (const key of ["before", "since"] as const) {
    for (const reference of filters.get(key) ?? []) {
      const found = findContainer(rows, reference);
      if (!found.ok) return found;
      const sign = key === "before" ? 1 : -1;
      // The newest first: what was made before it comes after it.
      tests.push((row) => newestFirst(row, found.value) * sign > 0);
    }
  }
  return ok((row) => tests.every((test) => test(row)));
}

function matches(row: ContainerFacts, filters: Filters): boolean {
  const state = containerState(row.status);
  const port = (wanted: string): boolean => matchesPort(row, wanted);
  return (
    anyOf(filters, "id", (id) => hasIdPrefix(row.taskId, id)) &&
    anyOf(filters, "name", (pattern) => matchesName(containerName(row), pattern)) &&
    anyOf(filters, "status", (wanted) => wanted === state) &&
    anyOf(
      filters,
      "exited",
      (code) => state === "exited" && Number(code) === row.status.exitCode,
    ) &&
    anyOf(filters, "ancestor", (image) => /^(host|process)(:latest)?$/.test(image)) &&
    anyOf(filters, "is-task", (value) => isSet(value)) &&
    anyOf(filters, "health", (health) => health === "none") &&
    anyOf(filters, "network", (network) => network === "ingress" && row.address !== undefined) &&
    anyOf(filters, "expose", port) &&
    anyOf(filters, "publish", () => false) &&
    anyOf(filters, "volume", () => false) &&
    anyOf(filters, "isolation", (value) => value === "default") &&
    (!filters.has("label") || allLabels(filters, "label", containerLabels(row)))
  );
}

/**
 * Docker takes a regular expression, with or without the leading slash. Only anchors are read
 * here: a pattern of a stranger must not cost more than its length.
 */
function matchesName(name: string, pattern: string): boolean {
  const atStart = pattern.startsWith("^");
  const atEnd = pattern.endsWith("$") && !pattern.endsWith("\\$");
  const text = pattern
    .slice(atStart ? 1 : 0, atEnd ? -1 : undefined)
    .replace(/^\//, "")
    .replaceAll("\\.", ".");
  if (atStart && atEnd) return name === text;
  if (atStart) return name.startsWith(text);
  return atEnd ? name.endsWith(text) : name.includes(text);
}

function matchesPort(row: ContainerFacts, wanted: string): boolean {
  const [numbers = "", protocol = "tcp"] = wanted.split("/");
  const [first = 0, last = first] = numbers.split("-").map(Number);
  return row.ports.some(
    (port) => port.protocol === protocol && port.targetPort >= first && port.targetPort <= last,
  );
}

export function containerRow(row: ContainerFacts, context: ListContext): object {
  return {
    Id: containerId(row.taskId),
    Names: [`/${containerName(row)}`],
    Image: row.spec.process.image,
    ImageID: HOST_IMAGE_ID,
    Command: containerCommand(row).join(" "),
    Created: Math.floor(row.createdAt / 1000),
    Ports: row.ports.map(portOf),
    ...(context.withSize ? { SizeRw: 0, SizeRootFs: 0 } : {}),
    Labels: containerLabels(row),
    State: containerState(row.status),
    Status: statusText(row, context.now),
    HostConfig: { NetworkMode: "ingress" },
    NetworkSettings: { Networks: containerNetworks(row, context.networkId) },
    Mounts: [],
  };
}

/** A port in ingress mode is published by the nodes, not by the container: Docker shows it so. */
function portOf(port: ContainerFacts["ports"][number]): object {
  const target = { PrivatePort: port.targetPort, Type: port.protocol };
  if (port.mode !== "host" || port.publishedPort === 0) return target;
  return { IP: "0.0.0.0", PublicPort: port.publishedPort, ...target };
}

export function containerNetworks(row: ContainerFacts, networkId: string): object {
  if (row.address === undefined) return {};
  return {
    ingress: {
      IPAMConfig: { IPv4Address: row.address },
      Links: null,
      Aliases: null,
      MacAddress: "",
      DriverOpts: null,
      GwPriority: 0,
      NetworkID: networkId,
      EndpointID: "",
      Gateway: "",
      IPAddress: row.address,
      IPPrefixLen: TASK_PREFIX_BITS,
      IPv6Gateway: "",
      GlobalIPv6Address: "",
      GlobalIPv6PrefixLen: 0,
      DNSNames: null,
    },
  };
}

/** Of the pool that a cluster takes its tasks' addresses from. */
const TASK_PREFIX_BITS = 16;

/** "Up 3 minutes", "Exited (1) 2 seconds ago", "Created". */
function statusText(row: ContainerFacts, now: number): string {
  const state: ContainerState | undefined = containerState(row.status);
  const since = humanDuration(now - row.status.at);
  if (state === "running") return `Up ${humanDuration(now - (row.startedAt ?? row.status.at))}`;
  return state === "exited" ? `Exited (${row.status.exitCode ?? 0}) ${since} ago` : "Created";
}
