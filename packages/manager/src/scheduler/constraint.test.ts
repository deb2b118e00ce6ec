import { expect } from "chai";
import { SmallCluster } from "../orchestrator/small-cluster.test.ts";
import { unmetConstraint } from "./constraint.ts";

describe("constraint", () => {
  const cluster = new SmallCluster();
  cluster.join("w1", { labels: { zone: "East", "com.example/disk": "ssd" } });
  const node = cluster.node("w1");

  const cases: readonly { readonly text: string; readonly fits: boolean }[] = [
    { text: "node.id==w1", fits: true },
    { text: "node.id == w1", fits: true },
    { text: "node.id!=w1", fits: false },
    { text: "node.hostname==W1", fits: true },
    { text: "node.hostname==w10", fits: false },
    { text: "node.role==worker", fits: true },
    { text: "node.role != manager", fits: true },
    { text: "NODE.ROLE==WORKER", fits: true },
    { text: "node.labels.zone==east", fits: true },
    { text: "node.labels.zone!=EAST", fits: false },
    { text: "node.labels.Zone==east", fits: false },
    { text: "node.labels.com.example/disk==ssd", fits: true },
    { text: "node.labels.absent==x", fits: false },
    { text: "node.labels.absent!=x", fits: true },
    { text: "engine.labels.zone==east", fits: false },
    { text: "engine.labels.zone!=east", fits: true },
    { text: "node.platform.os==Linux", fits: true },
    { text: "node.platform.arch==x86_64", fits: true },
    { text: "node.platform.arch==amd64", fits: true },
    { text: "node.platform.arch==arm64", fits: false },
    { text: "node.platform.arch!=aarch64", fits: true },
    { text: "node.color==red", fits: false },
    { text: "node.labels.==red", fits: false },
    { text: "node.labels.zone in (west, East)", fits: true },
    { text: "node.labels.zone not in (west,east)", fits: false },
    { text: "node.labels.absent not in (x)", fits: true },
    { text: "node.labels.zone exists", fits: true },
    { text: "node.labels.absent exists", fits: false },
    { text: "node.labels.absent not exists", fits: true },
    { text: "node.labels.zone==west || node.role==worker", fits: true },
    { text: "node.labels.zone==west||node.role==manager", fits: false },
    { text: "node.ip==127.0.1.1", fits: true },
    { text: "node.labels.zone in ()", fits: false },
    { text: "node.labels.zone==a || ", fits: false },
    { text: "node.role=worker", fits: false },
    { text: "node.role==", fits: false },
    { text: "", fits: false },
  ];
  for (const { text, fits } of cases) {
    it(`"${text}" ${fits ? "fits" : "does not fit"}`, () => {
      expect(unmetConstraint([text], node)).to.equal(fits ? undefined : text);
    });
  }

  it("names the first of several that does not hold", () => {
    const texts = ["node.role==worker", "node.id==w2", "node.id==w3"];
    expect(unmetConstraint(texts, node)).to.equal("node.id==w2");
    expect(unmetConstraint([], node)).to.equal(undefined);
  });
});
