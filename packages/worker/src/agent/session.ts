/**
 * The agent's session with the leader (swarmkit agent/session.go). One link at a time: dial
 * managers in turn, follow redirects, greet with `hello`, then heartbeats. It never gives up; the
 * pause between rounds grows from 50 ms to 2 s, drawn at random in its upper half so that nodes do
 * not return in step.
 *
 * States: waiting -> dialing -> greeting -> live, and from each back to waiting; `ended` is for
 * good.
 *
 * Invariants:
 *   L1. At most one link is in use; its number grows, and inputs of older links change nothing.
 *   L2. Nothing but `hello` is sent before the leader's `welcome`.
 *   L3. A lost live session is followed by a dial at once; only repeated failure makes it wait.
 *
 * Divergence from Swarm: managers are tried in turn instead of by weight, since a redirect leads to
 * the leader in one hop.
 */

import type { Random } from "@skein/common/io/random";
import type { Instant } from "@skein/common/time";
import { instant, later } from "@skein/common/time";
import {
  ELECTION_BACKOFF_MAX_MS,
  GREETING_TIMEOUT_MS,
  MANAGERS_MAX,
  REDIRECTS_MAX,
  SESSION_BACKOFF_MAX_MS,
  SESSION_BACKOFF_MIN_MS,
  SESSION_STEADY_MS,
  SILENT_HEARTBEATS_MAX,
} from "../limits.ts";
import type { Turn } from "./protocol.ts";

type SessionState =
  | { readonly kind: "waiting"; readonly until: Instant }
  | { readonly kind: "dialing" }
  | { readonly kind: "greeting"; readonly until: Instant }
  | {
      readonly kind: "live";
      readonly since: Instant;
      readonly heartbeatMs: number;
      readonly beatAt: Instant;
      readonly heardAt: Instant;
      /** The leader answers heartbeats, so that its silence means something. */
      readonly answers: boolean;
    }
  | { readonly kind: "ended" };

/** Why the next dial may have to wait. */
type Setback = "none" | "failed" | "no-leader";

export class Session {
  readonly #random: Random;
  /** From `node.json`: always kept, so that a wrong list can never cut the agent off for good. */
  readonly #configured: readonly string[];
  #managers: readonly string[];
  #cursor = 0;
  /** Dialled next: the leader a redirect named. */
  #hint: string | undefined;
  #redirects = 0;
  /** Attempts in a row that led to no steady session. */
  #failures = 0;
  #link = 0;
  #state: SessionState = { kind: "waiting", until: instant(0) };

  constructor(configured: readonly string[], random: Random) {
    this.#random = random;
    this.#configured = configured;
    this.#managers = unique(configured);
  }

  /** Begins to dial, with the managers a former agent had learnt. */
  begin(now: Instant, learnt: readonly string[], turn: Turn): void {
    this.learn(learnt);
    this.#cursor = this.#managers.length === 0 ? 0 : this.#random.below(this.#managers.length);
    this.#dial(now, turn);
  }

