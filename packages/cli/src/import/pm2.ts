/**
 * PM2's ecosystem file -> services. Pure: what the file says has been read already.
 *
 * Every key is carried over or reported; none is swallowed.
 */
import type { Tree, TreeMap } from "@skein/common/compose/tree";
import { isList, isMap, mapAt, scalarText } from "@skein/common/compose/tree";
import type { Imported } from "./imported.ts";
import { environmentOf, Report, serviceName, withoutVariables } from "./imported.ts";

export interface Pm2Options {
  /** As of `pm2 start --env`: the values of `env_production` go over those of `env`. */
  readonly env: string | undefined;
  /** Of this machine: what `instances: "max"` means. */
  readonly processors: number;
}

interface App {
  readonly app: TreeMap;
  readonly name: string;
  readonly report: Report;
  readonly options: Pm2Options;
}

export function importPm2(tree: Tree, options: Pm2Options): Imported {
  const report = new Report();
  const top: TreeMap = isMap(tree) ? tree : { apps: tree };
  for (const key of Object.keys(top)) {
    if (key !== "apps") report.say("", key, TOP[key] ?? "nothing here has this meaning");
  }
  const apps = isList(top["apps"]) ? top["apps"] : [];
  const services: Record<string, Tree> = {};
  for (const [index, app] of apps.entries()) {
    if (!isMap(app)) {
      report.say("apps", String(index), "is no map");
      continue;
    }
    const script = scalarText(app["script"]) ?? "";
    const file = script.split("/").at(-1) ?? "";
    const name = serviceName(scalarText(app["name"]) ?? file.replace(/\.\w+$/, ""));
    if (services[name] !== undefined) report.say("apps", name, "is there twice: the later counts");
    services[name] = toService({ app, name, report, options });
  }
  return { tree: { services }, report: report.findings };
}

const TOP: Readonly<Record<string, string>> = {
  deploy: "pm2 deploy copies files over SSH: bring them to the nodes before you deploy the stack",
};

function toService(given: App): TreeMap {
  const { app, name, report, options } = given;
  const { env } = options;
  for (const key of Object.keys(app)) {
    const reason = reasonFor(key, env);
    if (reason !== undefined) report.say(`apps.${name}`, key, reason);
  }
  const chosen = env === undefined ? {} : mapAt(app, `env_${env}`);
  const environment = environmentOf({ ...mapAt(app, "env"), ...chosen });
  const port = scalarText(environment["PORT"]);
  const grace = scalarText(app["kill_timeout"]);
  return {
    image: "host",
    command: commandOf(given),
    ...(app["cwd"] === undefined ? {} : { working_dir: scalarText(app["cwd"]) ?? "" }),
    ...(app["uid"] === undefined ? {} : { user: scalarText(app["uid"]) ?? "" }),
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    ...(port === undefined || !/^\d+$/.test(port) ? {} : { ports: [`${port}:${port}`] }),
    ...(grace === undefined ? {} : { stop_grace_period: milliseconds(grace) }),
    deploy: deployOf(given),
  };
}

/** Script, interpreter and arguments, as the list that is run. */
function commandOf({ app }: App): Tree {
  const script = scalarText(app["script"]) ?? "";
  const interpreter = scalarText(app["interpreter"] ?? app["exec_interpreter"]);
  const before = words(app["interpreter_args"] ?? app["node_args"]);
  const by = interpreter ?? INTERPRETERS[/\.(\w+)$/.exec(script)?.[1] ?? ""] ?? "none";
  const run = by === "none" ? [script] : [by, ...before, script];
  return [...run, ...words(app["args"])].map((word) => withoutVariables(word));
}

const INTERPRETERS: Readonly<Record<string, string>> = {
  js: "node",
  mjs: "node",
  cjs: "node",
  ts: "node",
  py: "python3",
  sh: "bash",
  rb: "ruby",
  pl: "perl",
  php: "php",
};

function words(tree: Tree | undefined): readonly string[] {
  if (isList(tree)) return tree.map((word) => scalarText(word) ?? "");
  return (scalarText(tree) ?? "").split(/\s+/).filter((word) => word !== "");
}

