/**
 * Fifty real gossip members over mutual TLS: one is killed with -9, until all others know; what an
 * idle member costs. The victims have a process each, the others share five; Serf's agents are
 * fifty processes, as Serf has it.
 */
import { GossipMembers } from "../../test/support/gossip-members.ts";
import { pause, until } from "../../test/support/wait.ts";
import { report, reportTimes } from "./report.ts";
import { SerfAgents } from "./serf.ts";

const MEMBERS = 50;
const IDLE_MS = 10_000;
/** Each takes its ten seconds. */
const SERF_KILLS = 3;

export async function benchGossip(rounds: number): Promise<void> {
  const kills = Math.min(rounds, 10);
  const members = new GossipMembers();
  try {
    const shared = (MEMBERS - kills) / 5;
    const sizes = [Math.ceil(shared), ...[1, 2, 3, 4].map(() => Math.floor(shared))];
    const missing = MEMBERS - kills - sizes.reduce((sum, size) => sum + size, 0);
    await members.start(
      [...Array.from({ length: kills }, () => 1), ...sizes, missing].filter(Boolean),
    );
    await pause(2000);
    await idle(members);
    const times: number[] = [];
    for (let number = 0; number < kills; number += 1) {
      times.push(...(await kill(members, number, MEMBERS - 1 - number)));
      await pause(1500);
    }
    await members.stop();
    // Not at the same time: neither may cost the other processor time.
    const serf = await serfKills();
    reportTimes("gossip", `killed -> known, each of ${MEMBERS} members`, times, serf);
  } finally {
    await members.stop();
  }
}

async function idle(members: GossipMembers): Promise<void> {
  const before = await members.look();
  await pause(IDLE_MS);
  const after = await members.look();
  const each = (IDLE_MS / 1000) * members.size;
  const base = { bench: "gossip", better: "lower", peer: null } as const;
  const bytes = Math.round((after.bytesSent - before.bytesSent) / each);
  report({ ...base, case: "idle member sends", unit: "B/s", ours: bytes });
  const cpu = Number(((after.cpuMs - before.cpuMs) / each / 10).toFixed(2));
  report({ ...base, case: "idle member, of one core", unit: "%", ours: cpu });
}

async function kill(
  members: GossipMembers,
  number: number,
  others: number,
): Promise<readonly number[]> {
  const [victim] = members.idsOf(number);
  const began = Date.now();
  members.signal(number, "SIGKILL");
  const known = (): readonly number[] =>
    members.deaths.filter(({ subject }) => subject === victim).map(({ at }) => at - began);
  await until(30_000, `all know of ${victim}`, () => known().length >= others);
  return known();
}

/** Undefined: Serf is not installed. */
async function serfKills(): Promise<{ name: string; times: readonly number[] } | undefined> {
  const serf = await SerfAgents.start(MEMBERS);
  if (serf === undefined) return undefined;
  try {
    const times: number[] = [];
    for (let number = 1; number <= SERF_KILLS; number += 1) {
      times.push(...(await serf.kill(MEMBERS - number)));
    }
    return { name: serf.version, times };
  } finally {
    await serf.stop();
  }
}
