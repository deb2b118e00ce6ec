/** The leader is killed, or frozen and let go: writes go on, reads stay true, nothing is lost. */

import { numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, slowest } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { loadOn, runWeb } from "./support/web.ts";

const REQUESTS = 200;
/** A survivor accepts a write within this of the leader's end. */
const WRITE_MS = 1500;

describe("leader lost", function leaderLost() {
  this.timeout(60_000);
  const cluster = useCluster(3, 3);

  it("kill -9: a survivor accepts a write in 1.5 s and no request fails", async () => {
    const web = await runWeb(cluster());
    const load = loadOn(cluster(), web);
    await pause(1000);
    const leader = await cluster().leader();
    const survivor = otherManager(cluster(), leader);
    kill(leader.pids.manager, "SIGKILL");
    const tookMs = await writeThrough(cluster(), survivor, "after-the-kill");
    figure("leader killed -> write accepted", `${tookMs} ms`);
    expect(tookMs).to.be.at.most(WRITE_MS);
    const sent = await load.atLeast(REQUESTS);
    figure("leader killed -> slowest of 200 requests", `${slowest(sent)} ms`);
    expect(failures(sent)).to.deep.equal([]);
  });

  it("the killed leader comes back and catches up", async () => {
    const [gone] = cluster()
      .managers()
      .filter((node) => node.pids.manager === undefined);
    if (gone === undefined) throw new Error("no manager was killed");
    await cluster().skein("start", gone.name);
    const leader = await cluster().leader();
    const target = numberAt(await localStatus(cluster(), leader), "applied");
    const tookMs = await timeUntil(5000, "the old leader has applied what it missed", async () => {
      const status = await localStatus(cluster(), cluster().node(gone.name));
      return numberAt(status, "applied") >= target;
    });
    figure("killed leader started -> caught up", `${tookMs} ms`);
    const members = await until(5000, "three managers in contact", async () => {
      const status = await localStatus(cluster(), leader);
      return numberAt(status, "quorum", "contact") === 3 && status;
    });
    expect(numberAt(members, "quorum", "voters")).to.equal(3);
  });

  it("SIGSTOP: another leads; let go, the old one serves nothing stale", async () => {
    const leader = await cluster().leader();
    const survivor = otherManager(cluster(), leader);
    expect((await cluster().writeConfig("before-the-freeze", leader)).status).to.equal(201);
    kill(leader.pids.manager, "SIGSTOP");
    const tookMs = await writeThrough(cluster(), survivor, "during-the-freeze");
    figure("leader frozen -> write accepted", `${tookMs} ms`);
    // These wait in the frozen leader's sockets: they are the first thing it sees when let go.
    const reads = Array.from({ length: 8 }, () =>
      cluster().ask("GET /configs", { node: leader, timeoutMs: 15_000 }),
    );
    await pause(300);
    kill(leader.pids.manager, "SIGCONT");
    for (const answer of await Promise.all(reads)) {
      if (answer.status !== 200) continue;
      expect(names(answer.body)).to.include.members(["before-the-freeze", "during-the-freeze"]);
    }
    const after = await until(5000, "the old leader reads again", async () => {
      const answer = await cluster().ask("GET /configs", { node: leader });
      return answer.status === 200 && answer;
    });
    const all = ["after-the-kill", "before-the-freeze", "during-the-freeze"];
    expect(names(after.body)).to.include.members(all);
    const status = await localStatus(cluster(), survivor);
    expect(textAt(status, "leader", "name"), "the leader after the freeze").to.not.equal(
      leader.name,
    );
  });
});

/** Milliseconds until a manager accepted a write; each try has a name of its own. */
async function writeThrough(cluster: LocalCluster, node: LocalNode, name: string): Promise<number> {
  let tries = 0;
  return timeUntil(20_000, `a write through ${node.name}`, async () => {
    tries += 1;
    const answer = await cluster.writeConfig(tries === 1 ? name : `${name}-${tries}`, node);
    if (answer.status === 201 && tries > 1) await cluster.writeConfig(name, node);
    if (answer.status !== 201) throw new Error(`${answer.status} ${String(answer.message)}`);
    return true;
  });
}

async function localStatus(cluster: LocalCluster, node: LocalNode): Promise<unknown> {
  return (await cluster.ask("GET /skein/v1/status", { node })).body;
}

function otherManager(cluster: LocalCluster, leader: LocalNode): LocalNode {
  const other = cluster.managers().find((node) => node.id !== leader.id);
  if (other === undefined) throw new Error("there is one manager only");
  return other;
}

function names(configs: unknown): readonly string[] {
  return Array.isArray(configs) ? configs.map((config) => textAt(config, "Spec", "Name")) : [];
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  expect(pid, "pid to signal").to.be.a("number");
  process.kill(Number(pid), signal);
}
