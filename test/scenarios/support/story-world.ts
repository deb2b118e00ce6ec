/** What may happen in a story, and what can be looked at: one word, one act. */
import { must } from "@skein/common/assert";
import { nodeId } from "@skein/common/ids";
import { explain } from "@skein/manager/control/explain";
import { serviceHistory } from "@skein/manager/control/service-history";
import { timeline } from "@skein/manager/control/timeline";
import { routesOf } from "@skein/manager/dispatcher/routes";
import { controllers } from "@skein/manager/orchestrator/controllers";
import { SmallCluster } from "@skein/manager/orchestrator/small-cluster.test";
import { storeFaults } from "@skein/manager/store/invariants";
import { expect } from "chai";
import { runCli } from "./story-cli.ts";

type Seen = readonly string[];
type Act = (world: StoryWorld, words: readonly string[]) => Seen | void;

/** More deadlines than any story has between two of its lines. */
const STEPS_MAX = 10_000;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

export class StoryWorld {
  readonly cluster = new SmallCluster();
  /** Do agents do what they are asked to? */
  obliging = true;
  /** Entries of the timeline that were shown. */
  told = 0;

  act(line: string): Seen {
    const [word = "", ...words] = wordsOf(line);
    if (word === "$") return runCli(this.cluster, words);
    const act = must(ACTS[word], `what is "${word}"?`);
    const seen = act(this, words) ?? [];
    expect(storeFaults(this.cluster.view), line).to.deep.equal([]);
    return seen;
  }

  settle(): void {
    if (this.obliging) this.cluster.converge();
    else this.cluster.settle();
  }

  /** Lets time pass, and every deadline in it act when it comes. */
  pass(milliseconds: number): void {
    const { cluster } = this;
    const end = cluster.now + milliseconds;
    for (let step = 0; step < STEPS_MAX; step += 1) {
      this.settle();
      const times = controllers.flatMap(({ decide }) => cluster.decide(decide).again ?? []);
      const next = Math.min(end, ...times.filter((time) => time > cluster.now));
      if (next >= end) break;
      cluster.advance(next - cluster.now);
    }
    cluster.advance(Math.max(0, end - cluster.now));
    this.settle();
  }
}

