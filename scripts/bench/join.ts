/**
 * How machines come in: from `swarm join` to a node that is ready, joins a second with many at
 * once, and what one costs its manager.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { join as askToJoin } from "@skein/common/node/ca-client";
import { newNodeKey } from "@skein/common/node/certificates";
import { lockHolder } from "@skein/common/node/lock-file";
import { Machine } from "../../test/support/machine.ts";
import { until } from "../../test/support/wait.ts";
import { report, reportTimes } from "./report.ts";

const DEADLINE_MS = 60_000;
const AT_ONCE = 32;
const JOINS = 512;
/** Of /proc/PID/stat: hundredths of a second on Linux. */
const TICK_MS = 10;

export async function benchJoin(rounds: number): Promise<void> {
  const manager = new Machine(1);
  try {
    await manager.start();
    await manager.init();
    await until(DEADLINE_MS, "an authority", async () => {
      return (await manager.ask("GET /swarm")).status === 200;
    });
    await toReady(manager, rounds);
    await perSecond(manager);
  } finally {
    await manager.remove();
  }
}

/** The answer to `swarm join` comes when the node is in touch with the leader. */
async function toReady(manager: Machine, rounds: number): Promise<void> {
  const { Worker } = await manager.tokens();
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const machine = new Machine(2 + (round % 200));
    try {
      await machine.start();
      const since = performance.now();
      const joined = await machine.join(manager, Worker);
      if (joined.status !== 200) throw new Error(String(joined.message));
      times.push(performance.now() - since);
    } finally {
      await machine.remove();
    }
  }
  reportTimes("join", "swarm join -> ready", times);
}

async function perSecond(manager: Machine): Promise<void> {
  const { Worker: token } = await manager.tokens();
  const pid = lockHolder(join(manager.directory, "manager")) ?? 0;
  const spent = cpuMs(pid);
  const since = performance.now();
  let left = JOINS;
  const joining = Array.from({ length: AT_ONCE }, async () => {
    while (left > 0) {
      left -= 1;
      const who = {
        name: "bench",
        availability: "active",
        addresses: [],
        key: newNodeKey(),
      } as const;
      const joined = await askToJoin({ remote: `${manager.address}:2377`, token, ...who });
      if (!joined.ok) throw new Error(joined.error.message);
    }
  });
  await Promise.all(joining);
  const seconds = (performance.now() - since) / 1000;
  const figure = { bench: "join", peer: null };
  const rate = Math.round(JOINS / seconds);
  const at = `${AT_ONCE} at once`;
  report({ ...figure, case: at, unit: "1/s", better: "higher", ours: rate, samples: JOINS });
  const ours = Number(((cpuMs(pid) - spent) / JOINS).toFixed(1));
  report({ ...figure, case: "the manager's CPU for one", unit: "ms", better: "lower", ours });
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
