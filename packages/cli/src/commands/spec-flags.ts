/**
 * Flags of `service create|update` and `run`, with Docker's names: each says how it writes into the
 * Engine API's spec. Flags that are not given leave the spec as it is. A table.
 */
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { NETWORK_FLAGS } from "./network-flags.ts";
import type { EngineSpec } from "./spec.ts";
import { objectAt } from "./spec.ts";
import type { SpecFlag, Use } from "./spec-flag-kinds.ts";
import {
  addTo,
  choiceFlag,
  editFlags,
  labelFlags,
  listFlag,
  numberFlag,
  portFlag,
  portsOf,
  textFlag,
  timeFlag,
  valueFlag,
  variableName,
  variablesIn,
  withOwnValue,
} from "./spec-flag-kinds.ts";
import { byteSize, cpus, duration, keyAndValue, port, ratio, wholeNumber } from "./values.ts";

const TASK = ["TaskTemplate"];
const CONTAINER = [...TASK, "ContainerSpec"];
const PLACEMENT = [...TASK, "Placement"];
const RESTART = [...TASK, "RestartPolicy"];
const RESOURCES = [...TASK, "Resources"];
const ENV = { path: CONTAINER, key: "Env", keyOf: variableName };

const COUNTS: readonly SpecFlag[] = [
  valueFlag(
    { use: "both", flags: "--replicas <n>", help: "number of tasks" },
    wholeNumber,
    (spec, count) => {
      const job = objectAt(spec, "Mode")["ReplicatedJob"];
      if (job === undefined) spec["Mode"] = { Replicated: { Replicas: count } };
      else objectAt(spec, "Mode", "ReplicatedJob")["TotalCompletions"] = count;
    },
  ),
  numberFlag("--replicas-max-per-node <n>", "at most so many tasks on one node", {
    path: PLACEMENT,
    key: "MaxReplicas",
  }),
];

const PORTS: readonly SpecFlag[] = [
  portFlag({
    use: "create",
    flags: "-p, --publish <port>",
    help: "port on every node, as in 8080:3000",
  }),
  portFlag({ use: "update", flags: "--publish-add <port>", help: "add or change a port" }),
  listFlag(
    { use: "update", flags: "--publish-rm <port>", help: "remove a port, by its target" },
    (spec, words) => {
      const targets = words.map((word) => port(word.split("/")[0] ?? ""));
      const endpoint = objectAt(spec, "EndpointSpec");
      endpoint["Ports"] = portsOf(endpoint).filter((one) => !targets.includes(one.TargetPort));
    },
  ),
];

const SURROUNDINGS: readonly SpecFlag[] = [
  // The file first: what stands on the command line wins.
  listFlag(
    { use: "create", flags: "--env-file <file>", help: "file of environment variables" },
    (spec, files) => addTo(spec, ENV, files.flatMap(variablesIn)),
  ),
  listFlag(
    { use: "create", flags: "-e, --env <NAME=value>", help: "environment variable" },
    (spec, words) => addTo(spec, ENV, words.map(withOwnValue)),
  ),
  ...editFlags({ flags: "--env", value: "NAME=value", help: "environment variable" }, ENV).filter(
    (flag) => flag.use === "update",
  ),
  textFlag("-w, --workdir <dir>", "directory the program starts in", {
    path: CONTAINER,
    key: "Dir",
  }),
  textFlag("-u, --user <user>", "user the program runs as", { path: CONTAINER, key: "User" }),
  valueFlag(
    { use: "both", flags: "--entrypoint <program>", help: "program that is given the command" },
    (value) => value.split(/\s+/).filter((word) => word !== ""),
    (spec, words) => {
      objectAt(spec, ...CONTAINER)["Command"] = words;
    },
  ),
  ...editFlags(
    { flags: "--constraint", value: "rule", help: "placement, as in node.labels.zone==a" },
    { path: PLACEMENT, key: "Constraints", keyOf: (rule) => rule.replaceAll(" ", "") },
  ),
  listFlag(
    { use: "create", flags: "--placement-pref <spread=label>", help: "spread over a node label" },
    (spec, words) => {
      objectAt(spec, ...PLACEMENT)["Preferences"] = words.map((word) => {
        const [, SpreadDescriptor] = keyAndValue(word);
        return { Spread: { SpreadDescriptor } };
      });
    },
  ),
  ...labelFlags({ flags: "-l, --label", help: "label of the service" }, []),
  ...labelFlags({ flags: "--container-label", help: "label of its tasks" }, CONTAINER),
];