/** As a shell parts them, with double quotes and nothing else. */
function wordsOf(line: string): Seen {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

const ACTS: Readonly<Record<string, Act>> = {
  nodes: ({ cluster }, names) => {
    for (const name of names) cluster.join(name);
  },
  /** "node w1 drain" */
  node: ({ cluster }, [name = "", what = ""]) => {
    if (what === "down") cluster.down(name);
    else if (what === "back") cluster.join(name, { session: `s${cluster.view.index}` });
    else if (what === "removed") {
      cluster.apply({ kind: "remove-node", nodeId: nodeId(name), force: true });
    } else if (what === "drain" || what === "pause" || what === "active") {
      cluster.setNode(name, { availability: what });
    } else {
      const [key = "", value = ""] = what.split("=");
      cluster.setNode(name, { labels: { [key]: value } });
    }
  },
  agents: (world, [mood]) => {
    world.obliging = mood === "obey";
  },
  settle: (world) => world.settle(),
  pass: (world, [time = ""]) => {
    const [, amount, unit = ""] = /^(\d+)(ms|s|min|h)$/.exec(time) ?? [];
    world.pass(Number(amount) * must(UNITS[unit], `the unit of ${time}`));
  },
  /** "task web.1 failed": the task its slot names; "serves" is running and in rotation. */
  task: ({ cluster }, [name = "", what = ""]) => {
    const [service = "", slot] = name.split(".");
    const { id } = cluster.task(service, Number(slot));
    if (what === "serves") cluster.report(id, { state: "running", inRotation: true });
    else if (what === "failed") {
      cluster.report(id, { state: "failed", error: "task: non-zero exit (1)" });
    } else if (what === "complete") cluster.report(id, { state: "complete" });
    else cluster.report(id, { state: "running", inRotation: false });
    cluster.settle();
  },
  leader: ({ cluster }) => cluster.changeLeader(),
  managers: ({ cluster }) => cluster.changeLeader(true),
  /** "clock +3600s": the wall clock of the leader, and no other. */
  clock: ({ cluster }, [shift = ""]) => {
    const [, sign, amount, unit = ""] = /^([+-])(\d+)(ms|s|min|h)$/.exec(shift) ?? [];
    const milliseconds = Number(amount) * must(UNITS[unit], `the unit of ${shift}`);
    cluster.wallAhead += sign === "-" ? -milliseconds : milliseconds;
  },
  /** Wanted tasks first by slot, oldest first, with the version they run. */
  tasks: ({ cluster }, [name = ""]) =>
    [...cluster.tasks(name)]
      .sort((a, b) => a.slot - b.slot || a.generation - b.generation)
      .map(({ slot, pinnedTo, nodeId: on, status, desired, spec, iteration }) => {
        const version = spec.process.env.join(" ");
        const words = [
          `${name}.${pinnedTo ?? slot}`,
          on ?? "-",
          status.state,
          ...(desired === "running" ? [] : [`wanted=${desired}`]),
          ...(version === "" ? [] : [version]),
          ...(iteration === undefined ? [] : [`run=${iteration}`]),
          ...(status.error === undefined ? [] : [`(${status.error})`]),
        ];
        return words.join("  ");
      }),
  /** Wanted and running tasks by version: for many services at once. */
  counts: ({ cluster }) =>
    cluster.view.services.list().map(({ spec, id, updateStatus, removed }) => {
      const wanted = cluster.view.tasksOfService(id).filter((task) => task.desired === "running");
      const running = wanted.filter((task) => task.status.state === "running").length;
      const state = removed === true ? "removed" : (updateStatus?.state ?? "created");
      return `${spec.name}  ${running} of ${wanted.length} running  ${state}`;
    }),
  /** "many 30": as many services, s1 to s30, of each order; "many update": all of them at once. */
  many: ({ cluster }, [what = ""]) => {
    if (what === "update") {
      for (const { spec } of cluster.view.services.list()) {
        runCli(cluster, ["skein", "service", "update", "--env-add", "V=2", spec.name]);
      }
      return;
    }
    for (let at = 1; at <= Number(what); at += 1) {
      const order = ["stop-first", "start-first", "blue-green"][at % 3] ?? "stop-first";
      const flags = ["--replicas", `${at % 5}`, "--update-order", order, "--env", "V=1"];
      const line = ["skein", "service", "create", "--name", `s${at}`, ...flags, "host", "server"];
      runCli(cluster, line);
    }
  },
  /** How many services say what of their update, and how many of their slots run which version. */
  tally: ({ cluster }) => {
    const counts = new Map<string, number>();
    const count = (text: string) => counts.set(text, (counts.get(text) ?? 0) + 1);
    for (const { id, updateStatus } of cluster.view.services.list()) {
      count(`services: ${updateStatus?.state ?? "no update"}`);
      for (const { taskId } of cluster.view.slotsOfService(id)) {
        const task = taskId === undefined ? undefined : cluster.view.tasks.get(taskId);
        count(`slots: ${task?.status.state} ${task?.spec.process.env.join(" ")}`);
      }
    }
    return [...counts].map(([text, number]) => `${number} ${text}`).toSorted();
  },
  update: ({ cluster }, [name = ""]) => {
    const { updateStatus, job } = cluster.service(name);
    if (job !== undefined) {
      const { iteration, skipped } = job;
      return [`run ${iteration}${skipped === undefined ? "" : `, left out: ${skipped}`}`];
    }
    if (updateStatus === undefined) return ["no update"];
    const message = updateStatus.message.replace(/id\d+/, "…");
    return [`${updateStatus.state}: ${message}`];
  },
  /** Who gets the traffic, as every node is told. */
  traffic: ({ cluster }, [name = ""]) => {
    const route = routesOf(cluster.view).find((one) => one.name === name);
    const tasks = (route?.backends ?? []).map(({ taskId }) => {
      const { slot, nodeId: on, spec } = must(cluster.view.tasks.get(taskId), taskId);
      return `${name}.${slot} on ${on}  ${spec.process.env.join(" ")}`.trimEnd();
    });
    return tasks.length === 0 ? ["nobody"] : tasks.toSorted();
  },
  explain: ({ cluster }, [name = ""]) => {
    const answer = explain({ view: cluster.view, now: cluster.now }, name);
    return answer.ok ? answer.value.lines.map((line) => line.replace(/id\d+/, "…")) : ["nothing"];
  },
  history: ({ cluster }, [name = ""]) =>
    serviceHistory(cluster.service(name)).map(({ changes }) => {
      const texts = changes.map(({ path, before, after }) => `${path}: ${before} -> ${after}`);
      return texts.length === 0 ? "(first)" : texts.join("; ");
    }),
  timeline: ({ cluster }, [object]) =>
    timeline(cluster.view, cluster.changes, { object, limit: 100 }).map(
      (entry) => `${entry.object}  ${entry.text.replace(/id\d+/, "…")}`,
    ),
};
