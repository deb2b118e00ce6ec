/**
 * The leader's work on membership: hears announcements, and carries out, one at a time, what
 * `membershipSteps` decides.
 */
import type { RaftId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Accept, Link, Network, PeerIdentity } from "@skein/common/io/network";
import type { Result } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import { MEMBERSHIP_LOOK_MS } from "../limits.ts";
import type { MembershipStep } from "../orchestrator/membership.ts";
import { membershipSteps } from "../orchestrator/membership.ts";
import type { ChangeRefusal, MemberChange } from "../raft/protocol.ts";
import { isExpelled } from "../raft/quorum.ts";
import type { RaftStatus } from "../raft/status.ts";
import type { Command } from "../store/command.ts";
import type { ClusterView } from "../store/view.ts";
import type { Announcement, AnnouncementAnswer } from "./member-messages.ts";
import { announcementSchema, EXPULSIONS } from "./member-messages.ts";
import type { ProposalDone } from "./proposals.ts";

export type ChangeDone = (result: Result<void, ChangeRefusal>) => void;

export interface MembershipDutyOptions {
  readonly view: ClusterView;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly lives: () => ReadonlyMap<RaftId, string>;
  status(): RaftStatus;
  change(change: MemberChange, done: ChangeDone): void;
  transfer(): void;
  propose(command: Command, done: ProposalDone): void;
}

export class MembershipDuty {
  readonly #options: MembershipDutyOptions;
  readonly #timer: Timer;
  #busy = false;
  #closed = false;
  #said = "";

  constructor(options: MembershipDutyOptions) {
    this.#options = options;
    this.#timer = this.#look();
  }

  readonly accept: Accept = (peer) => {
    let open: Link | undefined;
    const answer = (content: AnnouncementAnswer): void => {
      open?.send(encode(content));
    };
    return {
      opened: (link) => (open = link),
      message: (frame) => {
        const message = decode(announcementSchema, frame);
        if (message.ok) this.#announced(peer, message.value, answer);
        else open?.close(message.error.reason);
      },
      closed: () => (open = undefined),
    };
  };

  close(): void {
    this.#closed = true;
    this.#timer.cancel();
  }

  /** The address is dialled before it is believed: a member nobody reaches only costs. */
  #announced(
    peer: PeerIdentity,
    { raftId, address }: Announcement,
    answer: (content: AnnouncementAnswer) => void,
  ): void {
    const { network, view } = this.#options;
    const { configuration } = this.#options.status();
    if (isExpelled(configuration, raftId)) {
      return answer({ kind: "refused", reason: EXPULSIONS.removed, final: true });
    }
    const node = view.nodes.get(peer.nodeId);
    if (node?.spec.role !== "manager") {
      const what = node === undefined ? "is not known yet" : "is a worker: promote it first";
      return answer({ kind: "refused", reason: `node ${peer.nodeId} ${what}`, final: false });
    }
    if (node.manager?.raftId === raftId && node.manager.address === address) {
      return answer({ kind: "registered" });
    }
    let reached = false;
    network.dial(
      { address, path: "/ping", expect: peer.nodeId },
      {
        opened: (link) => {
          reached = true;
          link.close("it is there");
          this.#register(peer, { kind: "announce", raftId, address }, answer);
        },
        message: () => undefined,
        closed: (end) => {
          if (reached) return;
          const reason = `the leader cannot dial ${address}: ${end.reason}`;
          answer({ kind: "refused", reason, final: false });
        },
      },
    );
  }

  #register(
    peer: PeerIdentity,
    { raftId, address }: Announcement,
    answer: (content: AnnouncementAnswer) => void,
  ): void {
    if (this.#closed) return answer({ kind: "redirect" });
    const manager = { raftId, address };
    this.#options.propose({ kind: "register-manager", nodeId: peer.nodeId, manager }, (result) => {
      if (result.ok) answer({ kind: "registered" });
      else answer({ kind: "refused", reason: result.error.message, final: false });
    });
  }

  #look(): Timer {
    const { clock } = this.#options;
    const again = (): void => {
      if (this.#closed) return;
      timer = clock.after(MEMBERSHIP_LOOK_MS, again);
      if (!this.#busy) this.#tryNext(this.#steps());
    };
    let timer = clock.after(MEMBERSHIP_LOOK_MS, again);
    return { cancel: () => timer.cancel() };
  }

  #steps(): readonly MembershipStep[] {
    const { status, view, lives } = this.#options;
    const { id, configuration, configurationIndex, commit, leading } = status();
    const joint = configuration.outgoing !== undefined;
    const settled = leading !== undefined && !joint && configurationIndex <= commit;
    return membershipSteps(view, { self: id, configuration, settled, lives: lives() });
  }

  /** The first that is not refused; the rest is decided anew. */
  #tryNext(steps: readonly MembershipStep[]): void {
    const [step, ...others] = steps;
    this.#busy = step !== undefined;
    if (step === undefined || this.#closed) return;
    if (step.kind === "transfer") {
      this.#busy = false;
      this.#options.transfer();
    } else if (step.kind === "write") {
      this.#options.propose(step.command, () => (this.#busy = false));
    } else {
      this.#options.change(step.change, (result) => {
        this.#note(step.change, result);
        if (result.ok) this.#busy = false;
        else this.#tryNext(others);
      });
    }
  }

  #note({ kind, id }: MemberChange, result: Result<void, ChangeRefusal>): void {
    const answer = result.ok ? "appended" : result.error;
    const text = `${kind} ${id} ${answer}`;
    if (text === this.#said) return;
    this.#said = text;
    this.#options.log.write("info", "member change", { change: kind, member: id, answer });
  }
}
