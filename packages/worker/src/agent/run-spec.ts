/**
 * From an assignment to what the engine runs: image checked, templates expanded, environment built,
 * address realised. Everything that can be refused without touching the system is refused here, in
 * the words `service ps` shows.
 *
 * The environment is clean: the agent passes its own PATH, HOME, USER and LANG and nothing else;
 * then what Skein tells every task; the user's own variables come last and win. NODE_OPTIONS alone
 * is joined: the preload that maps `listen` to the task's address is appended to what the user set.
 */
import { taskName } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Assignment } from "@skein/common/wire/dispatch-messages";
import type { RunSpec } from "../engine/engine.ts";
import { STOP_GRACE_DEFAULT_MS } from "../limits.ts";
import { loopbackAddress } from "./address.ts";
import { isHostImage } from "./image.ts";
import { signalName } from "./signals.ts";
import { expandTemplate } from "./template.ts";

/** What this node gives every task. */
export interface TaskDefaults {
  /** The agent's own PATH, HOME, USER, LANG, as far as set. */
  readonly env: Readonly<Record<string, string>>;
  /** Where a task without a working directory starts. */
  readonly directory?: string;
  /** Absolute path of the Node preload; absent where there is none. */
  readonly preload?: string;
  /** Where this node answers DNS: "127.0.1.4:53". */
  readonly dns?: string;
}

/** TCP ports of the task that ingress may send to, sorted, each once. */
export function targetPorts(assignment: Assignment): readonly number[] {
  const tcp = assignment.ports.filter((port) => port.protocol === "tcp");
  return [...new Set(tcp.map((port) => port.targetPort))].toSorted((a, b) => a - b);
}

/** The error is the task's: it becomes `rejected` with it. */
export function buildRunSpec(
  assignment: Assignment,
  defaults: TaskDefaults,
  values: ReadonlyMap<string, Uint8Array> = new Map(),
): Result<RunSpec, string> {
  const process = assignment.spec.process;
  if (!isHostImage(process.image)) {
    return fail(`image "${process.image}": images are not supported yet, use "host"`);
  }
  const argv = [...process.command, ...process.args];
  if (argv.length === 0 || argv[0] === "") return fail("no command specified");
  const stopSignal = signalName(process.stopSignal ?? "SIGTERM");
  if (stopSignal === undefined) return fail(`Invalid signal: ${process.stopSignal}`);
  const directory = process.directory ?? defaults.directory;
  if (directory !== undefined && !directory.startsWith("/")) {
    return fail(`the working directory '${directory}' is invalid, it needs to be an absolute path`);
  }
  const address =
    assignment.address === undefined ? ok(undefined) : loopbackAddress(assignment.address);
  if (!address.ok) return address;
  const env = buildEnvironment(assignment, defaults, address.value);
  if (!env.ok) return env;
  return ok({
    taskId: assignment.taskId,
    name: taskName(assignment),
    argv,
    env: env.value,
    stopSignal,
    stopGraceMs: process.stopGraceMs ?? STOP_GRACE_DEFAULT_MS,
    ...optional("directory", directory),
    ...optional("user", process.user),
    ...optional("hostAddress", address.value),
    ...optional("limitNanoCpus", assignment.spec.limitNanoCpus),
    ...optional("limitMemoryBytes", assignment.spec.limitMemoryBytes),
    ...optional("limitPids", assignment.spec.limitPids),
    ...optional("ulimits", process.ulimits),
    ...optional("oomScoreAdj", process.oomScoreAdj),
    ...(assignment.spec.log?.name === "none" ? { dropOutput: true as const } : {}),
    ...optional("files", filesOf(process.files, values)),
  });
}

function filesOf(
  files: Assignment["spec"]["process"]["files"],
  values: ReadonlyMap<string, Uint8Array>,
): RunSpec["files"] {
  return files?.map(({ kind, id, target, uid, gid, mode }) => {
    return { kind, target, uid, gid, mode, data: values.get(id) ?? new Uint8Array() };
  });
}

function buildEnvironment(
  assignment: Assignment,
  defaults: TaskDefaults,
  hostAddress: string | undefined,
): Result<Readonly<Record<string, string>>, string> {
  const env = new Map(Object.entries(defaults.env));
  if (assignment.spec.process.user !== undefined) {
    // The agent's own would be wrong for another user: the engine fills in that user's.
    env.delete("HOME");
    env.delete("USER");
  }
  for (const [name, value] of skeinVariables(assignment, hostAddress)) env.set(name, value);
  // Where the names of its networks are answered: the preload asks there, other programs may.
  if (assignment.networks !== undefined && defaults.dns !== undefined) {
    env.set("SKEIN_DNS", defaults.dns);
  }
  const hostname = expandTemplate(assignment.spec.process.hostname ?? "", assignment);
  if (!hostname.ok) return fail(`expanding hostname failed: ${hostname.error}`);
  if (hostname.value !== "") env.set("HOSTNAME", hostname.value);
  for (const line of assignment.spec.process.env) {
    const expanded = expandTemplate(line, assignment);
    if (!expanded.ok) return fail(`expanding env failed: ${expanded.error}`);
    const equals = expanded.value.indexOf("=");
    // Docker: a name alone removes the variable.
    if (equals < 0) env.delete(expanded.value);
    else env.set(expanded.value.slice(0, equals), expanded.value.slice(equals + 1));
  }
  // Not the user's to change: by them the engine finds processes that left their group, and `skein
  // down` the tasks of a node whose agent is dead.
  env.set("SKEIN_TASK_ID", assignment.taskId);
  env.set("SKEIN_NODE_ID", assignment.nodeId);
  if (hostAddress !== undefined && defaults.preload !== undefined) {
    env.set("NODE_OPTIONS", withPreload(env.get("NODE_OPTIONS"), defaults.preload));
  }
  const bad = [...env.entries()].find(
    ([name, value]) => name === "" || `${name}${value}`.includes("\0"),
  );
  if (bad !== undefined)
    return fail(`invalid environment variable: ${JSON.stringify(bad.join("="))}`);
  return ok(Object.fromEntries(env));
}

function skeinVariables(
  assignment: Assignment,
  hostAddress: string | undefined,
): readonly (readonly [string, string])[] {
  const port = assignment.ports.find((candidate) => candidate.protocol === "tcp")?.targetPort;
  const generic = Object.entries(assignment.generic ?? {}).map(
    ([kind, value]) =>
      [`DOCKER_RESOURCE_${kind.toUpperCase().replaceAll(/\W/g, "_")}`, value] as const,
  );
  return [
    ...generic,
    ["SKEIN_SERVICE_NAME", assignment.serviceName],
    ["SKEIN_TASK_SLOT", assignment.pinnedTo ?? String(assignment.slot)],
    ["SKEIN_NODE_NAME", assignment.nodeHostname],
    ...(hostAddress === undefined
      ? []
      : ([
          ["HOST", hostAddress],
          ["SKEIN_HOST", hostAddress],
        ] as const)),
    ...(port === undefined ? [] : ([["PORT", String(port)]] as const)),
  ];
}

/** Node splits NODE_OPTIONS at spaces unless quoted; backslash escapes inside the quotes. */
function withPreload(existing: string | undefined, preload: string): string {
  const ours = `--require "${preload.replace(/["\\]/g, "\\$&")}"`;
  return existing === undefined || existing.trim() === "" ? ours : `${existing} ${ours}`;
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  // The key is exactly `key`: TypeScript widens a computed key to string.
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: Value });
}