function deployOf({ app, name, report, options }: App): TreeMap {
  const cron = scalarText(app["cron_restart"]);
  const isJob = app["autorestart"] === false && cron !== undefined;
  if (cron !== undefined && !isJob) {
    const reason = "tasks are not restarted by the clock: run what is to be run then as a job";
    report.say(`apps.${name}`, "cron_restart", reason);
  }
  const instances = instancesOf(app["instances"], options);
  if (instances.isGuess) {
    const reason = `means as many as a machine has processors: ${instances.count}, as here`;
    report.say(`apps.${name}`, "instances", reason);
  }
  const memory = scalarText(app["max_memory_restart"]);
  const restart = restartOf(app, isJob);
  return {
    ...(isJob ? { mode: "replicated-job", labels: { "skein.schedule": cron } } : {}),
    ...(instances.count === 1 ? {} : { replicas: instances.count }),
    ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
    ...(Object.keys(restart).length === 0 ? {} : { restart_policy: restart }),
  };
}

function restartOf(app: TreeMap, isJob: boolean): TreeMap {
  const [most, delay] = [app["max_restarts"], scalarText(app["restart_delay"])];
  return {
    ...(app["autorestart"] === false && !isJob ? { condition: "none" } : {}),
    ...(typeof most === "number" ? { max_attempts: most } : {}),
    ...(delay === undefined ? {} : { delay: milliseconds(delay) }),
  };
}

/** PM2 counts back from the number of processors: 0 and "max" are all of them, -1 all but one. */
function instancesOf(tree: Tree | undefined, { processors }: Pm2Options) {
  if (tree === undefined || tree === null) return { count: 1, isGuess: false };
  const count = tree === "max" ? 0 : Number(scalarText(tree));
  if (Number.isInteger(count) && count > 0) return { count, isGuess: false };
  return { count: Math.max(1, processors + (Number.isInteger(count) ? count : 0)), isGuess: true };
}

function milliseconds(text: string): string {
  return /^\d+$/.test(text) ? `${text}ms` : text;
}

const CARRIED: ReadonlySet<string> = new Set([
  ...["name", "script", "args", "cwd", "env", "uid", "instances", "interpreter"],
  ...["exec_interpreter", "interpreter_args", "node_args", "autorestart", "cron_restart"],
  ...["max_restarts", "restart_delay", "kill_timeout"],
]);

const LOGS = "output is kept by the nodes: skein service logs";
const READY = "a task is in rotation when its port has accepted a connection";

const REASONS: Readonly<Record<string, string>> = {
  exec_mode: "each instance is a task of its own, and published ports spread connections over them",
  max_memory_restart: "became a limit: a task that exceeds it is killed and replaced",
  watch: "files are not watched: deploy again when they have changed",
  ignore_watch: "files are not watched",
  watch_delay: "files are not watched",
  watch_options: "files are not watched",
  wait_ready: READY,
  listen_timeout: READY,
  min_uptime: "how long a task must run is the update's monitor: deploy.update_config.monitor",
  exp_backoff_restart_delay: "restarts are spaced out more and more anyway",
  shutdown_with_message: "tasks are ended by SIGTERM",
  treekill: "the whole group of processes is always ended",
  source_map_support: "say it as an argument: node_args --enable-source-maps",
  increment_var: "a task knows its number as SKEIN_TASK_SLOT",
  instance_var: "a task knows its number as SKEIN_TASK_SLOT",
  gid: "a task has the groups of its user",
  namespace: "the stack's name is the namespace",
  force: "services have names of their own: no script is there twice by mistake",
  log: LOGS,
  log_file: LOGS,
  out_file: LOGS,
  error_file: LOGS,
  output: LOGS,
  error: LOGS,
  merge_logs: LOGS,
  combine_logs: LOGS,
  log_type: LOGS,
  log_date_format: LOGS,
  time: LOGS,
  pid_file: "skein inspect shows a task's process",
  vizion: "versions of a repository are not looked at",
  pmx: "PM2's own figures are not collected",
  post_update: "run it as a job that the service depends on",
};

function reasonFor(key: string, env: string | undefined): string | undefined {
  if (CARRIED.has(key) || (env !== undefined && key === `env_${env}`)) return undefined;
  const [, other] = /^env_(\w+)$/.exec(key) ?? [];
  if (other !== undefined) return `is left out: skein import --env ${other} takes it`;
  return REASONS[key] ?? "nothing here has this meaning";
}
