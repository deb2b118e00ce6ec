/**
 * Signals to the whole tree of a task: its process group, and processes that left the group but
 * carry SKEIN_TASK_ID in the environment they were started with.
 *
 * Invariants:
 *   K1. A group is signalled only while its leader is proved to be ours (pid, start time, boot id).
 *   K2. Any other process only when its environment names the task, or when it is in the session of
 *       a leader that this agent saw alive until a moment ago; and only if it is still the same
 *       process.
 *
 * Left out: a process that cleared its environment and whose leader died while no agent ran.
 */
import type { TaskId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import { BEGIN_PAUSE_MS, BEGIN_ROUNDS_MAX, REAP_PAUSE_MS, REAP_ROUNDS_MAX } from "../limits.ts";
import type { FoundProcess, ProcessIdentity } from "./process-stat.ts";
import {
  isAlive,
  ProcessFinder,
  readCommand,
  readStat,
  sendSignal,
  signalProcess,
} from "./process-stat.ts";

export interface TaskTree {
  readonly taskId: TaskId;
  readonly identity: ProcessIdentity;
  /** This agent watched the leader without a gap (K2). */
  readonly watched: boolean;
}

export class ProcessTrees {
  readonly #bootId: string;
  readonly #clock: Clock;
  readonly #finder = new ProcessFinder();

  constructor(bootId: string, clock: Clock) {
    this.#bootId = bootId;
    this.#clock = clock;
  }

  isAlive(tree: TaskTree): boolean {
    return isAlive(tree.identity, this.#bootId);
  }

  /** To every process of the tree, the group at once. Resolves to how many outside it. */
  async signal(tree: TaskTree, signal: NodeJS.Signals): Promise<number> {
    const { pid } = tree.identity;
    await this.#commandBegan(tree);
    const grouped = this.isAlive(tree) && sendSignal(-pid, signal); // K1
    const members = await this.members(tree);
    const outside = members.filter((member) => !grouped || member.group !== pid);
    return outside.filter((member) => signalProcess(member, signal)).length;
  }

  /**
   * To the command alone, as `docker kill` does; SIGKILL to everything. The wrapper stays, since it
   * tells how the command ended. Resolves to how many were told.
   */
  async signalCommand(tree: TaskTree, signal: NodeJS.Signals): Promise<number> {
    const { pid } = tree.identity;
    await this.#commandBegan(tree);
    const others = (await this.members(tree)).filter((member) => member.pid !== pid);
    const commands = others.filter((member) => member.parent === pid);
    const told = signal === "SIGKILL" || commands.length === 0 ? others : commands;
    return told.filter((member) => signalProcess(member, signal)).length;
  }

  /** SIGKILL until nothing of the tree is left; false when something survived every round. */
  async destroy(tree: TaskTree): Promise<boolean> {
    for (let round = 0; round < REAP_ROUNDS_MAX; round += 1) {
      if (this.isAlive(tree)) sendSignal(-tree.identity.pid, "SIGKILL");
      const members = await this.members(tree);
      if (members.length === 0) return true;
      for (const member of members) signalProcess(member, "SIGKILL");
      await this.#pause(REAP_PAUSE_MS);
    }
    return false;
  }

  /**
   * Waits until the wrapper has become, or started, the command: a signal that meets the shell
   * between fork and exec is caught by the handler it inherited, and lost.
   */
  async #commandBegan(tree: TaskTree): Promise<void> {
    const { pid } = tree.identity;
    const shell = readCommand(pid);
    for (let round = 0; round < BEGIN_ROUNDS_MAX && this.isAlive(tree); round += 1) {
      const members = await this.members(tree);
      if (members.some((member) => member.pid !== pid && readCommand(member.pid) !== shell)) return;
      await this.#pause(BEGIN_PAUSE_MS);
    }
  }

  /** Every living process of the tree, its wrapper included. */
  async members(tree: TaskTree): Promise<readonly FoundProcess[]> {
    const { pid } = tree.identity;
    if (tree.identity.bootId !== this.#bootId) return [];
    const all = await this.#finder.all();
    const leader = readStat(pid);
    // Another process has the pid by now: then nothing of that session is ours.
    const foreign = leader !== undefined && leader.startTime !== tree.identity.startTime;
    const inSession = (found: FoundProcess) => !foreign && tree.watched && found.session === pid;
    return all.filter((found) => found.taskId === tree.taskId || inSession(found));
  }

  #pause(pauseMs: number): Promise<void> {
    return new Promise((done) => {
      this.#clock.after(pauseMs, done);
    });
  }
}
