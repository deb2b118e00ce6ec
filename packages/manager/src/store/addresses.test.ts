import { expect } from "chai";
import { nextAddress, parsePool } from "./addresses.ts";

function all(cidr: string, from = 0): readonly string[] {
  const pool = parsePool(cidr);
  const held = new Set<string>();
  let cursor = from;
  for (;;) {
    const next = pool && nextAddress(pool, cursor, (address) => held.has(address));
    if (next === undefined) return [...held];
    held.add(next.address);
    cursor = next.cursor;
  }
}

describe("task addresses", () => {
  for (const cidr of [
    "10.64.0.8/30",
    "10.64.0.0/29",
    "10.64.1.128/25",
    "10.64.7.0/24",
    "10.64.0.0/20",
  ]) {
    it(`of ${cidr}: as many as counted, none that ends in 0 or 255`, () => {
      const addresses = all(cidr);
      expect(addresses).to.have.length(parsePool(cidr)?.usable ?? -1);
      expect(addresses.filter((address) => /\.(0|255)$/.test(address))).to.deep.equal([]);
    });
  }

  it("begin behind the cursor and wrap round", () => {
    expect(all("10.64.0.0/29")).to.deep.equal([2, 3, 4, 5, 6].map((host) => `10.64.0.${host}`));
    expect(all("10.64.0.3/29", 5)).to.deep.equal([5, 6, 2, 3, 4].map((host) => `10.64.0.${host}`));
    expect(all("10.64.0.0/29", 7)).to.deep.equal([2, 3, 4, 5, 6].map((host) => `10.64.0.${host}`));
  });

  it("step over the ends of each 256", () => {
    expect(all("10.65.0.0/16").slice(252, 255)).to.deep.equal([
      "10.65.0.254",
      "10.65.1.1",
      "10.65.1.2",
    ]);
  });

  for (const cidr of ["", "banana", "10.65.0.0", "10.65.0.256/16", "10.65.0.0/31", "10.0.0.0/7"]) {
    it(`do not come from "${cidr}"`, () => {
      expect(parsePool(cidr)).to.equal(undefined);
    });
  }
});
