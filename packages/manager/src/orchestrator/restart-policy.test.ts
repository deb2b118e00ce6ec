import { taskId } from "@skein/common/ids";
import type { TaskSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { expect } from "chai";
import { mayRestart, retryAfter } from "./restart-policy.ts";
import { SmallCluster } from "./small-cluster.test.ts";

type Restart = NonNullable<TaskSpec["restart"]>;

/** A task of web.1 that ended at store time 100,000, changed as the case says. */
function ended(restart: Restart, change: Partial<Task> = {}): Task {
  const cluster = new SmallCluster();
  cluster.join("w1");
  cluster.create("web", { task: { restart } });
  cluster.settle();
  const task = cluster.task("web", 1);
  return { ...task, stateSince: 100_000, status: { ...task.status, state: "failed" }, ...change };
}

function history(task: Task, endTimes: readonly number[]): readonly Task[] {
  return endTimes.map((stateSince, index) => ({ ...task, id: taskId(`old${index}`), stateSince }));
}

describe("mayRestart", () => {
  const cases: readonly {
    readonly name: string;
    readonly restart: Restart;
    readonly state?: "complete" | "failed" | "rejected";
    readonly ends?: readonly number[];
    readonly may: boolean;
  }[] = [
    { name: "any after success", restart: { condition: "any" }, state: "complete", may: true },
    { name: "any after failure", restart: { condition: "any" }, may: true },
    {
      name: "on-failure after success",
      restart: { condition: "on-failure" },
      state: "complete",
      may: false,
    },
    { name: "on-failure after failure", restart: { condition: "on-failure" }, may: true },
    {
      name: "on-failure after a rejection",
      restart: { condition: "on-failure" },
      state: "rejected",
      may: true,
    },
    { name: "none after failure", restart: { condition: "none" }, may: false },
    { name: "attempts left", restart: { condition: "any", maxAttempts: 2 }, ends: [1], may: true },
    {
      name: "no attempts left",
      restart: { condition: "any", maxAttempts: 2 },
      ends: [1, 2],
      may: false,
    },
    {
      name: "0 attempts is no limit",
      restart: { condition: "any", maxAttempts: 0 },
      ends: [1, 2],
      may: true,
    },
    {
      name: "attempts outside the window do not count",
      restart: { condition: "any", maxAttempts: 2, windowMs: 60_000 },
      ends: [39_999, 40_000],
      may: true,
    },
    {
      name: "attempts inside the window count",
      restart: { condition: "any", maxAttempts: 2, windowMs: 60_000 },
      ends: [40_000, 40_001],
      may: false,
    },
  ];
  for (const { name, restart, state = "failed", ends = [], may } of cases) {
    it(name, () => {
      const task = ended(restart);
      const now = { ...task, status: { ...task.status, state } };
      expect(mayRestart(now, history(task, ends))).to.equal(may);
    });
  }

  it("does not count the attempts of another version", () => {
    const task = ended({ condition: "any", maxAttempts: 1 });
    const others = history({ ...task, taskIndex: task.taskIndex - 1 }, [1, 2, 3]);
    expect(mayRestart(task, others)).to.equal(true);
  });
});

describe("retryAfter", () => {
  const any: Restart = { condition: "any" };
  const cases = [
    { name: "the first retry is at once", failures: 0, restart: any, delayMs: 0, next: 1 },
    { name: "then 250 ms", failures: 1, restart: any, delayMs: 250, next: 2 },
    { name: "then 500 ms", failures: 2, restart: any, delayMs: 500, next: 3 },
    { name: "then 1 s", failures: 3, restart: any, delayMs: 1000, next: 4 },
    { name: "up to 30 s", failures: 9, restart: any, delayMs: 30_000, next: 10 },
    { name: "for ever", failures: 5000, restart: any, delayMs: 30_000, next: 5001 },
    {
      name: "a fixed delay is exact",
      failures: 0,
      restart: { ...any, delayMs: 700 },
      delayMs: 700,
      next: 1,
    },
    {
      name: "a fixed delay does not grow",
      failures: 9,
      restart: { ...any, delayMs: 700 },
      delayMs: 700,
      next: 10,
    },
    {
      name: "10 s of running start anew",
      failures: 9,
      restart: any,
      runMs: 10_000,
      delayMs: 0,
      next: 1,
    },
    { name: "less do not", failures: 2, restart: any, runMs: 9999, delayMs: 500, next: 3 },
  ];
  for (const { name, failures, restart, runMs, delayMs, next } of cases) {
    it(name, () => {
      const since = runMs === undefined ? {} : { runningSince: 100_000 - runMs };
      const task = ended(restart, since);
      const slot = { serviceId: task.serviceId, slot: 1, version: 1, generation: 1, failures };
      const expected = { failures: next, startAt: 100_000 + delayMs };
      expect(retryAfter(task, slot)).to.deep.equal(expected);
    });
  }
});
