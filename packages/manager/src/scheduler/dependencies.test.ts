import { serviceId } from "@skein/common/ids";
import type { ServiceSpec } from "@skein/common/model/service";
import { expect } from "chai";
import type { Bench } from "../store/testing.ts";
import {
  assign,
  createCluster,
  createService,
  fillSlots,
  joinNode,
  report,
  serviceSpec,
} from "../store/testing.ts";
import { waitsFor } from "./dependencies.ts";

function scene(dependsOn: string, mode?: ServiceSpec["mode"]): Bench {
  const bench = createCluster();
  bench.run(joinNode("n1"));
  const db = serviceSpec("db", mode === undefined ? {} : { mode });
  bench.run(createService("db", db));
  bench.run(
    createService("web", serviceSpec("web", { labels: { "skein.depends_on": dependsOn } })),
  );
  return bench;
}

function reason({ store }: Bench): string | undefined {
  return waitsFor(store.view, store.view.services.get(serviceId("web")));
}

function run(bench: Bench, slots: Readonly<Record<number, string>>, service = "db"): void {
  bench.run(fillSlots(bench.store, service, slots));
  for (const task of Object.values(slots)) {
    bench.run(assign(task, "n1"));
    bench.run(report(task, "n1", "running"));
  }
}

describe("services that wait for others", () => {
  it("start once the first task of the other one runs", () => {
    const bench = scene("db=service_started", { kind: "replicated", replicas: 2 });
    expect(reason(bench)).to.equal("waits for db to start");
    run(bench, { 1: "t1" });
    expect(reason(bench)).to.equal(undefined);
  });

  it("start once all tasks of the other one are healthy", () => {
    const bench = scene("db=service_healthy", { kind: "replicated", replicas: 2 });
    run(bench, { 1: "t1" });
    expect(reason(bench)).to.equal("waits for db to be healthy (1 of 2)");
    run(bench, { 2: "t2" });
    expect(reason(bench)).to.equal(undefined);
  });

  it("name all they wait for, and what is not there", () => {
    const bench = scene("db=service_healthy,cache=service_started");
    expect(reason(bench)).to.equal(
      "waits for db to be healthy (0 of 1), cache, which is not there",
    );
  });

  it("wait only before they first start", () => {
    const bench = scene("db=service_started");
    run(bench, { 1: "t1" });
    run(bench, { 1: "w1" }, "web");
    bench.run(report("t1", "n1", "failed"));
    expect(reason(bench)).to.equal(undefined);
  });

  it("do not wait without the label", () => {
    expect(reason(scene(""))).to.equal(undefined);
  });
});
