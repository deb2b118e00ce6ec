/**
 * Every key that the Compose specification and version 3 files give a service, and what becomes of
 * it here. The one source of what is refused, what is reported as without effect, and of
 * docs/COMPOSE.md.
 *
 * A table.
 */

export type Support =
  /** Honoured. */
  | "yes"
  /** Honoured with the limit that the note tells. */
  | "limited"
  /** Accepted and reported: a plain process has it anyway, or has no use for it. */
  | "ignored"
  /** Refused with the reason: the program would run differently from what the file asks. */
  | "no";

export interface KeySupport {
  readonly support: Support;
  /** The reason or the limit; a `yes` may need none. */
  readonly note: string;
}

const yes = (note = ""): KeySupport => ({ support: "yes", note });
const limited = (note: string): KeySupport => ({ support: "limited", note });
const ignored = (note: string): KeySupport => ({ support: "ignored", note });
const no = (note: string): KeySupport => ({ support: "no", note });

const PLAIN = "a task is a plain process with the rights of its user";
const OWN_FILES = "a program sees the node's own files";
const NO_BUILD = "programs are taken as they are: build before you deploy";

export const SERVICE_KEYS: Readonly<Record<string, KeySupport>> = {
  annotations: ignored("nobody reads annotations of a process"),
  attach: ignored("output is read with skein service logs"),
  blkio_config: no("block I/O weights are not set"),
  build: no(NO_BUILD),
  cap_add: no(PLAIN),
  cap_drop: no(PLAIN),
  cgroup: no(PLAIN),
  cgroup_parent: no("the node decides where a task's control group lies"),
  command: yes("a list, or one text that is split as a shell would"),
  configs: yes(),
  container_name: ignored("tasks are named by service, slot and id"),
  cpu_count: no("use deploy.resources.limits.cpus"),
  cpu_percent: no("use deploy.resources.limits.cpus"),
  cpu_period: no("use deploy.resources.limits.cpus"),
  cpu_quota: no("use deploy.resources.limits.cpus"),
  cpu_rt_period: no(PLAIN),
  cpu_rt_runtime: no(PLAIN),
  cpu_shares: no("use deploy.resources.reservations.cpus"),
  cpus: limited("the same as deploy.resources.limits.cpus"),
  cpuset: no("tasks are not bound to processors"),
  credential_spec: no(PLAIN),
  depends_on: yes("with conditions; honoured when the service first starts"),
  deploy: yes("see below"),
  develop: ignored("only docker compose watch reads it"),
  device_cgroup_rules: no(PLAIN),
  devices: ignored("a program opens the node's devices itself, as its user may"),
  dns: no("a task asks its node's own resolver"),
  dns_opt: no("a task asks its node's own resolver"),
  dns_search: no("a task asks its node's own resolver"),
  domainname: no("a process has its node's domain name"),
  entrypoint: yes("a list, or one text that is split as a shell would"),
  env_file: yes("read by the command line; required: false is honoured"),
  environment: yes("a map or a list; a name without a value is taken from your environment"),
  expose: ignored("every port of a task can be reached within its networks"),
  extends: yes("of a service in this or another file"),
  external_links: no("use a shared network"),
  extra_hosts: no("programs read the node's own hosts file"),
  gpus: no("use generic resources and a constraint"),
  group_add: no(PLAIN),
  healthcheck: yes(),
  hostname: yes("told to the program as HOSTNAME"),
  image: limited("`host` or `process`: a program of the node's own file system"),
  init: ignored("orphaned children are reaped by the node"),
  ipc: no(PLAIN),
  isolation: ignored("only Windows knows it"),
  label_file: yes("read by the command line"),
  labels: yes("of the tasks; labels of the service go under deploy"),
  links: no("use a shared network: every service is found by its name"),
  logging: limited("drivers json-file, local and none"),
  mac_address: no("a task has no network card of its own"),
  mem_limit: limited("the same as deploy.resources.limits.memory"),
  mem_reservation: limited("the same as deploy.resources.reservations.memory"),
  mem_swappiness: no(PLAIN),
  memswap_limit: no(PLAIN),
  models: no("there are no model runners"),
  network_mode: no("networks decide what a task reaches"),
  networks: yes("with aliases"),
  oom_kill_disable: no(PLAIN),
  oom_score_adj: no(PLAIN),
  pid: no(PLAIN),
  pids_limit: limited("the same as deploy.resources.limits.pids"),
  platform: ignored("a program of the node's own file system fits the node or does not start"),
  ports: yes("short and long form, ranges too; no host address"),
  post_start: no("run it as part of the command"),
  pre_start: no("use a job and depends_on with service_completed_successfully"),
  pre_stop: no("handle the stop signal"),
  privileged: no(PLAIN),
  profiles: yes(),
  provider: no("only docker compose knows it"),
  pull_policy: ignored("nothing is pulled"),
  read_only: no(OWN_FILES),
  restart: limited("no, on-failure[:N], always, unless-stopped; deploy.restart_policy wins"),
  runtime: no("tasks are plain processes"),
  scale: limited("the same as deploy.replicas"),
  secrets: yes(),
  security_opt: no(PLAIN),
  shm_size: no(PLAIN),
  stdin_open: no("a task's standard input is empty"),
  stop_grace_period: yes(),
  stop_signal: yes(),
  storage_opt: no(OWN_FILES),
  sysctls: no(PLAIN),
  tmpfs: limited("where the plane gives tasks a mount namespace"),
  tty: no("a task's output goes to files"),
  ulimits: no(PLAIN),
  use_api_socket: no("give the program the socket's path in its environment"),
  user: yes("when the node's agent runs as root"),
  userns_mode: no(PLAIN),
  uts: no(PLAIN),
  volumes: limited("bind mounts where the plane gives tasks a mount namespace"),
  volumes_from: no(OWN_FILES),
  working_dir: yes("without one, the directory of the file"),
};
