/** memberlist's rules, with Serf's reconnecting, as a strategy to compare. */
import { SimClock } from "../sim-clock.ts";
import type { MemberlistMember } from "./memberlist.ts";
import { MemberlistWorld } from "./memberlist.ts";
import type { Strategy } from "./strategy.ts";

const READY_MS = 3000;

export function memberlistStrategy(seed: number, size: number): Strategy {
  const world = new MemberlistWorld(new SimClock(), seed, size);
  world.clock.runFor(READY_MS, 1e9);
  const member = (number: number): MemberlistMember => {
    const found = world.members[number];
    if (found === undefined) throw new Error(`no member ${number}`);
    return found;
  };
  return {
    name: "memberlist's rules",
    clock: world.clock,
    size,
    get lossOneIn() {
      return world.lossOneIn;
    },
    set lossOneIn(oneIn: number) {
      world.lossOneIn = oneIn;
    },
    write: (number) => {
      member(number).write();
      const version = member(number).known[number]?.version ?? 0;
      return (by) => (member(by).known[number]?.version ?? 0) >= version;
    },
    kill: (number) => {
      member(number).dead = true;
    },
    start: (number) => member(number).revive(),
    stop: (number) => {
      member(number).stopped = true;
    },
    continue: (number) => member(number).continue(),
    isRunning: (number) => !member(number).dead && !member(number).stopped,
    takesForDead: (by, subject) => member(by).known[subject]?.state === "dead",
    cutOff: (some) => world.cutOff(some),
    heal: () => world.cutOff(new Set()),
    falseDeaths: () => world.falseDeaths,
    bytes: () => world.bytes,
  };
}
