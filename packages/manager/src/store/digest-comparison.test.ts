import type { RaftId } from "@skein/common/ids";
import { logIndex, raftId } from "@skein/common/ids";
import { expect } from "chai";
import { DIGESTS_KEPT } from "../limits.ts";
import type { DigestVerdict } from "./digest-comparison.ts";
import { DigestComparison } from "./digest-comparison.ts";

const [ONE, TWO, THREE, FOUR] = ["r1", "r2", "r3", "r4"].map((id) => raftId(id)) as [
  RaftId,
  RaftId,
  RaftId,
  RaftId,
];
const THREE_VOTERS = [ONE, TWO, THREE];

function kinds(verdicts: readonly DigestVerdict[]): readonly string[] {
  return verdicts.map(({ kind, index }) => `${kind} ${index}`);
}

describe("digests of several managers", () => {
  const at = (index: number, digest: string) => ({ index: logIndex(index), digest });
  const own = (one: DigestComparison, index: number, digest: string, voters = THREE_VOTERS) =>
    kinds(one.own(logIndex(index), digest, voters));

  it("that agree, or are of other indexes, say nothing", () => {
    const one = new DigestComparison(ONE);
    expect(kinds(one.heard(TWO, at(8, "a"), THREE_VOTERS))).to.deep.equal([]);
    expect(own(one, 8, "a")).to.deep.equal([]);
    expect(own(one, 16, "b")).to.deep.equal([]);
    expect(kinds(one.heard(TWO, at(24, "x"), THREE_VOTERS))).to.deep.equal([]);
  });

  it("of which one differs stop nobody but that one (V1)", () => {
    const [good, bad] = [new DigestComparison(ONE), new DigestComparison(THREE)];
    expect(own(good, 8, "a")).to.deep.equal([]);
    expect(kinds(good.heard(TWO, at(8, "a"), THREE_VOTERS))).to.deep.equal([]);
    expect(kinds(good.heard(THREE, at(8, "x"), THREE_VOTERS))).to.deep.equal(["differs 8"]);
    expect(own(bad, 8, "x")).to.deep.equal([]);
    expect(kinds(bad.heard(ONE, at(8, "a"), THREE_VOTERS))).to.deep.equal(["differs 8"]);
    expect(kinds(bad.heard(TWO, at(8, "a"), THREE_VOTERS))).to.deep.equal([
      "differs 8",
      "astray 8",
    ]);
  });

  it("are judged as well when the others' came first", () => {
    const bad = new DigestComparison(THREE);
    bad.heard(ONE, at(8, "a"), THREE_VOTERS);
    bad.heard(TWO, at(8, "a"), THREE_VOTERS);
    expect(own(bad, 8, "x")).to.deep.equal(["differs 8", "differs 8", "astray 8"]);
  });

  it("of two managers, or all different, or of no voter, make nobody stop (V1, V2)", () => {
    const two = new DigestComparison(ONE);
    own(two, 8, "a");
    expect(kinds(two.heard(TWO, at(8, "b"), [ONE, TWO]))).to.deep.equal(["differs 8"]);
    const one = new DigestComparison(ONE);
    own(one, 8, "a");
    one.heard(TWO, at(8, "b"), THREE_VOTERS);
    expect(kinds(one.heard(THREE, at(8, "c"), THREE_VOTERS))).to.deep.equal(["differs 8"]);
    expect(kinds(one.heard(FOUR, at(8, "b"), THREE_VOTERS))).to.deep.equal(["differs 8"]);
  });

  it("that are told again are no news", () => {
    const one = new DigestComparison(ONE);
    own(one, 8, "a");
    one.heard(TWO, at(8, "b"), [ONE, TWO]);
    expect(one.heard(TWO, at(8, "b"), [ONE, TWO])).to.deep.equal([]);
  });

  it("are forgotten after a while, the oldest first, and at a snapshot (V3)", () => {
    const one = new DigestComparison(ONE);
    for (let index = 1; index <= DIGESTS_KEPT + 1; index += 1) own(one, index, "a");
    expect(kinds(one.heard(TWO, at(1, "b"), THREE_VOTERS))).to.deep.equal([]);
    expect(kinds(one.heard(TWO, at(2, "b"), THREE_VOTERS))).to.deep.equal(["differs 2"]);
    one.forget();
    expect(kinds(one.heard(TWO, at(3, "b"), THREE_VOTERS))).to.deep.equal([]);
  });
});