  /** Takes over the leader's list of managers; true when it changed. */
  learn(managers: readonly string[]): boolean {
    const room = Math.max(0, MANAGERS_MAX - this.#configured.length);
    const merged = unique([...managers.slice(0, room), ...this.#configured]);
    const changed = merged.join() !== this.#managers.join();
    this.#managers = merged;
    return changed;
  }

  managers(): readonly string[] {
    return this.#managers;
  }

  /** True when this link is the one in use (L1). */
  owns(link: number): boolean {
    return link === this.#link && this.#state.kind !== "waiting" && this.#state.kind !== "ended";
  }

  isLive(): boolean {
    return this.#state.kind === "live";
  }

  link(): number {
    return this.#link;
  }

  opened(now: Instant): void {
    this.#state = { kind: "greeting", until: later(now, GREETING_TIMEOUT_MS) };
  }

  welcomed(now: Instant, heartbeatMs: number): void {
    this.#redirects = 0;
    this.#state = {
      kind: "live",
      since: now,
      heartbeatMs,
      beatAt: later(now, heartbeatMs),
      heardAt: now,
      answers: false,
    };
  }

  heard(now: Instant): void {
    if (this.#state.kind === "live") this.#state = { ...this.#state, heardAt: now };
  }

  heartbeatAnswered(): void {
    if (this.#state.kind === "live") this.#state = { ...this.#state, answers: true };
  }

  /** Not the leader: go where it says, at once while hops last, else after a pause. */
  redirected(now: Instant, leader: string | undefined, turn: Turn): void {
    turn.emit({ kind: "close", link: this.#link, reason: "redirected" });
    this.#redirects += 1;
    this.#hint = leader;
    const follow = leader !== undefined && this.#redirects <= REDIRECTS_MAX;
    if (!follow) this.#redirects = 0;
    this.#lost(now, follow ? "none" : "no-leader", turn);
  }

  closed(now: Instant, turn: Turn): void {
    this.#lost(now, "failed", turn);
  }

  /** Leaves a leader that does not do its part, and looks for another. */
  abandon(now: Instant, reason: string, turn: Turn): void {
    turn.emit({ kind: "note", level: "warn", message: "left the leader", fields: { reason } });
    turn.emit({ kind: "close", link: this.#link, reason });
    this.#lost(now, "failed", turn);
  }

  end(turn: Turn): void {
    if (this.#state.kind !== "waiting" && this.#state.kind !== "ended") {
      turn.emit({ kind: "close", link: this.#link, reason: "the agent ends" });
    }
    this.#state = { kind: "ended" };
  }

  wakeAt(): Instant | undefined {
    const state = this.#state;
    if (state.kind === "waiting" || state.kind === "greeting") return state.until;
    if (state.kind !== "live") return undefined;
    const silentAt = this.#silentAt();
    return silentAt !== undefined && silentAt < state.beatAt ? silentAt : state.beatAt;
  }

  /** Timers of this session; true when the session was left, so that the outbox starts over. */
  wake(now: Instant, turn: Turn): boolean {
    const state = this.#state;
    if (state.kind === "waiting" && now >= state.until) this.#dial(now, turn);
    if (state.kind === "greeting" && now >= state.until) {
      this.abandon(now, `no answer to hello within ${GREETING_TIMEOUT_MS} ms`, turn);
      return true;
    }
    if (state.kind !== "live") return false;
    const silentAt = this.#silentAt();
    if (silentAt !== undefined && now >= silentAt) {
      this.abandon(now, `the leader was silent for ${now - state.heardAt} ms`, turn);
      return true;
    }
    if (now >= state.beatAt) {
      turn.emit({ kind: "send", link: this.#link, message: { kind: "heartbeat" } });
      this.#state = { ...state, beatAt: later(now, state.heartbeatMs) };
    }
    return false;
  }

  #silentAt(): Instant | undefined {
    if (this.#state.kind !== "live" || !this.#state.answers) return undefined;
    return later(this.#state.heardAt, SILENT_HEARTBEATS_MAX * this.#state.heartbeatMs);
  }

  #lost(now: Instant, setback: Setback, turn: Turn): void {
    const state = this.#state;
    if (state.kind === "ended") return;
    if (state.kind === "live" && now - state.since >= SESSION_STEADY_MS) this.#failures = 0;
    else if (setback !== "none") this.#failures += 1;
    const pause = setback === "none" ? 0 : this.#pause(setback);
    this.#state = { kind: "waiting", until: later(now, pause) };
    if (pause === 0) this.#dial(now, turn);
  }

  /** None during the first round over all managers (L3), then doubling. */
  #pause(setback: "failed" | "no-leader"): number {
    const round = this.#failures - this.#managers.length;
    if (round < 0) return 0;
    const most = setback === "no-leader" ? ELECTION_BACKOFF_MAX_MS : SESSION_BACKOFF_MAX_MS;
    const full = Math.min(most, SESSION_BACKOFF_MIN_MS * 2 ** Math.min(round, 10));
    return Math.ceil(full / 2) + this.#random.below(Math.floor(full / 2) + 1);
  }

  #dial(now: Instant, turn: Turn): void {
    const address = this.#hint ?? this.#managers[this.#cursor % this.#managers.length];
    if (this.#hint === undefined) this.#cursor += 1;
    this.#hint = undefined;
    if (address === undefined) {
      // No manager known at all: a node.json without any. Look again in case one is learnt.
      this.#state = { kind: "waiting", until: later(now, SESSION_BACKOFF_MAX_MS) };
      return;
    }
    this.#link += 1;
    this.#state = { kind: "dialing" };
    turn.emit({ kind: "dial", link: this.#link, address });
  }
}

function unique(managers: readonly string[]): readonly string[] {
  return [...new Set(managers)];
}
