/** A task with a health check: running only when it passes, ended when it fails. */
import { taskId } from "@skein/common/ids";
import { instant, wallTime } from "@skein/common/time";
import { expect } from "chai";
import { assignment } from "./fixtures.ts";
import type { AgentEffect } from "./protocol.ts";
import type { TaskTurn } from "./task.ts";
import { AgentTask } from "./task.ts";

const T1 = taskId("t1");
const HEALTH = {
  test: ["curl", "x"],
  intervalMs: 1000,
  timeoutMs: 500,
  retries: 1,
  startPeriodMs: 0,
} as const;

class Play {
  readonly task = new AgentTask(T1, wallTime(0));
  now = 0;
  effects: AgentEffect[] = [];

  constructor() {
    const process = { health: HEALTH };
    this.task.assign(assignment("t1", { address: "10.65.0.5", ports: [80], process }));
    this.advance();
    this.task.engine({ kind: "prepared", taskId: T1 }, this.turn());
    this.advance();
    this.task.engine({ kind: "started", taskId: T1, pid: 7 }, this.turn());
    this.advance();
  }

  turn(): TaskTurn {
    return {
      now: instant(this.now),
      wall: wallTime(this.now),
      defaults: { env: {} },
      files: new Map<string, Uint8Array>(),
      emit: (effect) => this.effects.push(effect),
    };
  }

  advance(): readonly string[] {
    this.effects = [];
    this.task.advance(this.turn());
    return this.effects.map(({ kind }) => kind);
  }

  /** Waits for the check that is due, and answers it. */
  check(healthy: boolean): readonly string[] {
    this.now = this.task.wakeAt() ?? this.now;
    expect(this.advance()).to.deep.equal(["check"]);
    const output = healthy ? "" : "no answer";
    this.task.engine({ kind: "checked", taskId: T1, healthy, output }, this.turn());
    return this.advance();
  }
}

describe("a task with a health check", () => {
  it("is starting until the first check passes, and only then shown to the data plane", () => {
    const play = new Play();
    expect(play.task.status()).to.include({ state: "starting", pid: 7 });
    expect(play.task.status().message).to.equal("waiting for its health check");
    expect(play.check(false)).to.deep.equal([]);
    expect(play.check(true)).to.deep.equal(["data-plane"]);
    expect(play.task.status()).to.include({ state: "running", message: "healthy", pid: 7 });
  });

  it("leaves the rotation, is stopped, and has failed with the check's words", () => {
    const play = new Play();
    play.check(true);
    play.task.rotation({ inRotation: true });
    expect(play.check(false)).to.deep.equal(["data-plane"]);
    expect(play.task.status().inRotation).to.equal(false);
    play.now = play.task.wakeAt() ?? 0;
    expect(play.advance()).to.deep.equal(["stop"]);
    play.task.engine({ kind: "exited", taskId: T1, exitCode: 137, stopped: true }, play.turn());
    expect(play.task.status()).to.include({
      state: "failed",
      error: "unhealthy: 1 checks failed in a row: no answer",
    });
    expect(play.task.wakeAt()).to.equal(undefined);
  });

  it("is checked at once when an agent adopts it, and goes on running meanwhile", () => {
    const play = new Play();
    const record = {
      assignment: play.task.assignment() ?? assignment("t1"),
      status: play.task.status(),
    };
    const adopted = AgentTask.restored(T1, record, wallTime(0));
    adopted.found({ taskId: T1, state: "running", pid: 7 }, play.turn());
    expect(adopted.status().state).to.equal("running");
    expect(adopted.wakeAt()).to.equal(play.now);
  });
});
