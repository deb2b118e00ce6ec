/**
 * Calls to the leader over one link (call-messages.ts), the asking side. A link belongs to one
 * leader; when it breaks, or the leader is another, every call on it is told so.
 */
import type { Link, LinkEnd, LinkReceiver } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import { FORWARD_HEAD_MS, FORWARD_LOOK_MS } from "../../limits.ts";
import type { Call, CallAnswer } from "./call-messages.ts";
import { callAnswersSchema } from "./call-messages.ts";
import { leaderIdOf } from "./leader-id.ts";
import { Outbox } from "./outbox.ts";
import type { ManagerPort } from "./port.ts";

export type Called =
  | { readonly kind: "answer"; readonly answer: CallAnswer }
  /** Nothing was done there. */
  | { readonly kind: "not-delivered"; readonly reason: string }
  /** The link broke after the call was sent: it may have been done. */
  | { readonly kind: "broken"; readonly reason: string };

interface Waiting {
  readonly since: number;
  readonly done: (called: Called) => void;
}

export class LeaderCalls {
  readonly #port: ManagerPort;
  #line: Line | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(port: ManagerPort) {
    this.#port = port;
  }

  call(leader: string, call: Omit<Call, "id">): Promise<Called> {
    if (this.#line?.leader !== leader || this.#line.ended) this.#dial(leader);
    const line = this.#line;
    if (line === undefined) {
      return Promise.resolve({ kind: "not-delivered", reason: "there is no leader to ask" });
    }
    this.#watch ??= setInterval(() => this.#look(), FORWARD_LOOK_MS);
    return new Promise((resolve) => line.add(call, resolve));
  }

  close(): void {
    clearInterval(this.#watch);
    this.#line?.end("this manager is stopping");
  }

  #dial(leader: string): void {
    this.#line?.end("the leader changed before it answered");
    const line = new Line(leader);
    const dial = this.#port.dialCalls?.(line.receiver);
    this.#line = dial === undefined ? undefined : line;
    line.cancel = () => dial?.cancel();
  }

  /** Gives up on a leader that is frozen, or that is not the leader any more. */
  #look(): void {
    const line = this.#line;
    if (line === undefined || line.idle) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    } else if (leaderIdOf(this.#port) !== line.leader) {
      line.end("the leader changed before it answered");
    } else if (line.waitedMs() > FORWARD_HEAD_MS) {
      line.end(`the leader did not answer within ${FORWARD_HEAD_MS} ms`);
    }
  }
}

/** One link to one leader. */
class Line {
  readonly leader: string;
  readonly receiver: LinkReceiver = {
    opened: (link) => {
      this.#link = link;
      this.#send([]);
    },
    message: (bytes) => this.#answered(bytes),
    closed: (end) => this.#closed(end),
  };
  cancel: () => void = () => undefined;
  ended = false;
  readonly #outbox = new Outbox<Call>((calls) => this.#send(calls));
  /** In the order in which they were made. */
  readonly #waiting = new Map<number, Waiting>();
  #link: Link | undefined;
  /** Made before the link was open. */
  #early: Call[] = [];
  #sent = 0;
  #next = 1;

  constructor(leader: string) {
    this.leader = leader;
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  waitedMs(): number {
    const [oldest] = this.#waiting.values();
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  add(call: Omit<Call, "id">, done: (called: Called) => void): void {
    const id = this.#next;
    this.#next += 1;
    this.#waiting.set(id, { since: performance.now(), done });
    this.#outbox.add({ id, ...call });
  }

  /** Whatever was sent may have been done. */
  end(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.cancel();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [id, { done }] of waiting) {
      done({ kind: id <= this.#sent ? "broken" : "not-delivered", reason });
    }
  }

  #send(calls: readonly Call[]): void {
    if (this.ended) return;
    if (this.#link === undefined) {
      this.#early.push(...calls);
      return;
    }
    const all = this.#early.length === 0 ? calls : [...this.#early, ...calls];
    if (all.length === 0) return;
    this.#early = [];
    this.#sent = all.at(-1)?.id ?? this.#sent;
    this.#link.send(encode({ calls: all }));
  }

  #answered(bytes: Uint8Array): void {
    const message = decode(callAnswersSchema, bytes);
    if (!message.ok) return this.end(`the leader's answer is malformed: ${message.error.reason}`);
    for (const answer of message.value.answers) {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      waiting?.done({ kind: "answer", answer });
    }
  }

  #closed(end: LinkEnd): void {
    this.end(end.reason === "" ? end.kind : end.reason);
  }
}
