import { expect } from "chai";
import { judgeRotation } from "./root-rotation.ts";

const swarm = (isUnderWay: boolean) => ({
  TLSInfo: { CertIssuerPublicKey: "new key", TrustRoot: isUnderWay ? "old" : "new" },
  RootRotationInProgress: isUnderWay,
});
const node = (name: string, key: string, root: string, state = "ready") => ({
  Status: { State: state },
  Description: { Hostname: name, TLSInfo: { CertIssuerPublicKey: key, TrustRoot: root } },
});
const lines = (certificates: number, roots: number) =>
  `certificates of the new root: ${certificates} of 2 nodes; the new root alone: ${roots} of 2`;

describe("the wait for a new root", () => {
  it("counts certificates first, then roots, and ends with both", () => {
    const a = node("a", "new key", "old new");
    const steps = [
      [swarm(true), [a, node("b", "old key", "old")], lines(1, 0), false],
      [swarm(true), [a, node("b", "new key", "old new")], lines(2, 0), false],
      [
        swarm(false),
        [node("a", "new key", "new"), node("b", "new key", "old")],
        lines(2, 1),
        false,
      ],
      [swarm(false), [node("a", "new key", "new"), node("b", "new key", "new")], lines(2, 2), true],
    ] as const;
    for (const [now, nodes, line, done] of steps) {
      expect(judgeRotation(now, nodes)).to.deep.equal({ line, done });
    }
  });

  it("names the node that is away, and what to do", () => {
    const nodes = [node("a", "new key", "x"), node("b", "old key", "x", "down")];
    const { remedy } = judgeRotation(swarm(true), nodes);
    expect(remedy).to.include("Waiting for b").and.to.include("skein node rm --force");
  });
});
