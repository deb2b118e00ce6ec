import { networkId, nodeId, serviceId, taskId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { expect } from "chai";
import type { Answer, DnsRecord } from "./message.ts";
import { TYPES } from "./message.ts";
import { NameTable } from "./name-table.ts";
import { resolve } from "./resolve.ts";

interface Shape {
  readonly on: Readonly<Record<string, string | undefined>>;
  readonly aliases?: readonly string[];
  readonly stack?: string;
  readonly tasks?: number;
  readonly dnsrr?: boolean;
}

function service(name: string, at: number, shape: Shape): ServiceRoute {
  const networks = Object.keys(shape.on);
  return {
    serviceId: serviceId(name),
    name,
    ports: [],
    names: {
      ...(shape.stack === undefined ? {} : { stack: shape.stack }),
      dnsrr: shape.dnsrr ?? false,
      attachments: Object.entries(shape.on).map(([network, vip]) => ({
        networkId: networkId(network),
        network,
        subnet: "10.65.128.0/23",
        aliases: shape.aliases ?? [],
        ...(vip === undefined ? {} : { vip }),
      })),
      namedPorts: [{ name: "http", port: 3000 }],
    },
    backends: Array.from({ length: shape.tasks ?? 2 }, (_, index) => ({
      taskId: taskId(`${name}-${index}`),
      nodeId: nodeId("n1"),
      dataAddress: "127.0.1.4:4789",
      address: `10.65.${at}.${index + 1}`,
      slot: index + 1,
      networks: networks.map((id) => ({ networkId: networkId(id), address: "10.65.128.9" })),
      listens: [3000],
    })),
  };
}

const ROUTES = [
  service("web", 1, { on: { front: "10.65.128.2" } }),
  service("api", 2, {
    on: { front: "10.65.128.3", back: "10.65.130.3" },
    aliases: ["backend"],
  }),
  service("db", 3, { on: { back: undefined }, dnsrr: true, aliases: ["backend"] }),
  service("empty", 4, { on: { back: undefined }, dnsrr: true, tasks: 0 }),
  service("shop_api", 5, { on: { shop_default: "10.65.132.2" }, stack: "shop" }),
];

const loopback = (address: string) => address.replace(/^10\./, "127.");
const table = new NameTable(ROUTES, {
  vip: loopback,
  task: ({ address }) => loopback(address),
});

function ask(name: string, on?: readonly string[], type: keyof typeof TYPES = "A", turn = 0) {
  const asker = { networks: on?.map(networkId), turn };
  return resolve(table, asker, { name, type: TYPES[type], class: 1 });
}

function said(answer: Answer | undefined): string {
  if (answer === undefined) return "forward";
  if (answer.answers.length === 0) {
    expect(answer.authority.map(({ type }) => type)).to.deep.equal(["SOA"]);
    return answer.rcode === "noerror" ? "nodata" : answer.rcode;
  }
  const text = (record: DnsRecord) => {
    if (record.type === "A") return record.address;
    if (record.type === "SRV") return `${record.target}:${record.port}`;
    return record.type === "PTR" ? record.target : "soa";
  };
  return answer.answers.map(text).join(" ");
}

describe("names", () => {
  for (const [name, networks, expected] of [
    ["web", ["front"], "127.65.128.2"],
    ["WEB", ["front"], "127.65.128.2"],
    ["web.skein.internal", ["front"], "127.65.128.2"],
    ["web.front", ["front"], "127.65.128.2"],
    ["tasks.web", ["front"], "127.65.1.1 127.65.1.2"],
    ["2.web", ["front"], "127.65.1.2"],
    ["3.web", ["front"], "nxdomain"],
    ["3.web.skein.internal", ["front"], "nxdomain"],
    ["db", ["back"], "127.65.3.1 127.65.3.2"],
    ["tasks.db", ["back"], "127.65.3.1 127.65.3.2"],
    ["empty", ["back"], "nodata"],
    ["backend", ["back"], "127.65.130.3 127.65.3.1 127.65.3.2"],
    ["backend", ["front"], "127.65.128.3"],
    ["api.shop", ["shop_default"], "127.65.132.2"],
    ["shop_api", ["shop_default"], "127.65.132.2"],
    ["nope", ["front"], "nxdomain"],
    ["nope.skein.internal", ["front"], "nxdomain"],
    ["skein.internal", ["front"], "nodata"],
    ["example.com", ["front"], "forward"],
    ["", ["front"], "forward"],
  ] as const) {
    it(`${name} on ${networks.join()} is ${expected}`, () => {
      expect(said(ask(name, networks))).to.equal(expected);
    });
  }

  it("mean nothing to who shares no network with them (R1)", () => {
    expect(said(ask("db", ["front"]))).to.equal("nxdomain");
    expect(said(ask("tasks.db.skein.internal", ["front"]))).to.equal("nxdomain");
    expect(said(ask("web", []))).to.equal("nxdomain");
    expect(said(ask("1.3.65.127.in-addr.arpa", ["front"], "PTR"))).to.equal("nxdomain");
  });

  it("mean the address on the first network of who asks; the node itself knows them all", () => {
    expect(said(ask("api", ["back", "front"]))).to.equal("127.65.130.3");
    expect(said(ask("api", ["front", "back"]))).to.equal("127.65.128.3");
    expect(said(ask("db"))).to.equal("127.65.3.1 127.65.3.2");
  });

  it("without a record of the type are no data, not unknown (R2)", () => {
    for (const type of ["AAAA", "MX", "TXT"] as const) {
      expect(said(ask("web", ["front"], type)), type).to.equal("nodata");
    }
  });

  it("with several addresses begin with another one each time", () => {
    const first = [0, 1, 2].map((turn) => said(ask("tasks.web", ["front"], "A", turn)));
    expect(first).to.deep.equal([
      "127.65.1.1 127.65.1.2",
      "127.65.1.2 127.65.1.1",
      "127.65.1.1 127.65.1.2",
    ]);
  });

  it("of ports lead to each task, with its address beside (SRV)", () => {
    for (const name of ["_http._tcp.web", "_3000._tcp.web"]) {
      const answer = ask(name, ["front"], "SRV");
      expect(said(answer)).to.equal("1.web.skein.internal:3000 2.web.skein.internal:3000");
      expect(answer?.additional.map((one) => one.type === "A" && one.address)).to.deep.equal([
        "127.65.1.1",
        "127.65.1.2",
      ]);
    }
    expect(said(ask("_9._tcp.web.skein.internal", ["front"], "SRV"))).to.equal("nxdomain");
  });

  it("of addresses are names (PTR), and only the cluster's are ours", () => {
    const reverse = (address: string) => `${address.split(".").reverse().join(".")}.in-addr.arpa`;
    expect(said(ask(reverse("127.65.1.2"), ["front"], "PTR"))).to.equal("2.web.skein.internal");
    expect(said(ask(reverse("127.65.128.2"), ["front"], "PTR"))).to.equal("web.skein.internal");
    expect(said(ask(reverse("127.65.9.9"), ["front"], "PTR"))).to.equal("nxdomain");
    expect(said(ask(reverse("8.8.8.8"), ["front"], "PTR"))).to.equal("forward");
  });
});
