/**
 * What Swarm has on nodes, services, updates and placement, what there is of it here, and the test
 * that shows it. docs/SWARM-PARITY.md is printed from this (`npx tsx scripts/parity-page.ts
 * --write`); parity.test.ts fails where a test named here is gone or the page is another.
 *
 * A table.
 */

export interface ParityRow {
  readonly feature: string;
  /** Begins with yes, limited, no or more. */
  readonly here: string;
  readonly file: string;
  /** Of the test; of a story its file's name, with blanks. */
  readonly title: string;
}

export interface ParitySection {
  readonly title: string;
  readonly rows: readonly ParityRow[];
}

type Row = readonly [feature: string, here: string, file: string, title: string];

function section(title: string, rows: readonly Row[]): ParitySection {
  return {
    title,
    rows: rows.map(([feature, here, file, name]) => ({ feature, here, file, title: name })),
  };
}

export const PARITY: readonly ParitySection[] = [
  section("Nodes", [
    [
      "ls, inspect, ps, update, filters",
      "yes",
      "test/docker/docker.test.ts",
      "lists six nodes, one of them leader",
    ],
    [
      "availability active, pause, drain",
      "more: a drained node's task serves until its replacement does",
      "packages/manager/src/orchestrator/drain.test.ts",
      "keeps its task until the replacement is in rotation elsewhere",
    ],
    [
      "label-add, label-rm",
      "yes",
      "packages/manager/src/orchestrator/global.test.ts",
      "follow constraints on labels",
    ],
    [
      "rm, also while it drains",
      "yes",
      "packages/manager/src/orchestrator/drain.test.ts",
      "may be removed while it drains: its task is given up in the same step",
    ],
    [
      "generic resources",
      "yes, by the node label `skein.generic.KIND` instead of a daemon flag: managers give, and without a restart",
      "packages/manager/src/scheduler/schedule.test.ts",
      "are given by name or by number, and to nobody twice",
    ],
    [
      "a drained node without room elsewhere",
      "more: its task serves 600 s at most, whoever leads, then the node is empty",
      "test/scenarios/stories.test.ts",
      "leader changes in a drain",
    ],
  ]),
  section("Services", [
    [
      "replicated",
      "yes",
      "test/docker/docker.test.ts",
      "creates a service, shows its progress and waits until it converged",
    ],
    [
      "global",
      "yes",
      "test/docker/services.test.ts",
      "runs a global service on every node that takes tasks",
    ],
    ["replicated-job", "yes", "test/docker/services.test.ts", "runs a job to its end"],
    [
      "global-job",
      "yes",
      "packages/manager/src/orchestrator/job.test.ts",
      "of the global kind complete once on every node, and on one that joins",
    ],
    [
      "scheduled jobs",
      "more: label `skein.schedule`",
      "packages/manager/src/orchestrator/job.test.ts",
      "wait for their time, and run once for each (K1)",
    ],
    [
      "image",
      "limited: `host`, a program of the node itself",
      "test/docker/docker.test.ts",
      "creates a service, shows its progress and waits until it converged",
    ],
    [
      "env, args, entrypoint, workdir, user, hostname, stop signal and grace",
      "yes",
      "packages/worker/src/agent/run-spec.test.ts",
      "gives the task what Skein tells it and nothing of the agent's beside the allowed",
    ],
    [
      "ulimit, oom-score-adj",
      "limited: as, core, cpu, data, fsize, memlock, nofile, stack",
      "test/integration/engine.test.ts",
      "sets ulimits and the out-of-memory score before the program begins",
    ],
    [
      "init, tty, read-only, isolation, group, cap-add, cap-drop, sysctl, credential-spec",
      "no: a task is a plain process; refused by name",
      "packages/manager/src/control/engine/service-refusals.test.ts",
      "refuses by name what cannot apply to a plain process",
    ],
    [
      "mounts",
      "no: a program of the node's own file system sees its files as they are",
      "packages/manager/src/control/engine/service-refusals.test.ts",
      "refuses by name what cannot apply to a plain process",
    ],
    [
      "reservations of CPU and memory",
      "yes",
      "packages/manager/src/control/explain.test.ts",
      "says of a pending task what every node answers, with figures",
    ],
    [
      "limits of CPU, memory, pids",
      "yes, by cgroups 1 and 2; a node that cannot enforce one gets no such task",
      "test/integration/engine.test.ts",
      "keeps a limit, or refuses the task with the system's words",
    ],
    [
      "health checks",
      "yes: they gate `running`, rotation and updates",
      "test/docker/services.test.ts",
      "waits for a health check, and replaces what stops passing it",
    ],
    [
      "unhealthy tasks are replaced",
      "yes",
      "packages/worker/src/agent/task-health.test.ts",
      "leaves the rotation, is stopped, and has failed with the check's words",
    ],
    [
      "restart condition, delay, attempts, window",
      "more: exponential backoff where no delay is given",
      "packages/manager/src/orchestrator/restart-policy.test.ts",
      "does not count the attempts of another version",
    ],
    [
      "publish mode ingress",
      "limited: TCP",
      "test/docker/docker.test.ts",
      "creates a service, shows its progress and waits until it converged",
    ],
    [
      "publish mode host",
      "limited: TCP, with a published port",
      "packages/worker/src/agent/host-ports.test.ts",
      "are served on the task's own node while it is in rotation",
    ],
    [
      "templates",
      "limited: environment and hostname",
      "packages/worker/src/agent/run-spec.test.ts",
      "expands templates in values",
    ],
    [
      "scale",
      "yes",
      "test/docker/docker.test.ts",
      "scales, updates and rolls back, each until it converged",
    ],
    [
      "logs",
      "yes",
      "test/docker/docker.test.ts",
      "shows what the tasks print, line by line with its task",
    ],
    [
      "removal in the middle of an update",
      "yes",
      "test/scenarios/stories.test.ts",
      "removed while updating",
    ],
    ["rename", "no: refused, with the way to do it", "test/scenarios/stories.test.ts", "renamed"],
    [
      "scale to 0 and back",
      "yes: specs and their history stay",
      "test/scenarios/stories.test.ts",
      "scaled to nothing and back",
    ],
  ]),
  section("Updates", [
    [
      "parallelism, stop-first",
      "yes",
      "packages/manager/src/orchestrator/update.test.ts",
      "replaces one slot at a time, stopping the old task first",
    ],
    [
      "start-first",
      "yes",
      "packages/manager/src/orchestrator/update.test.ts",
      "keeps the old task of a start-first update until the new one is in rotation (O7)",
    ],
    [
      "start-first with host-mode ports",
      "more: stops first instead of waiting for ever",
      "packages/manager/src/orchestrator/host-ports.test.ts",
      "stop first, whatever the update asks",
    ],
    [
      "monitor, completion",
      "yes",
      "packages/manager/src/orchestrator/update.test.ts",
      "completes after the last slot's monitor period, and says so (O11)",
    ],
    [
      "every update ends",
      "more: deadlines until placed, started, in rotation",
      "packages/manager/src/orchestrator/controllers.property.test.ts",
      "bring every service to rest: running, waiting with a reason, or ended for good",
    ],
    [
      "rollback, automatic and by hand",
      "yes",
      "test/docker/docker.test.ts",
      "scales, updates and rolls back, each until it converged",
    ],
    [
      "rollback deeper than one",
      "more: ten versions with differences",
      "packages/manager/src/control/explain.test.ts",
      "holds former specs, and any of them can be had back",
    ],
    [
      "blue-green",
      "more: a second set beside the first, one switch, an instant way back",
      "packages/manager/src/orchestrator/blue-green.test.ts",
      "switches the traffic in one step, when the last task is in rotation (B1, O16)",
    ],
    [
      "blue-green under load, the leader killed in the middle",
      "more: no request fails",
      "test/failures/update-under-fire.test.ts",
      "${order}: the leader is killed in the middle of the update; no request fails",
    ],
    [
      "deadlines across a change of leader",
      "more: they are stored, and every manager counts",
      "test/scenarios/stories.test.ts",
      "leader changes in an update",
    ],
  ]),
  section("Placement", [
    [
      "constraints == and !=",
      "yes",
      "packages/manager/src/scheduler/constraint.test.ts",
      "names the first of several that does not hold",
    ],
    [
      "in, not in, exists, or",
      "more",
      "packages/manager/src/scheduler/constraint.test.ts",
      "names the first of several that does not hold",
    ],
    [
      "spread preferences",
      "yes",
      "packages/manager/src/scheduler/schedule.property.test.ts",
      "places like the oracle, leaves nothing that fits, and decides nothing twice",
    ],
    [
      "max replicas per node",
      "yes",
      "packages/manager/src/control/explain.test.ts",
      "places what does not exist, and changes nothing",
    ],
    [
      "binpack",
      "more: label `skein.placement.strategy`",
      "packages/manager/src/control/explain.test.ts",
      "fills the fullest node that still fits, and leaves others empty",
    ],
    [
      "rebalance",
      "more: asked for, shown first, one for one",
      "packages/manager/src/control/explain.test.ts",
      "moves tasks to a node that joined, one for one, and serves meanwhile",
    ],
    [
      "why a task waits",
      "more: every node's answer with figures",
      "packages/manager/src/control/explain.test.ts",
      "says of a pending task what every node answers, with figures",
    ],
    [
      "a plan before anything is done",
      "more",
      "packages/manager/src/control/explain.test.ts",
      "shows what an update changes, restarts and adds",
    ],
    [
      "events with reasons, timeline, the past",
      "more",
      "packages/manager/src/control/explain.test.ts",
      "is told line by line, with the reasons",
    ],
    [
      "platforms",
      "no: programs of the node are not built for one; refused by name",
      "packages/manager/src/control/engine/service-refusals.test.ts",
      "refuses by name what cannot apply to a plain process",
    ],
  ]),
];