const LIFE: readonly SpecFlag[] = [
  textFlag("--stop-signal <signal>", "signal that asks the program to end", {
    path: CONTAINER,
    key: "StopSignal",
  }),
  timeFlag("--stop-grace-period <duration>", "time before it is killed", {
    path: CONTAINER,
    key: "StopGracePeriod",
  }),
  choiceFlag("--restart-condition <when>", ["none", "on-failure", "any"], {
    path: RESTART,
    key: "Condition",
  }),
  timeFlag("--restart-delay <duration>", "fixed pause before a restart", {
    path: RESTART,
    key: "Delay",
  }),
  numberFlag("--restart-max-attempts <n>", "restarts before giving up", {
    path: RESTART,
    key: "MaxAttempts",
  }),
  timeFlag("--restart-window <duration>", "time in which restarts count", {
    path: RESTART,
    key: "Window",
  }),
];

const RESERVED: readonly SpecFlag[] = [
  numberFlag("--limit-pids <n>", "at most so many processes and threads", {
    path: [...RESOURCES, "Limits"],
    key: "Pids",
  }),
  listFlag(
    { use: "create", flags: "--generic-resource <kind=n>", help: "units of a node's resource" },
    (spec, words) => {
      objectAt(spec, ...RESOURCES, "Reservations")["GenericResources"] = words.map((word) => {
        const [Kind, value] = keyAndValue(word);
        return { DiscreteResourceSpec: { Kind, Value: wholeNumber(value) } };
      });
    },
  ),
  listFlag(
    { use: "create", flags: "--ulimit <name=soft:hard>", help: "limit of the process, as nofile" },
    (spec, words) => {
      objectAt(spec, ...CONTAINER)["Ulimits"] = words.map((word) => {
        const [Name, range] = keyAndValue(word);
        const [soft = "", hard = soft] = range.split(":");
        return { Name, Soft: wholeNumber(soft), Hard: wholeNumber(hard) };
      });
    },
  ),
  valueFlag(
    { use: "both", flags: "--oom-score-adj <n>", help: "who is ended first without memory" },
    Number,
    (spec, score) => {
      objectAt(spec, ...CONTAINER)["OomScoreAdj"] = score;
    },
  ),
  ...resources("limit", "Limits", "at most this much"),
  ...resources("reserve", "Reservations", "keep this much free for it"),
];

function resources(word: string, key: string, help: string): readonly SpecFlag[] {
  const path = [...RESOURCES, key];
  return [
    numberFlag(`--${word}-cpu <cpus>`, `${help}: CPUs`, { path, key: "NanoCPUs", read: cpus }),
    numberFlag(`--${word}-memory <size>`, `${help}: memory, as in 512m`, {
      path,
      key: "MemoryBytes",
      read: byteSize,
    }),
  ];
}

/** What Docker has no word for: it is in the service's labels. */
const BY_LABEL: readonly SpecFlag[] = [
  valueFlag(
    {
      use: "both",
      flags: "--update-standby <duration>",
      help: "blue-green: time the former tasks are kept for a way back",
    },
    duration,
    (spec, milliseconds) => {
      objectAt(spec, "Labels")["skein.update.standby"] = `${milliseconds}ms`;
    },
  ),
];

function updates(word: string, key: string): readonly SpecFlag[] {
  const path = [key];
  const isUpdate = word === "update";
  const actions = isUpdate ? ["pause", "continue", "rollback"] : ["pause", "continue"];
  const orders = ["stop-first", "start-first", ...(isUpdate ? ["blue-green"] : [])];
  return [
    numberFlag(`--${word}-parallelism <n>`, "tasks replaced at once", { path, key: "Parallelism" }),
    timeFlag(`--${word}-delay <duration>`, "pause between them", { path, key: "Delay" }),
    timeFlag(`--${word}-monitor <duration>`, "time a new task is watched for failure", {
      path,
      key: "Monitor",
    }),
    numberFlag(`--${word}-max-failure-ratio <ratio>`, "failures that are tolerated", {
      path,
      key: "MaxFailureRatio",
      read: ratio,
    }),
    choiceFlag(`--${word}-order <order>`, orders, { path, key: "Order" }),
    choiceFlag(`--${word}-failure-action <action>`, actions, { path, key: "FailureAction" }),
    ...(isUpdate ? BY_LABEL : []),
  ];
}

/** Docker's flags for what this cluster refuses: the API says why, so the wish gets there. */
const REFUSED: readonly SpecFlag[] = (
  [
    ["--mount <mount>", CONTAINER, "Mounts", [{ Type: "bind" }]],
    ["--secret <secret>", CONTAINER, "Secrets", [{ SecretName: "secret" }]],
    ["--config <config>", CONTAINER, "Configs", [{ ConfigName: "config" }]],
    ["--log-driver <driver>", TASK, "LogDriver", { Name: "driver" }],
    ["--dns <address>", CONTAINER, "DNSConfig", { Nameservers: ["127.0.0.1"] }],
    ["--read-only", CONTAINER, "ReadOnly", true],
    ["-t, --tty", CONTAINER, "TTY", true],
    ["--init", CONTAINER, "Init", true],
    ["--cap-add <capability>", CONTAINER, "CapabilityAdd", ["CAP"]],
    ["--cap-drop <capability>", CONTAINER, "CapabilityDrop", ["CAP"]],
    ["--group <group>", CONTAINER, "Groups", ["group"]],
    ["--sysctl <setting>", CONTAINER, "Sysctls", { setting: "1" }],
  ] as const
).map(([flags, path, key, value]) => ({
  use: "create" as const,
  option: new Option(flags).hideHelp(),
  write: (spec) => {
    objectAt(spec, ...path)[key] = value;
  },
}));

