/**
 * What Docker knows and this cluster does not do yet: refused by name with the reason, never
 * ignored. One row a feature; a feature that arrives loses its row.
 *
 * A table.
 */
import { refuseLogDriver } from "./log-driver.ts";
import type { EngineServiceSpec } from "./service-shape.ts";

interface Unsupported {
  /** What the user asked for, with the CLI's flag. */
  readonly feature: string;
  readonly because: string;
  readonly asked: (spec: EngineServiceSpec) => boolean;
}

const FILES = "a program of the node's own file system sees the node's files as they are";
const NODE_NETWORK = "programs use the node's own name resolution and hosts file";
const PLAIN = "a task is a plain process with the rights of the node's worker";

const TABLE: readonly Unsupported[] = [
  spec("plugin services", "there are no plugins", (s) => s.TaskTemplate?.PluginSpec),
  spec(
    "network attachments",
    "there are no single containers",
    (s) => s.TaskTemplate?.NetworkAttachmentSpec,
  ),
  spec(
    "log drivers and options other than json-file, local and none, max-size and max-file",
    "output is kept by the node and read with docker service logs (--log-driver, --log-opt)",
    (s) => refuseLogDriver(s.TaskTemplate),
  ),
  container("mounts (--mount)", FILES, (c) => c?.Mounts),
  container("read-only file systems (--read-only)", FILES, (c) => c?.ReadOnly),
  container("host entries (--host)", NODE_NETWORK, (c) => c?.Hosts),
  container("DNS settings (--dns)", NODE_NETWORK, (c) => c?.DNSConfig),
  container("supplementary groups (--group)", PLAIN, (c) => c?.Groups),
  container("privileges (--credential-spec)", PLAIN, (c) => c?.Privileges),
  container(
    "an init process (--init)",
    "tasks are reaped by the worker as they are",
    (c) => c?.Init,
  ),
  container("terminals (--tty)", "a task's output goes to files", (c) => c?.TTY),
  container("standard input", "a task's standard input is empty", (c) => c?.OpenStdin),
  container("kernel settings (--sysctl)", PLAIN, (c) => c?.Sysctls),
  container("capabilities (--cap-add, --cap-drop)", PLAIN, (c) => [
    ...(c?.CapabilityAdd ?? []),
    ...(c?.CapabilityDrop ?? []),
  ]),
  container("isolation technologies (--isolation)", "tasks are plain processes", (c) =>
    c?.Isolation === "default" ? undefined : c?.Isolation,
  ),
  spec(
    "platforms",
    "programs of the node's own file system are not built for one: use --constraint",
    (s) => s.TaskTemplate?.Placement?.Platforms,
  ),
  ports(
    "UDP and SCTP ports (--publish …/udp)",
    "only TCP is carried yet",
    (port) => port.Protocol !== "tcp",
  ),
  ports(
    "host-mode ports without a number (--publish mode=host)",
    "the node's own choice could not be told to anyone: name the published port",
    (port) => port.PublishMode === "host" && (port.PublishedPort ?? 0) === 0,
  ),
];

/** For the page that lists them. */
export const UNSUPPORTED_FEATURES: readonly string[] = TABLE.map(({ feature }) => feature);

/** Completes "Cannot create service web: …"; undefined when everything asked for is there. */
export function refuseUnsupported(service: EngineServiceSpec): string | undefined {
  const row = TABLE.find((candidate) => candidate.asked(service));
  return row === undefined ? undefined : `${row.feature}: not supported yet, ${row.because}`;
}

type Pick = (spec: EngineServiceSpec) => unknown;

function spec(feature: string, because: string, pick: Pick): Unsupported {
  return { feature, because, asked: (service) => !isEmpty(pick(service), 0) };
}

function container(
  feature: string,
  because: string,
  pick: (spec: NonNullable<EngineServiceSpec["TaskTemplate"]>["ContainerSpec"]) => unknown,
): Unsupported {
  return spec(feature, because, (service) => pick(service.TaskTemplate?.ContainerSpec));
}

type Port = NonNullable<NonNullable<EngineServiceSpec["EndpointSpec"]>["Ports"]>[number];

function ports(feature: string, because: string, test: (port: Port) => boolean): Unsupported {
  return { feature, because, asked: (service) => (service.EndpointSpec?.Ports ?? []).some(test) };
}

/** Zero all the way down; what is nested deeper than any real field counts as something. */
function isEmpty(value: unknown, depth: number): boolean {
  if (value === undefined || value === null || value === false || value === "" || value === 0) {
    return true;
  }
  if (typeof value !== "object" || depth > 8) return false;
  return Object.values(value).every((item) => isEmpty(item, depth + 1));
}
