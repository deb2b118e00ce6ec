/** The production machine as a strategy to compare. */
import { GossipWorld } from "./gossip-world.ts";
import type { Strategy } from "./strategy.ts";

const READY_MS = 5000;

export function ourStrategy(seed: number, size: number): Strategy {
  const world = new GossipWorld(seed, size);
  world.admit();
  world.settle(READY_MS);
  const member = (number: number) => world.member(number);
  let version = 0;
  return {
    name: "ours",
    clock: world.clock,
    size,
    get lossOneIn() {
      return world.fabric.lossOneIn;
    },
    set lossOneIn(oneIn: number) {
      world.fabric.lossOneIn = oneIn;
    },
    write: (number) => {
      version += 1;
      const value = `v${version}`;
      const owner = member(number).id;
      member(number).submit({ kind: "write", key: "k", value });
      return (by) => {
        const { spaces } = member(by).gossip.inspect();
        return spaces.value(owner, "k") === value && member(by).gossip.values(owner).length > 0;
      };
    },
    kill: (number) => member(number).kill(),
    start: (number) => {
      member(number).start();
      world.tellRoster(member(number));
    },
    stop: (number) => member(number).stop(),
    continue: (number) => member(number).continue(),
    isRunning: (number) => member(number).isRunning(),
    takesForDead: (by, subject) => world.believes(member(by), member(subject)) === "dead",
    cutOff: (some) => world.fabric.cutOff(new Set([...some].map(member))),
    heal: () => world.fabric.heal(),
    falseDeaths: () => world.falseDeaths.length,
    bytes: () => world.fabric.bytes,
  };
}
