/** Changes of the configuration in a storm: what is asked, sensible or not, and what came of it. */
import type { RaftId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { Configuration, MemberChange } from "../protocol.ts";

export type ChangeCounts = Readonly<Record<MemberChange["kind"] | "refused", number>>;

export class ChaosChanges {
  readonly #counts = {
    "add-learner": 0,
    promote: 0,
    demote: 0,
    remove: 0,
    describe: 0,
    refused: 0,
  };
  readonly #asked = new Map<number, MemberChange["kind"]>();

  /** Changes that leaders appended, by kind, and those refused. */
  get counts(): ChangeCounts {
    return { ...this.#counts };
  }

  asked(token: number, change: MemberChange): void {
    this.#asked.set(token, change.kind);
  }

  appended(token: number): void {
    const kind = this.#asked.get(token);
    if (kind !== undefined) this.#counts[kind] += 1;
    this.#asked.delete(token);
  }

  refused(): void {
    this.#counts.refused += 1;
  }
}

export interface Candidates {
  anybody(): RaftId;
  /** Somebody new, while there are any. */
  joiner(): RaftId;
}

export function drawChange(
  random: Random,
  configuration: Configuration,
  candidates: Candidates,
): MemberChange {
  const id = candidates.anybody();
  const kind = random.below(configuration.voters.length < 3 ? 3 : 5);
  if (kind === 0) return { kind: "add-learner", id: candidates.joiner(), nodeId: "", address: "" };
  if (kind <= 2) {
    const { learners } = configuration;
    return { kind: "promote", id: learners[random.below(learners.length || 1)] ?? id };
  }
  return { kind: kind === 3 ? "demote" : "remove", id };
}
