import { networkId } from "@skein/common/ids";
import { expect } from "chai";
import { chooseGateway, chooseSubnet, formatSubnet, parseSubnet, taskRange } from "./subnets.ts";

const POOL = "10.65.0.0/16";

function network(name: string, subnet: string, removedAt?: number) {
  const flags = { internal: false, attachable: false, encrypted: false };
  return {
    id: networkId(name),
    version: 1,
    createdAt: 1,
    updatedAt: 1,
    spec: { name, labels: {}, options: {}, ...flags },
    subnet,
    gateway: "",
    vni: 4097,
    cursor: 0,
    resting: [],
    ...(removedAt === undefined ? {} : { removedAt }),
  };
}

function choose(wish: string | undefined, taken: readonly string[] = [], pool = POOL): string {
  const networks = taken.map((subnet, at) => network(`n${at}`, subnet));
  const chosen = chooseSubnet({ pool, plane: "loopback", networks }, wish);
  return chosen.ok ? formatSubnet(chosen.value) : chosen.error;
}

describe("subnets of networks", () => {
  it("come from the upper half of the pool, the lowest free one first", () => {
    expect(taskRange(POOL)).to.equal("10.65.0.0/17");
    expect(choose(undefined)).to.equal("10.65.128.0/23");
    expect(choose(undefined, ["10.65.128.0/23"])).to.equal("10.65.130.0/23");
    expect(choose(undefined, ["10.65.130.0/24"])).to.equal("10.65.128.0/23");
    expect(choose(undefined, ["10.65.128.128/29"])).to.equal("10.65.130.0/23");
  });

  it("are told when there are none left", () => {
    const all = Array.from({ length: 64 }, (_, at) => `10.65.${128 + 2 * at}.0/23`);
    expect(choose(undefined, all)).to.match(/^no \/23 is free in 10\.65\.128\.0\/17: /);
    expect(choose(undefined, [], "10.65.0.0/24")).to.match(/has no room for networks/);
  });

  for (const [wish, expected] of [
    ["10.65.200.7/24", "10.65.200.0/24"],
    ["10.65.130.0/28", "10.65.130.0/28"],
  ] as const) {
    it(`may be chosen: ${wish}`, () => expect(choose(wish)).to.equal(expected));
  }

  for (const [wish, reason] of [
    ["10.65.1.0/24", /loopback plane: only subnets of 10\.65\.128\.0\/17 can/],
    ["192.168.0.0/24", /loopback plane/],
    ["10.65.128.0/30", /not between/],
    ["banana", /invalid subnet banana/],
    ["10.65.129.0/24", /^Pool overlaps with other one .*10\.65\.128\.0\/23 of network n0/],
  ] as const) {
    it(`are refused with the reason: ${wish}`, () => {
      expect(choose(wish, ["10.65.128.0/23"])).to.match(reason);
    });
  }

  it("may lie anywhere else where the plane is the kernel's own", () => {
    const space = { pool: POOL, plane: "kernel", networks: [network("a", "10.9.0.0/24", 5)] };
    const ask = (wish: string) => chooseSubnet({ ...space, plane: "kernel" }, wish);
    expect(ask("172.30.0.0/16").ok).to.equal(true);
    expect(ask("10.65.4.0/24").ok).to.equal(false);
    // Its addresses may still be in somebody's tables.
    expect(ask("10.9.0.0/25")).to.deep.include({ ok: false });
  });

  it("have a gateway inside, the first host unless told otherwise", () => {
    const subnet = parseSubnet("10.65.128.0/29");
    if (subnet === undefined) throw new Error("no subnet");
    expect(chooseGateway(subnet, undefined)).to.deep.equal({ ok: true, value: "10.65.128.1" });
    expect(chooseGateway(subnet, "10.65.128.6").ok).to.equal(true);
    for (const wrong of ["10.65.128.0", "10.65.128.7", "10.65.129.1", "x"]) {
      expect(chooseGateway(subnet, wrong).ok, wrong).to.equal(false);
    }
  });
});
