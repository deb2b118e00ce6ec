/**
 * A manager process that is no member yet makes itself known to the leader, again and again until
 * the configuration holds it. Everything after that comes from the leader, over `/raft`.
 */
import type { RaftId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Link, Network } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import { ANNOUNCE_PAUSE_MS } from "../limits.ts";
import type { AnnouncementAnswer } from "./member-messages.ts";
import { announcementAnswerSchema } from "./member-messages.ts";

export interface AnnouncerOptions {
  readonly raftId: RaftId;
  readonly address: string;
  /** Managers to try, in turn. */
  readonly managers: readonly string[];
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  isMember(): boolean;
  /** The leader says that this Raft id has no future. */
  refused(reason: string): void;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  #timer: Timer | undefined;
  #dial: { cancel(): void } | undefined;
  #leader: string | undefined;
  #turn = 0;
  #closed = false;
  #said = "";

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#announce();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#dial?.cancel();
  }

  #announce(): void {
    const { isMember, network, raftId, address } = this.#options;
    if (this.#closed || isMember()) return;
    const target = this.#leader ?? this.#nextManager();
    this.#leader = undefined;
    if (target === undefined) return;
    let open: Link | undefined;
    this.#dial = network.dial(
      { address: target, path: "/members", expectRole: "manager" },
      {
        opened: (link) => {
          open = link;
          link.send(encode({ kind: "announce", raftId, address }));
        },
        message: (frame) => {
          const answer = decode(announcementAnswerSchema, frame);
          if (answer.ok) this.#answered(answer.value, target);
          open?.close("announcement answered");
        },
        closed: (end) => {
          if (open === undefined) this.#note(`${target}: ${end.reason}`);
          this.#again();
        },
      },
    );
  }

  #answered(answer: AnnouncementAnswer, by: string): void {
    if (answer.kind === "redirect") this.#leader = answer.leader;
    else if (answer.kind === "registered") this.#note(`registered by ${by}`);
    else {
      this.#note(`${by}: ${answer.reason}`);
      if (answer.final) this.#options.refused(answer.reason);
    }
  }

  #again(): void {
    if (this.#closed || this.#timer !== undefined) return;
    const waitMs = this.#leader === undefined ? ANNOUNCE_PAUSE_MS : 1;
    this.#timer = this.#options.clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#announce();
    });
  }

  #nextManager(): string | undefined {
    const { managers, address } = this.#options;
    const others = managers.filter((one) => one !== address);
    this.#turn += 1;
    return others[this.#turn % (others.length || 1)];
  }

  /** Once for each new answer: this may go on for long. */
  #note(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#options.log.write("info", "announced to the managers", { answer: text });
  }
}
