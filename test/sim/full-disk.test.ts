/** A manager whose disk is full or stuck does not hold the cluster up (R67). */
import { configId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import type { Outcome } from "@skein/manager/shell/outcome";
import { expect } from "chai";
import type { SimNode } from "./world/sim-node.ts";
import { World } from "./world/world.ts";

describe("a manager with a disk that", function () {
  this.timeout(20_000);

  function worldOf(managers: number, seed: number): World {
    const world = new World({ seed, managers, workers: 0 });
    world.start();
    world.until("a leader", 10_000, () => world.leader() !== undefined);
    world.write(create("before"));
    return world;
  }

  function leaderOf(world: World): SimNode {
    const leader = world.leader();
    if (leader === undefined) throw new Error("no leader");
    return leader;
  }

  function create(name: string) {
    const data = new Uint8Array(500);
    return {
      kind: "create-config",
      configId: configId(name),
      spec: { name, labels: {}, data },
    } as const;
  }

  /** One try; what it was answered with. */
  function attempt(world: World, name: string): string {
    let answer: Result<unknown, Outcome> | undefined;
    world.propose(create(name), (result) => (answer = result));
    world.until(`answered ${name}`, 6000, () => answer !== undefined);
    return answer?.ok === true ? "accepted" : (answer?.error.code ?? "");
  }

  it("is full refuses writes, keeps its promises, and goes on when space returns", () => {
    const world = worldOf(1, 21);
    const { store } = leaderOf(world).manager ?? {};
    leaderOf(world).fillDisk(true);
    const answers = Array.from({ length: 200 }, (_, at) => attempt(world, `during-${at}`));
    expect(answers.at(-1)).to.equal("disk-full");
    const refused = answers.flatMap((answer, at) => (answer === "disk-full" ? [at] : []));
    // Accepted as long as there was room, unknown at most once: the write that met the end of it.
    expect(answers.filter((answer) => answer === "outcome-unknown")).to.have.length.below(2);
    world.run(5000);
    for (const at of refused) {
      expect(store?.view.configByName(`during-${at}`), `refused ${at}`).to.equal(undefined);
    }
    leaderOf(world).fillDisk(false);
    world.run(3000);
    expect(attempt(world, "after")).to.equal("accepted");
    const unknown = answers.indexOf("outcome-unknown");
    if (unknown >= 0) {
      expect(store?.view.configByName(`during-${unknown}`)).to.not.equal(undefined);
    }
  });

  it("is full hands leadership over, and catches up when space returns (R67)", () => {
    for (const seed of [31]) {
      const world = worldOf(3, seed);
      const victim = leaderOf(world);
      victim.fillDisk(true);
      let at = 0;
      world.until("another leader", 30_000, () => {
        at += 1;
        world.propose(create(`fill-${at}`), () => undefined);
        world.run(20);
        const leader = world.leader();
        return leader !== undefined && leader !== victim;
      });
      for (let more = 0; more < 20; more += 1) world.write(create(`more-${more}`), 2000);
      victim.fillDisk(false);
      world.until("all are level", 20_000, () => {
        const applied = world.managers.map((node) => node.manager?.status().applied);
        return new Set(applied).size === 1;
      });
      const digests = world.managers.map((node) => node.manager?.store.digest());
      expect(new Set(digests).size, `seed ${seed}`).to.equal(1);
    }
  });

  it("answers nothing for long hands leadership over", () => {
    const world = worldOf(3, 41);
    const victim = leaderOf(world);
    victim.slowDisk(100_000);
    world.propose(create("stuck"), () => undefined);
    world.until("another leader", 10_000, () => {
      const leader = world.leader();
      return leader !== undefined && leader !== victim;
    });
    world.write(create("after"), 2000);
  });
});
