import { expect } from "chai";
import { cron } from "./cron.ts";
import { jobs } from "./job.ts";
import { SmallCluster } from "./small-cluster.test.ts";

const HOUR = 3_600_000;
const JOB = { kind: "replicated-job", completions: 3, concurrent: 2 } as const;

function cluster(): SmallCluster {
  const made = new SmallCluster();
  for (const name of ["w1", "w2"]) made.join(name);
  return made;
}

/** Ends every running task of the job. */
function finish(made: SmallCluster, state: "complete" | "failed" = "complete"): number {
  const busy = made.tasks("job").filter(({ status }) => status.state === "running");
  for (const { id } of busy) made.report(id, { state });
  return busy.length;
}

describe("jobs", () => {
  it("run so many tasks in all, so many at once, and then rest (J1, J2)", () => {
    const made = cluster();
    made.create("job", { mode: JOB });
    made.converge();
    expect(finish(made)).to.equal(2);
    made.converge();
    expect(finish(made)).to.equal(1);
    made.converge();
    expect(made.decide(jobs).commands).to.deep.equal([]);
    expect(made.tasks("job").map(({ status }) => status.state)).to.deep.equal(
      Array.from({ length: 3 }, () => "complete"),
    );
    expect(
      made
        .tasks("job")
        .map(({ slot }) => slot)
        .sort(),
    ).to.deep.equal([0, 1, 2]);
  });

  it("try a failed task again, though its condition is any", () => {
    const made = cluster();
    made.create("job", { mode: { ...JOB, completions: 1, concurrent: 1 } });
    made.converge();
    finish(made, "failed");
    made.converge();
    finish(made);
    made.converge();
    expect(made.task("job", 0).status.state).to.equal("complete");
    expect(made.tasks("job").length).to.equal(2);
  });

  it("run anew when they are changed or forced; what is left of the run before goes", () => {
    const made = cluster();
    made.create("job", { mode: JOB });
    made.converge();
    made.change("job", { task: { forceUpdate: 1 } });
    made.converge();
    expect(made.service("job").job?.iteration).to.equal(1);
    const wanted = made.tasks("job").filter(({ desired }) => desired === "running");
    expect(wanted.map(({ iteration }) => iteration)).to.deep.equal([1, 1]);
  });

  it("move to another node when theirs is lost", () => {
    const made = cluster();
    made.create("job", { mode: { ...JOB, completions: 2 } });
    made.converge();
    made.down("w1");
    made.converge();
    const busy = made.tasks("job").filter(({ desired }) => desired === "running");
    expect(busy.map(({ nodeId }) => String(nodeId))).to.deep.equal(["w2", "w2"]);
  });

  it("of the global kind complete once on every node, and on one that joins", () => {
    const made = cluster();
    made.create("job", { mode: { kind: "global-job" } });
    made.converge();
    expect(finish(made)).to.equal(2);
    made.join("w3");
    made.converge();
    expect(finish(made)).to.equal(1);
    made.converge();
    expect(finish(made)).to.equal(0);
  });
});

const SCHEDULE = { cron: "@hourly", missed: "latest", overlap: "skip" } as const;

function scheduled(schedule: Partial<typeof SCHEDULE> | object = {}): SmallCluster {
  const made = cluster();
  made.create("job", { mode: { ...JOB, concurrent: 0, schedule: { ...SCHEDULE, ...schedule } } });
  made.converge();
  return made;
}

describe("scheduled jobs", () => {
  it("wait for their time, and run once for each (K1)", () => {
    const made = scheduled();
    expect(made.tasks("job")).to.deep.equal([]);
    made.advance(HOUR);
    made.converge();
    expect(finish(made)).to.equal(3);
    made.converge();
    made.advance(HOUR);
    made.converge();
    expect(finish(made)).to.equal(3);
    expect(made.service("job").job?.iteration).to.equal(1);
  });

  it("look again at least every 30 s, since the clock may be set", () => {
    const made = scheduled();
    expect((made.decide(cron).again ?? 0) - made.now).to.equal(30_000);
  });

  it("run the newest of several missed times, and only that (K2)", () => {
    const made = scheduled();
    made.advance(5 * HOUR + 1_800_000);
    made.converge();
    expect(made.service("job").job).to.include({ iteration: 0 });
    expect(finish(made)).to.equal(3);
  });

  it("leave missed times out where they are told to, and say so", () => {
    const made = scheduled({ missed: "skip" });
    made.advance(HOUR + 1_800_000);
    made.converge();
    expect(made.tasks("job")).to.deep.equal([]);
    expect(made.service("job").job?.skipped).to.equal("missed");
  });

  it("leave a time out while the last run goes on, or replace it", () => {
    const made = scheduled();
    made.advance(HOUR);
    made.converge();
    made.advance(HOUR);
    made.converge();
    expect(made.service("job").job).to.include({
      iteration: 0,
      skipped: "the run before is not over",
    });
    const replaced = scheduled({ overlap: "replace" });
    replaced.advance(HOUR);
    replaced.converge();
    replaced.advance(HOUR);
    replaced.converge();
    expect(replaced.service("job").job?.iteration).to.equal(1);
  });

  it("run nothing twice when the wall clock is set back", () => {
    const made = scheduled();
    made.advance(HOUR);
    made.converge();
    const { context } = made;
    expect(cron({ ...context, wall: context.wall - HOUR }).commands).to.deep.equal([]);
  });

  it("are dealt with once, though two leaders decide the same", () => {
    const made = scheduled();
    made.advance(HOUR);
    const { commands } = made.decide(cron);
    expect(commands.length).to.equal(1);
    for (const command of [...commands, ...commands]) made.apply(command);
    made.converge();
    expect(made.service("job").job?.iteration).to.equal(0);
    expect(made.tasks("job").length).to.equal(3);
  });
});
