/** Real processes: one that stands still for a moment is not taken for dead and blames nobody. */
import { expect } from "chai";
import { GossipMembers } from "../support/gossip-members.ts";
import { pause, until } from "../support/wait.ts";

describe("gossip of real processes", function () {
  this.timeout(120_000);
  const members = new GossipMembers();
  before(() => members.start([1, 1, 4]));
  after(() => members.stop());

  it("takes nobody for dead when a member is stopped for 2 s (SIGSTOP)", async () => {
    members.signal(0, "SIGSTOP");
    await pause(2000);
    members.signal(0, "SIGCONT");
    await pause(3000);
    expect(members.deaths).to.deep.equal([]);
  });

  it("takes nobody for dead when the event loop of an observer is blocked for 3 s", async () => {
    members.block(1, 3000);
    await pause(6000);
    expect(members.deaths).to.deep.equal([]);
  });

  it("sees a killed one at every other", async () => {
    const [victim] = members.idsOf(0);
    members.signal(0, "SIGKILL");
    const told = (): readonly string[] =>
      members.deaths.filter(({ subject }) => subject === victim).map(({ by }) => by);
    await until(10_000, "all know", () => new Set(told()).size === members.size - 1);
    expect(members.deaths.every(({ subject }) => subject === victim)).to.equal(true);
  });
});
