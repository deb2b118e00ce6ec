/**
 * A manager whose state is not what the log says. Nothing but a bug or bad memory makes one, so it
 * is made by hand: one row is changed behind the store's back.
 */
import { configId } from "@skein/common/ids";
import type { SnapshotRows } from "@skein/manager/store/snapshot";
import { concatBytes, snapshotSlices } from "@skein/manager/store/snapshot";
import type { Store } from "@skein/manager/store/store";
import { expect } from "chai";
import { World } from "./world/world.ts";

describe("a manager that went astray", function () {
  this.timeout(20_000);

  function worldOf(managers: number): World {
    const world = new World({ seed: 5, managers, workers: 0 });
    world.start();
    world.until("a leader", 10_000, () => world.leader() !== undefined);
    for (let at = 0; at < 4; at += 1) write(world, `before-${at}`);
    world.run(1000);
    return world;
  }

  function write(world: World, name: string): void {
    const spec = { name, labels: {}, data: Uint8Array.of(1) };
    world.write({ kind: "create-config", configId: configId(name), spec });
  }

  function leadAstray(store: Store): void {
    const { view } = store;
    const changed = view.configs
      .list()
      .map((config, at) =>
        at > 0 ? config : { ...config, spec: { ...config.spec, labels: { changed: "yes" } } },
      );
    // The tables are what a snapshot is made of; readers are not shown all of it.
    const rows = view as unknown as SnapshotRows;
    const { index, time, addressCursor, cluster } = rows;
    const { nodes, services, slots, tasks, networks, stacks, secrets } = rows;
    const astray = {
      ...{ index, time, addressCursor, cluster },
      ...{ nodes, services, slots, tasks, networks, stacks, secrets },
      configs: { list: () => changed },
    };
    const restored = store.restore(view.index, concatBytes(snapshotSlices(astray, [])));
    expect(restored.ok).to.equal(true);
  }

  for (const role of ["leader", "follower"] as const) {
    it(`stops, and names the index: the ${role} of three`, () => {
      const world = worldOf(3);
      const leader = world.leader();
      const victim = role === "leader" ? leader : world.managers.find((node) => node !== leader);
      if (victim?.manager === undefined) throw new Error("no victim");
      leadAstray(victim.manager.store);
      expect(() => {
        for (let at = 0; at < 20; at += 1) write(world, `after-${at}`);
      }).to.throw(
        new RegExp(`^${victim.name}: the state at log index \\d+ is not that of a majority`),
      );
    });
  }

  it("of two stops nobody: there is no majority to say who is wrong", () => {
    const world = worldOf(2);
    const victim = world.managers[0]?.manager;
    if (victim === undefined) throw new Error("no victim");
    leadAstray(victim.store);
    for (let at = 0; at < 20; at += 1) write(world, `after-${at}`);
    expect(
      world.trace.filter((line) => line.includes("managers differ in their state")),
    ).to.have.length.above(1);
  });
});
