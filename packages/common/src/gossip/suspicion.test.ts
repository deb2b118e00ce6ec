import { expect } from "chai";
import { nodeId } from "../ids.ts";
import { GOSSIP_REFUSED_MS, GOSSIP_SUSPECT_MAX_MS, GOSSIP_SUSPECT_MIN_MS } from "../limits.ts";
import { instant } from "../time.ts";
import { observersNeeded, Suspicions, suspicionMs } from "./suspicion.ts";
import { Verdicts } from "./verdicts.ts";

const NOW = instant(1000);
const SUBJECT = nodeId("n9");

function alert(observer: string, evidence: "silent" | "refused") {
  const base = { subject: SUBJECT, epoch: 1, round: 0, state: "suspect" } as const;
  return { ...base, observer: nodeId(observer), evidence };
}

describe("a suspicion", () => {
  it("needs half of the observers there are, two at most", () => {
    const sizes = [2, 3, 4, 5, 6, 100];
    expect(sizes.map(observersNeeded)).to.deep.equal([1, 1, 1, 2, 2, 2]);
  });

  it("of one observer alone lasts six times as long", () => {
    expect(suspicionMs(1, 2)).to.equal(GOSSIP_SUSPECT_MAX_MS);
    expect(suspicionMs(2, 2)).to.equal(GOSSIP_SUSPECT_MIN_MS);
    expect(suspicionMs(1, 1)).to.equal(GOSSIP_SUSPECT_MIN_MS);
  });

  it("counts an observer once (S2)", () => {
    const suspicions = new Suspicions();
    expect(suspicions.add(NOW, alert("a", "silent"), 10)).to.equal(true);
    expect(suspicions.add(NOW, alert("a", "silent"), 10)).to.equal(false);
    expect(suspicions.get(SUBJECT)?.until).to.equal(NOW + GOSSIP_SUSPECT_MAX_MS);
  });

  it("by two refused dials is over at once, by one after 300 ms (S3)", () => {
    const suspicions = new Suspicions();
    suspicions.add(NOW, alert("a", "refused"), 10);
    expect(suspicions.get(SUBJECT)?.until).to.equal(NOW + GOSSIP_REFUSED_MS);
    suspicions.add(NOW, alert("b", "refused"), 10);
    expect(suspicions.due(NOW)).to.have.length(1);
  });
});

describe("verdicts", () => {
  const world = { members: 10, links: 5, heardAt: instant(1e6) };

  it("act at once alone; what follows closely waits for a quiet moment (V1)", () => {
    const verdicts = new Verdicts();
    verdicts.propose(NOW, nodeId("a"));
    expect(verdicts.release(NOW, world)).to.deep.equal(["a"]);
    verdicts.propose(instant(1100), nodeId("b"));
    verdicts.propose(instant(1300), nodeId("c"));
    expect(verdicts.release(instant(1700), world)).to.deep.equal([]);
    expect(verdicts.release(instant(1800), world)).to.deep.equal(["b", "c"]);
  });

  it("on most of the world are not spoken by one who hears nobody (V2)", () => {
    const verdicts = new Verdicts();
    for (let number = 0; number < 6; number += 1) verdicts.propose(NOW, nodeId(`n${number}`));
    const alone = { members: 10, links: 0, heardAt: instant(1e6) };
    expect(verdicts.release(instant(60_000), alone)).to.deep.equal([]);
    expect(verdicts.isIsolated()).to.equal(true);
    const linked = { members: 10, links: 3, heardAt: instant(1e6) };
    expect(verdicts.release(instant(72_000), linked)).to.have.length(6);
    expect(verdicts.isIsolated()).to.equal(false);
  });

  it("are not spoken by one who hears nobody at all, nor shortly after (V3)", () => {
    const verdicts = new Verdicts();
    verdicts.propose(instant(4000), nodeId("a"));
    const silent = { ...world, heardAt: instant(1000) };
    expect(verdicts.release(instant(4000), silent)).to.deep.equal([]);
    expect(verdicts.isIsolated()).to.equal(true);
    const heard = { ...world, heardAt: instant(6000) };
    expect(verdicts.release(instant(6000), heard)).to.deep.equal([]);
    expect(verdicts.release(instant(8000), heard)).to.deep.equal(["a"]);
    const two = new Verdicts();
    two.propose(instant(4000), nodeId("a"));
    expect(two.release(instant(4000), { ...silent, members: 2 })).to.deep.equal(["a"]);
  });
});
