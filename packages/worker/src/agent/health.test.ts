import type { HealthCheck } from "@skein/common/model/service";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import { Health } from "./health.ts";

const CHECK: HealthCheck = {
  test: ["true"],
  intervalMs: 1000,
  timeoutMs: 100,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 100,
};

/** Answers every check alike until `untilMs`; the times of the checks, and the state then. */
function play(health: Health, healthy: boolean, untilMs: number, fromMs = 0): readonly number[] {
  const times: number[] = [];
  for (let now = fromMs; now <= untilMs; now += 50) {
    if (!health.takeDue(instant(now))) continue;
    times.push(now);
    health.checked(instant(now), { healthy, output: "no" });
  }
  return times;
}

describe("the health check of a task", () => {
  it("looks often until it was healthy, then once an interval", () => {
    const health = new Health(CHECK, instant(0), false);
    expect(play(health, false, 250)).to.deep.equal([100, 200]);
    expect(health.state).to.equal("starting");
    expect(play(health, true, 2500, 300)).to.deep.equal([300, 1300, 2300]);
    expect(health.state).to.equal("healthy");
  });

  it("counts failures once an interval, however often it looks (L2)", () => {
    const health = new Health(CHECK, instant(0), false);
    play(health, false, 2950);
    expect(health.state).to.equal("starting");
    play(health, false, 3000, 3000);
    expect(health.state).to.equal("unhealthy");
    expect(health.reason).to.equal("unhealthy: 3 checks failed in a row: no");
  });

  it("counts none within the start period", () => {
    const health = new Health({ ...CHECK, startPeriodMs: 5000 }, instant(0), false);
    play(health, false, 7950);
    expect(health.state).to.equal("starting");
    play(health, false, 8000, 8000);
    expect(health.state).to.equal("unhealthy");
  });

  it("forgets failures at the next success, and never leaves unhealthy (L3)", () => {
    const health = new Health(CHECK, instant(0), true);
    play(health, false, 1000);
    play(health, true, 2000, 1050);
    play(health, false, 4000, 2050);
    expect(health.state).to.equal("healthy");
    play(health, false, 5000, 4050);
    expect(health.state).to.equal("unhealthy");
    health.checked(instant(6000), { healthy: true, output: "" });
    expect(health.state).to.equal("unhealthy");
    expect(health.wakeAt()).to.equal(undefined);
  });

  it("never has two checks under way (L1)", () => {
    const health = new Health(CHECK, instant(0), false);
    expect(health.takeDue(instant(100))).to.equal(true);
    expect(health.takeDue(instant(9000))).to.equal(false);
    expect(health.wakeAt()).to.equal(undefined);
  });
});
