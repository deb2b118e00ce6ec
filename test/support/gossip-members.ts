/** Real gossip members in a few processes: for a benchmark and for tests of stopped processes. */
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { clusterId, nodeId } from "@skein/common/ids";
import { createAuthority, issueNodeCertificate } from "@skein/common/node/certificates";
import { wallTime } from "@skein/common/time";
import type { FromGossipProcess, MemberSpec, ToGossipProcess } from "./gossip-process.ts";
import { pause, until } from "./wait.ts";

const PROGRAM = fileURLToPath(new URL("./gossip-process.ts", import.meta.url));

export interface Death {
  readonly by: string;
  readonly subject: string;
  readonly at: number;
}

interface Running {
  readonly child: ChildProcess;
  readonly ids: readonly string[];
  listens: boolean;
  seen: Extract<FromGossipProcess, { kind: "seen" }> | undefined;
}

export class GossipMembers {
  readonly deaths: Death[] = [];
  readonly #processes: Running[] = [];

  /** `sizes`: how many members each process has. Resolves when everybody sees everybody. */
  async start(sizes: readonly number[]): Promise<void> {
    const cluster = clusterId("c");
    const now = wallTime(Date.now());
    const authority = await createAuthority({ clusterId: cluster, now });
    const count = sizes.reduce((sum, size) => sum + size, 0);
    const net = 100 + (process.pid % 100);
    const specs: MemberSpec[] = [];
    for (let number = 0; number < count; number += 1) {
      const id = `m${String(number).padStart(3, "0")}`;
      const host = `127.${net}.0.${number + 1}`;
      const node = { nodeId: nodeId(id), clusterId: cluster, role: "worker", now } as const;
      const identity = await issueNodeCertificate(authority, { ...node, addresses: [host] });
      specs.push({ id, identity, address: `${host}:17946` });
    }
    const roster = specs.map(({ id, address }) => ({ id, address }));
    let first = 0;
    for (const size of sizes) {
      this.#begin(specs.slice(first, first + size));
      first += size;
    }
    await until(120_000, "every process listens", () =>
      this.#processes.every(({ listens }) => listens),
    );
    for (const { child } of this.#processes) this.#send(child, { kind: "admit", roster });
    await until(120_000, "every member is linked and sees all", async () => {
      await pause(250);
      await this.look();
      return this.#processes.every(({ seen, ids }) => seen?.whole === ids.length);
    });
  }

  get size(): number {
    return this.#processes.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  /** The process of this number; its members. */
  idsOf(number: number): readonly string[] {
    return this.#at(number).ids;
  }

  signal(number: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#at(number).child.kill(signal);
  }

  block(number: number, milliseconds: number): void {
    this.#send(this.#at(number).child, { kind: "block", milliseconds });
  }

  /** Bytes sent and processor time of all processes so far. */
  async look(): Promise<{ readonly bytesSent: number; readonly cpuMs: number }> {
    const lives = this.#processes.filter(({ child }) => child.exitCode === null);
    await Promise.all(
      lives.map(async (running) => {
        const told = once(running.child, "message");
        this.#send(running.child, { kind: "look" });
        await told;
      }),
    );
    const sum = (what: "bytesSent" | "cpuMs"): number =>
      lives.reduce((total, { seen }) => total + (seen?.[what] ?? 0), 0);
    return { bytesSent: sum("bytesSent"), cpuMs: sum("cpuMs") };
  }

  async stop(): Promise<void> {
    const lives = this.#processes.filter(
      ({ child }) => child.exitCode === null && child.signalCode === null,
    );
    await Promise.all(
      lives.map(async ({ child }) => {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }),
    );
  }

  #begin(members: readonly MemberSpec[]): void {
    const child = fork(PROGRAM, [], {
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ids = members.map(({ id }) => id);
    const running: Running = { child, ids, listens: false, seen: undefined };
    this.#processes.push(running);
    child.on("message", (message: FromGossipProcess) => {
      if (message.kind === "dead") this.deaths.push(message);
      else if (message.kind === "seen") running.seen = message;
      else running.listens = true;
    });
    this.#send(child, { kind: "start", members });
  }

  #send(child: ChildProcess, message: ToGossipProcess): void {
    child.send(message, () => undefined);
  }

  #at(number: number): Running {
    const running = this.#processes[number];
    if (running === undefined) throw new Error(`no process ${number}`);
    return running;
  }
}