const MODES: readonly SpecFlag[] = [
  valueFlag(
    {
      use: "create",
      flags: "--mode <mode>",
      help: "replicated, global, replicated-job or global-job",
    },
    readMode,
    (spec, mode) => {
      const replicas = objectAt(spec, "Mode", "Replicated")["Replicas"] ?? 1;
      if (mode === "ReplicatedJob") {
        spec["Mode"] = { [mode]: { MaxConcurrent: replicas, TotalCompletions: replicas } };
      } else if (mode !== "Replicated") spec["Mode"] = { [mode]: {} };
    },
  ),
  valueFlag(
    { use: "both", flags: "--max-concurrent <n>", help: "tasks of a job that run at once" },
    wholeNumber,
    (spec, count) => {
      objectAt(spec, "Mode", "ReplicatedJob")["MaxConcurrent"] = count;
    },
  ),
  valueFlag(
    { use: "both", flags: "--schedule <cron>", help: 'when a job runs, in UTC: "*/5 * * * *"' },
    String,
    (spec, cron) => {
      objectAt(spec, "Labels")["skein.schedule"] = cron;
    },
  ),
  valueFlag(
    { use: "create", flags: "--endpoint-mode <mode>", help: "vip" },
    String,
    (spec, mode) => {
      objectAt(spec, "EndpointSpec")["Mode"] = mode;
    },
  ),
];

function readMode(mode: string): string {
  const key = {
    replicated: "Replicated",
    global: "Global",
    "replicated-job": "ReplicatedJob",
    "global-job": "GlobalJob",
  }[mode];
  if (key !== undefined) return key;
  throw new InvalidArgumentError("it must be replicated, global, replicated-job or global-job.");
}

const HEALTH_PATH = [...CONTAINER, "Healthcheck"];
const HEALTH: readonly SpecFlag[] = [
  valueFlag(
    { use: "both", flags: "--health-cmd <command>", help: "command that says whether it works" },
    String,
    (spec, command) => {
      objectAt(spec, ...HEALTH_PATH)["Test"] = ["CMD-SHELL", command];
    },
  ),
  timeFlag("--health-interval <duration>", "time between two checks", {
    path: HEALTH_PATH,
    key: "Interval",
  }),
  timeFlag("--health-timeout <duration>", "time one check may take", {
    path: HEALTH_PATH,
    key: "Timeout",
  }),
  timeFlag("--health-start-period <duration>", "time to start, in which failures do not count", {
    path: HEALTH_PATH,
    key: "StartPeriod",
  }),
  timeFlag("--health-start-interval <duration>", "time between checks while it starts", {
    path: HEALTH_PATH,
    key: "StartInterval",
  }),
  numberFlag("--health-retries <n>", "failures in a row that end it", {
    path: HEALTH_PATH,
    key: "Retries",
  }),
  {
    use: "both",
    option: new Option("--no-healthcheck", "no health check").preset(false),
    write: (spec, value) => {
      if (value === false) objectAt(spec, ...CONTAINER)["Healthcheck"] = { Test: ["NONE"] };
    },
  },
];

const FLAGS: readonly SpecFlag[] = [
  ...COUNTS,
  ...PORTS,
  ...SURROUNDINGS,
  ...LIFE,
  ...RESERVED,
  ...updates("update", "UpdateConfig"),
  ...updates("rollback", "RollbackConfig"),
  ...MODES,
  ...HEALTH,
  ...NETWORK_FLAGS,
  ...REFUSED,
];

/** Adds the flags to a command. */
export function addSpecFlags(command: Command, use: Exclude<Use, "both">): Command {
  for (const flag of FLAGS) {
    if (flag.use === use || flag.use === "both") command.addOption(flag.option);
  }
  return command;
}

/** Writes what was given into a spec. */
export function writeFlags(spec: EngineSpec, given: object): void {
  for (const { option, write } of FLAGS) {
    const value: unknown = Reflect.get(given, option.attributeName());
    if (value !== undefined) write(spec, value);
  }
  // What Docker's CLI fills in as soon as one of the group is given.
  for (const key of ["UpdateConfig", "RollbackConfig"]) {
    if (spec[key] !== undefined) objectAt(spec, key)["Parallelism"] ??= 1;
  }
  if (objectAt(spec, ...TASK)["RestartPolicy"] !== undefined) {
    objectAt(spec, ...RESTART)["Condition"] ??= "any";
  }
}
