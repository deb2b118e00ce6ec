/**
 * This manager's place in Raft's configuration: it announces itself while it has none, works on
 * everybody's while it leads, and hears when it has lost it for good.
 */
import type { RaftId } from "@skein/common/ids";
import type { Accept } from "@skein/common/io/network";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { ChangeRefusal, MemberChange, RaftInput } from "../raft/protocol.ts";
import { isMember } from "../raft/quorum.ts";
import type { Command } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";
import { Announcer } from "./announcer.ts";
import type { ManagerPorts, ManagerStatus } from "./manager-ports.ts";
import type { Expulsion } from "./member-messages.ts";
import { EXPULSIONS, expulsionIn } from "./member-messages.ts";
import type { ChangeDone } from "./membership-duty.ts";
import { MembershipDuty } from "./membership-duty.ts";
import type { ProposalDone } from "./proposals.ts";
import { redirectAnnouncement } from "./redirect.ts";

export interface MembershipOptions {
  readonly ports: ManagerPorts;
  readonly view: ClusterView;
  submit(input: RaftInput): void;
  status(): ManagerStatus;
  lives(): ReadonlyMap<RaftId, string>;
  propose(command: Command, done: ProposalDone): void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #announcer: Announcer | undefined;
  readonly #changes = new Map<number, ChangeDone>();
  #duty: MembershipDuty | undefined;
  #nextToken = -1;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#announcer = this.#createAnnouncer();
  }

  readonly accept: Accept = (peer, query) =>
    this.#duty === undefined
      ? redirectAnnouncement(this.#options.status())
      : this.#duty.accept(peer, query);

  start(): void {
    this.#announcer?.start();
  }

  takeOffice(): void {
    const { ports, view, status, lives, submit, propose } = this.#options;
    const { network, clock, log } = ports;
    this.#duty = new MembershipDuty({
      view,
      network,
      clock,
      log,
      lives,
      propose,
      status: () => status().raft,
      change: (change, done) => this.#change(change, done),
      transfer: () => submit({ kind: "transfer" }),
    });
  }

  leaveOffice(): void {
    this.#duty?.close();
    this.#duty = undefined;
  }

  /** Negative tokens: a change of the configuration is no proposal and no read. */
  answered(token: number, refusal: ChangeRefusal | undefined): void {
    const done = this.#changes.get(token);
    this.#changes.delete(token);
    const result: Result<void, ChangeRefusal> =
      refusal === undefined ? ok(undefined) : fail(refusal);
    done?.(result);
  }

  expelled(expulsion: Expulsion): void {
    if (this.#closed) return;
    const { log, expelled } = this.#options.ports;
    log.write("error", "no place in the cluster", { why: EXPULSIONS[expulsion] });
    expelled?.(expulsion);
  }

  close(): void {
    this.#closed = true;
    this.leaveOffice();
    this.#announcer?.close();
  }

  #change(change: MemberChange, done: ChangeDone): void {
    const token = this.#nextToken;
    this.#nextToken -= 1;
    this.#changes.set(token, done);
    this.#options.submit({ kind: "change", token, change });
  }

  #createAnnouncer(): Announcer | undefined {
    const { ports, status } = this.#options;
    const { announceTo, raftId, config, network, clock, log } = ports;
    if (announceTo === undefined) return undefined;
    return new Announcer({
      raftId,
      address: `${config.address}:${config.managerPort}`,
      managers: announceTo,
      network,
      clock,
      log,
      isMember: () => isMember(status().raft.configuration, raftId),
      refused: (reason) => this.expelled(expulsionIn(reason) ?? "removed"),
    });
  }
}
