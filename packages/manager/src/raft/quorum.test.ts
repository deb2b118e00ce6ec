import { raftId } from "@skein/common/ids";
import { expect } from "chai";
import type { Configuration } from "./protocol.ts";
import { isExpelled, isMember, membersOf, quorumFloor, voteOutcome, votersOf } from "./quorum.ts";

const IDS = ["a", "b", "c", "d", "e"].map(raftId);

describe("quorum", () => {
  it("agrees with brute force about the committed index, over all match vectors", () => {
    const wrong: string[] = [];
    for (const config of configurations()) {
      const quorums = quorumsOf(config);
      for (const values of vectors(IDS.length, 4)) {
        const valueOf = (id: string): number => values[IDS.findIndex((other) => other === id)] ?? 0;
        // The best that any quorum's worst member has reached.
        const slow = Math.max(...quorums.map((set) => Math.min(...set.map(valueOf))));
        if (quorumFloor(config, valueOf) !== slow) wrong.push(`${config.voters} ${values}`);
      }
    }
    expect(wrong).to.deep.equal([]);
  }).timeout(20_000);

  it("agrees with brute force about the vote, over all answers", () => {
    const wrong: string[] = [];
    for (const config of configurations()) {
      for (const answers of vectors(IDS.length, 3)) {
        const votes = new Map(
          IDS.flatMap((id, at) => (answers[at] === 2 ? [] : [[id, answers[at] === 1] as const])),
        );
        if (voteOutcome(config, votes) !== slowOutcome(config, votes)) {
          wrong.push(`${config.voters} ${answers}`);
        }
      }
    }
    expect(wrong).to.deep.equal([]);
  }).timeout(20_000);

  it("needs both majorities while joint, for every set of acknowledgements", () => {
    const joint = configuration(["a", "b", "c"], { outgoing: ["c", "d", "e"] });
    for (const acks of vectors(5, 2)) {
      const [a = 0, b = 0, c = 0, d = 0, e = 0] = acks;
      const both = a + b + c >= 2 && c + d + e >= 2;
      const floor = quorumFloor(joint, (id) => acks[IDS.findIndex((other) => other === id)] ?? 0);
      expect(floor, acks.join()).to.equal(both ? 1 : 0);
    }
  });

  it("keeps a removed voter until the joint configuration is left", () => {
    const [stays, goes] = [raftId("a"), raftId("b")];
    const left: Configuration = { voters: [stays], learners: [], addresses: {}, removed: [goes] };
    expect(isExpelled({ ...left, outgoing: [stays, goes] }, goes)).to.equal(false);
    expect(isExpelled(left, goes)).to.equal(true);
    expect(isExpelled(left, stays)).to.equal(false);
  });

  it("has no quorum without voters", () => {
    const nobody = configuration([]);
    expect(quorumFloor(nobody, () => 7)).to.equal(Number.NEGATIVE_INFINITY);
    expect(voteOutcome(nobody, new Map())).to.equal("lost");
  });

  it("counts no learner and no stranger", () => {
    const one = configuration(["a", "b", "c"], { learners: ["d"] });
    const votes = new Map([raftId("a"), raftId("d"), raftId("x")].map((id) => [id, true]));
    expect(voteOutcome(one, votes)).to.equal("pending");
  });

  it("lists members once and sorted", () => {
    const joint = configuration(["c", "a"], { outgoing: ["b", "a"], learners: ["e", "d"] });
    expect(votersOf(joint)).to.deep.equal(["a", "b", "c"]);
    expect(membersOf(joint)).to.deep.equal(["a", "b", "c", "d", "e"]);
    expect(membersOf(joint).every((id) => isMember(joint, id))).to.equal(true);
    expect(isMember(joint, raftId("x"))).to.equal(false);
  });
});

function configuration(
  voters: readonly string[],
  more: { readonly outgoing?: readonly string[]; readonly learners?: readonly string[] } = {},
): Configuration {
  const learners = (more.learners ?? []).map(raftId);
  const base = { voters: voters.map(raftId), learners, addresses: {} };
  return more.outgoing === undefined ? base : { ...base, outgoing: more.outgoing.map(raftId) };
}

function configurations(): readonly Configuration[] {
  const sets = [
    ["a"],
    ["a", "b"],
    ["a", "b", "c"],
    ["b", "c", "d"],
    ["a", "b", "c", "d"],
    [...IDS],
  ];
  const simple = sets.map((voters) => configuration(voters));
  const joint = sets.flatMap((voters) =>
    sets.map((outgoing) => configuration(voters, { outgoing })),
  );
  return [...simple, ...joint];
}

/** Every vector of `length` digits below `base`. */
function vectors(length: number, base: number): readonly (readonly number[])[] {
  return Array.from({ length: base ** length }, (_, number) =>
    Array.from({ length }, (__, digit) => Math.floor(number / base ** digit) % base),
  );
}

/** Every set of voters that is a majority of each half. */
function quorumsOf(config: Configuration): readonly (readonly string[])[] {
  return subsets(votersOf(config)).filter((set) => isQuorum(config, set));
}

function slowOutcome(config: Configuration, votes: ReadonlyMap<string, boolean>): string {
  const yes = votersOf(config).filter((id) => votes.get(id) === true);
  const open = votersOf(config).filter((id) => votes.get(id) !== false);
  if (isQuorum(config, yes)) return "won";
  return isQuorum(config, open) ? "pending" : "lost";
}

function isQuorum(config: Configuration, set: readonly string[]): boolean {
  const halves = [config.voters, ...(config.outgoing === undefined ? [] : [config.outgoing])];
  return halves.every((half) => half.filter((id) => set.includes(id)).length * 2 > half.length);
}

function subsets<T>(items: readonly T[]): readonly (readonly T[])[] {
  return vectors(items.length, 2).map((bits) => items.filter((_, at) => bits[at] === 1));
}
