import { expect } from "chai";
import { readTraffic } from "./traffic.ts";

const TEXT = `# HELP skein_ingress_connections_total Client connections of published ports.
# TYPE skein_ingress_connections_total counter
skein_ingress_connections_total{process="dataplane",service="web"} 12
skein_ingress_connections_total{process="dataplane",service="db"} 3
skein_ingress_bytes_total{process="dataplane",direction="in",service="web"} 100
skein_ingress_bytes_total{process="dataplane",direction="out",service="web"} 2000
skein_requests_total{process="dataplane",service="web",code="2xx"} 40
skein_requests_total{process="dataplane",service="web",code="5xx"} 1
skein_request_seconds_bucket{process="dataplane",service="web",le="0.0005"} 30
skein_request_seconds_bucket{process="dataplane",service="web",le="0.001"} 41
skein_request_seconds_bucket{process="dataplane",service="web",le="+Inf"} 41
skein_task_requests_total{process="dataplane",service="web",task="t1"} 41
skein_task_errors_total{process="dataplane",service="web",task="t1"} 1
skein_task_open{process="dataplane",service="web",task="t1"} 2
skein_raft_term{process="manager"} 7
`;

describe("traffic read out of metrics", () => {
  it("is kept per service and per task", () => {
    const { services, tasks } = readTraffic(TEXT);
    const none = { connections: 0, requests: 0, retries: 0, failures: 0, bytesIn: 0, bytesOut: 0 };
    expect(services).to.deep.equal([
      {
        ...none,
        service: "web",
        connections: 12,
        bytesIn: 100,
        bytesOut: 2000,
        codes: { "2xx": 40, "5xx": 1 },
        latency: [
          { atMostMs: 0.5, count: 30 },
          { atMostMs: 1, count: 41 },
        ],
      },
      { ...none, service: "db", connections: 3, codes: {}, latency: [] },
    ]);
    expect(tasks).to.deep.equal([{ task: "t1", service: "web", requests: 41, errors: 1, open: 2 }]);
  });

  const ODD = [
    "",
    "skein_requests_total",
    'skein_requests_total{service="a"',
    "x{} NaN",
    "{}",
    "🦊",
  ];
  for (const text of ODD) {
    it(`passes over ${JSON.stringify(text)}`, () => {
      expect(readTraffic(text)).to.deep.equal({ services: [], tasks: [] });
    });
  }
});
