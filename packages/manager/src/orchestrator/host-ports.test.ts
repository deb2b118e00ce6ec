import { expect } from "chai";
import { SmallCluster } from "./small-cluster.test.ts";

const PORT = { protocol: "tcp", targetPort: 80, publishedPort: 8080, mode: "host" } as const;
const UPDATE = {
  parallelism: 1,
  delayMs: 0,
  failureAction: "pause",
  monitorMs: 5000,
  maxFailureRatioMilli: 0,
  order: "start-first",
} as const;

describe("services with host-mode ports", () => {
  it("stop first, whatever the update asks", () => {
    const cluster = new SmallCluster();
    cluster.join("w1");
    cluster.create("web", { ports: [PORT], update: UPDATE });
    cluster.converge();
    cluster.change("web", { task: { forceUpdate: 1 } });
    for (let round = 0; round < 4; round += 1) {
      cluster.converge();
      cluster.advance(6000);
    }
    expect(cluster.service("web").updateStatus?.state).to.equal("completed");
    expect(cluster.task("web", 1)).to.include({ nodeId: "w1", generation: 2 });
  });

  it("have one task a node, and say so where there are more replicas than nodes", () => {
    const cluster = new SmallCluster();
    cluster.join("w1");
    cluster.create("web", { replicas: 2, ports: [PORT] });
    cluster.converge();
    expect(cluster.task("web", 2).status.error).to.equal(
      "no suitable node (host-mode port already in use on 1 node)",
    );
  });
});
