import { networkId, nodeId, taskId } from "@skein/common/ids";
import { expect } from "chai";
import {
  assign,
  createCluster,
  createService,
  fillSlots,
  report,
  serviceSpec,
} from "../store/testing.ts";
import { routesOf } from "./routes.ts";

describe("names in the serving table", () => {
  it("are there for services on a network, published or not, with each task's ports", () => {
    const bench = createCluster();
    const flags = { internal: false, attachable: false, encrypted: false };
    const network = { name: "back", labels: {}, options: {}, ...flags };
    bench.run({ kind: "create-network", networkId: networkId("w1"), spec: network });
    const spec = serviceSpec("shop_api", { labels: { "com.docker.stack.namespace": "shop" } });
    const networks = [{ networkId: networkId("w1"), aliases: ["api"] }];
    const port = { protocol: "tcp", targetPort: 3000, publishedPort: 0, mode: "host" } as const;
    bench.run(
      createService("api", {
        ...spec,
        ports: [{ ...port, name: "http" }],
        task: { ...spec.task, networks },
      }),
    );
    bench.run(createService("plain", serviceSpec("plain")));
    bench.run(fillSlots(bench.store, "api", { 1: "t1" }));
    bench.run(assign("t1", "n1"));
    const [before] = routesOf(bench.store.view);
    expect(before?.names).to.deep.equal({
      stack: "shop",
      dnsrr: false,
      attachments: [
        {
          networkId: "w1",
          network: "back",
          subnet: "10.65.128.0/23",
          aliases: ["api"],
          vip: "10.65.128.2",
        },
      ],
      namedPorts: [{ name: "http", port: 3000 }],
    });
    expect(before?.backends).to.deep.equal([]);
    for (const state of ["preparing", "starting"] as const) bench.run(report("t1", "n1", state));
    bench.run({
      kind: "report-tasks",
      nodeId: nodeId("n1"),
      items: [
        {
          taskId: taskId("t1"),
          status: { state: "running", at: 1, message: "", inRotation: true, listens: [3000] },
        },
      ],
    });
    const routes = routesOf(bench.store.view);
    expect(routes.map(({ name }) => name)).to.deep.equal(["shop_api"]);
    expect(routes[0]?.backends[0]).to.deep.include({
      slot: 1,
      networks: [{ networkId: "w1", address: "10.65.128.3" }],
      listens: [3000],
    });
  });
});
