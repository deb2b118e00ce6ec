import { compareIds } from "@skein/common/ids";
import { expect } from "chai";
import fc from "fast-check";
import { GroupedRows, RowSet } from "./row-set.ts";

interface Row {
  readonly id: string;
  readonly value: number;
}

const make = () => new RowSet<string, Row>((row) => row.id, compareIds);

describe("RowSet", function () {
  this.timeout(20_000);

  it("lists like a sorted map, whatever was listed between the writes", () => {
    const step = fc.record({
      id: fc.nat({ max: 300 }).map(String),
      value: fc.nat({ max: 3 }),
      isListed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: "max" }), (steps) => {
        const rows = make();
        const oracle = new Map<string, Row>();
        for (const { id, value, isListed } of steps) {
          if (value === 0) rows.delete(id);
          else rows.put({ id, value });
          if (value === 0) oracle.delete(id);
          else oracle.set(id, { id, value });
          if (!isListed) continue;
          const sorted = [...oracle.values()].toSorted((a, b) => compareIds(a.id, b.id));
          const print = (list: readonly Row[]) =>
            list.map((row) => `${row.id}=${row.value}`).join();
          expect(print(rows.list())).to.equal(print(sorted));
          expect(rows.size).to.equal(oracle.size);
        }
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it("hands out the same list until something changes, and never touches it", () => {
    const rows = make();
    rows.put({ id: "b", value: 1 });
    const first = rows.list();
    expect(rows.list()).to.equal(first);
    rows.delete("nothing");
    expect(rows.list()).to.equal(first);
    rows.put({ id: "a", value: 2 });
    expect(rows.list().map(({ id }) => id)).to.deep.equal(["a", "b"]);
    expect(first.map(({ id }) => id)).to.deep.equal(["b"]);
  });

  it("remembers no more changed keys than rows, roughly, when nobody lists", () => {
    const rows = make();
    rows.put({ id: "kept", value: 1 });
    for (let at = 0; at < 10_000; at += 1) {
      rows.put({ id: `k${at}`, value: at });
      rows.delete(`k${at}`);
    }
    expect(rows.changedKeys).to.be.lessThan(100);
    expect(rows.list()).to.deep.equal([{ id: "kept", value: 1 }]);
  });
});

describe("GroupedRows", () => {
  it("drops a group with its last row", () => {
    const groups = new GroupedRows<string, string, Row>(make);
    groups.put("g", { id: "a", value: 1 });
    groups.delete("g", "a");
    groups.delete("other", "a");
    expect(groups.list("g")).to.deep.equal([]);
    expect(groups.groups).to.equal(0);
  });
});
