import { expect } from "chai";
import { judge } from "./converge.ts";

const SINCE = "2026-01-01T00:00:10.000Z";
const LATER = "2026-01-01T00:00:11.000Z";
const EARLIER = "2026-01-01T00:00:09.000Z";

function service(replicas: number, update?: { readonly State: string; readonly Message?: string }) {
  const Spec = { Name: "web", Mode: { Replicated: { Replicas: replicas } } };
  return { Spec, UpdatedAt: SINCE, ...(update === undefined ? {} : { UpdateStatus: update }) };
}

interface Shape {
  readonly slot?: number;
  readonly desired?: string;
  readonly error?: string;
  readonly at?: string;
}

function task(state: string, { slot = 1, desired, error = "", at = LATER }: Shape = {}) {
  const ended = state === "failed" || state === "rejected";
  return {
    Slot: slot,
    CreatedAt: at,
    DesiredState: desired ?? (ended ? "shutdown" : "running"),
    Status: { State: state, Err: error },
  };
}

describe("judging whether a service runs as asked", () => {
  it("is done when every replica runs and nothing else is wanted", () => {
    const tasks = [task("running"), task("running", { slot: 2 }), task("failed", { slot: 2 })];
    expect(judge(service(2), tasks)).to.include({ done: true, line: "2 of 2 running" });
  });

  it("is done without tasks when none are wanted", () => {
    expect(judge(service(0), [])).to.include({ done: true });
  });

  it("waits for a replica that is being scaled away", () => {
    const tasks = [task("running"), task("running", { slot: 2 })];
    expect(judge(service(1), tasks).done).to.equal(false);
  });

  it("waits while an update goes on", () => {
    expect(judge(service(1, { State: "updating" }), [task("running")]).done).to.equal(false);
  });

  it("gives up when the update is paused", () => {
    const paused = service(1, { State: "paused", Message: "task x failed" });
    expect(judge(paused, [task("running")]).failure).to.match(/paused: task x failed/);
  });

  it("gives up on a second rejection of a slot, with the system's words", () => {
    const rejected = task("rejected", { error: 'exec: "x": not found' });
    expect(judge(service(1), [rejected]).failure).to.equal(undefined);
    const failure = 'web.1 was rejected (exec: "x": not found)';
    expect(judge(service(1), [rejected, rejected]).failure).to.equal(failure);
  });

  it("gives up on a third failure of a slot", () => {
    const failed = task("failed", { error: "task: non-zero exit (1)" });
    expect(judge(service(1), [failed, failed]).failure).to.equal(undefined);
    const failure = "web.1 failed 3 times (task: non-zero exit (1))";
    expect(judge(service(1), [failed, failed, failed]).failure).to.equal(failure);
  });

  it("does not give up on a slot that runs again", () => {
    const failed = task("failed");
    expect(judge(service(2), [failed, failed, failed, task("running")]).failure).to.equal(
      undefined,
    );
  });

  it("forgets what was before the last change", () => {
    const old = task("failed", { at: EARLIER });
    expect(judge(service(1), [old, old, old]).failure).to.equal(undefined);
  });
});
