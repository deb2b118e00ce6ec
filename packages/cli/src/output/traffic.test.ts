import { expect } from "chai";
import { trafficRates } from "./traffic.ts";

interface Told {
  readonly requests?: number;
  readonly codes?: Readonly<Record<string, number>>;
  readonly latency?: readonly (readonly [number, number])[];
  readonly task?: number;
}

function node(id: string, { requests = 0, codes = {}, latency = [], task = 0 }: Told): object {
  const buckets = latency.map(([atMostMs, count]) => ({ atMostMs, count }));
  const service = { service: "web", requests, connections: requests, bytesOut: 10 * requests };
  const tasks = [{ task: "t1", service: "web", requests: task, errors: 0, open: 1 }];
  return {
    id,
    name: id,
    traffic: { services: [{ ...service, codes, latency: buckets }], tasks },
  };
}

const answer = (wall: number, ...nodes: readonly object[]): object => ({ wall, nodes });

describe("rates of traffic", () => {
  it("are differences by the second, added up over the nodes", () => {
    const before = answer(1000, node("a", { requests: 10, task: 4 }), node("b", { requests: 100 }));
    const after = answer(
      3000,
      node("a", { requests: 30, task: 8 }),
      node("b", { requests: 104, task: 2 }),
    );
    const { services, tasks } = trafficRates(before, after);
    expect(services.map(({ requests, bytesOut }) => [requests, bytesOut])).to.deep.equal([
      [12, 120],
    ]);
    expect(tasks).to.deep.equal([{ task: "t1", service: "web", requests: 3, errors: 0, open: 2 }]);
  });

  it("take a counter that shrank for one that began again", () => {
    const before = answer(0, node("a", { requests: 1000 }));
    const after = answer(1000, node("a", { requests: 7 }));
    expect(trafficRates(before, after).services[0]?.requests).to.equal(7);
  });

  it("count nothing of a node that was not seen before", () => {
    const after = answer(1000, node("a", { requests: 1000 }));
    expect(trafficRates(answer(0), after).services[0]?.requests).to.equal(0);
  });

  it("give the bounds within which half and 99 of 100 requests were answered", () => {
    const before = answer(
      0,
      node("a", {
        codes: { "2xx": 10 },
        latency: [
          [1, 10],
          [5, 10],
        ],
      }),
    );
    const latency = [
      [1, 60],
      [5, 109],
    ] as const;
    const after = answer(1000, node("a", { codes: { "2xx": 108, "5xx": 2 }, latency }));
    const { p50, p99, errors } = trafficRates(before, after).services[0] ?? {};
    expect([p50, p99, errors]).to.deep.equal([1, 5, 2]);
    const slow = answer(
      1000,
      node("a", {
        codes: { "2xx": 20 },
        latency: [
          [1, 10],
          [5, 10],
        ],
      }),
    );
    expect(trafficRates(before, slow).services[0]?.p50).to.equal(Number.POSITIVE_INFINITY);
  });

  it("name a node that does not answer", () => {
    const silent = { id: "b", name: "worker-2", error: "it does not answer" };
    const { missing } = trafficRates(answer(0), answer(1000, node("a", {}), silent));
    expect(missing).to.deep.equal(["worker-2: it does not answer"]);
  });

  it("are read from anything", () => {
    for (const odd of [undefined, null, 7, [], { nodes: [null, { traffic: 3 }] }]) {
      expect(trafficRates(odd, odd).services).to.deep.equal([]);
    }
  });
});
