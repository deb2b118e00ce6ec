/** Ten thousand connections that say nothing: bounded memory, and who belongs still gets in. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { HANDSHAKES_MAX } from "@skein/common/limits";
import { lockHolder } from "@skein/common/node/lock-file";
import { expect } from "chai";
import { Machine } from "../support/machine.ts";
import { pause, until } from "../support/wait.ts";

const DEADLINE_MS = 60_000;
const CONNECTIONS = 10_000;
const WAVE = 250;
const MEMORY_BYTES_MAX = 128 * 1024 * 1024;

describe("idle connections", function idleConnections() {
  this.timeout(180_000);
  const [manager, joiner] = [new Machine(1), new Machine(2)];
  const crowd = new Set<Socket>();

  before(async () => {
    await Promise.all([manager.start(), joiner.start()]);
    expect((await manager.init()).status).to.equal(200);
    await until(DEADLINE_MS, "an authority", async () => {
      return (await manager.ask("GET /swarm")).status === 200;
    });
  });
  after(async () => {
    for (const socket of crowd) socket.destroy();
    await Promise.all([joiner.remove(), manager.remove()]);
  });

  it("cost little, and a machine joins meanwhile", async () => {
    const pid = lockHolder(join(manager.directory, "manager")) ?? 0;
    const { Worker } = await manager.tokens();
    const before = residentBytes(pid);
    const flood = floodWith(crowd, manager.address);
    const joined = await until(DEADLINE_MS, "a join", async () => {
      const answer = await joiner.join(manager, Worker);
      return answer.status === 200 && answer;
    });
    expect(joined.status).to.equal(200);
    await flood;
    const open = [...crowd].filter((socket) => !socket.closed).length;
    const grown = residentBytes(pid) - before;
    console.log(`      open: ${open}, memory: ${Math.round(grown / 1024 / 1024)} MiB more`);
    expect(open).to.be.at.most(HANDSHAKES_MAX);
    expect(grown).to.be.below(MEMORY_BYTES_MAX);
    const text = (await manager.ask("GET /metrics")).bytes.toString("utf8");
    const cut = /skein_link_refusals_total\{[^}]*cause="handshakes-full"[^}]*\} (\d+)/.exec(text);
    const silent = /skein_link_refusals_total\{[^}]*cause="handshake"[^}]*\} (\d+)/.exec(text);
    expect(Number(cut?.[1]) + Number(silent?.[1] ?? 0)).to.be.above(CONNECTIONS / 2);
  });
});

async function floodWith(crowd: Set<Socket>, host: string): Promise<void> {
  for (let made = 0; made < CONNECTIONS; made += WAVE) {
    const wave = Array.from({ length: WAVE }, () => {
      const socket = connect(2377, host);
      socket.on("error", () => undefined);
      socket.resume();
      crowd.add(socket);
      return socket;
    });
    await until(DEADLINE_MS, "connected or refused", () => {
      return wave.every((socket) => !socket.connecting);
    });
    await pause(100);
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
