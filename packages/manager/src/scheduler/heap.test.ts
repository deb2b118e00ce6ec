import { expect } from "chai";
import fc from "fast-check";
import { Heap } from "./heap.ts";

interface Item {
  key: number;
  readonly id: number;
}
const before = (a: Item, b: Item): boolean => a.key < b.key || (a.key === b.key && a.id < b.id);

describe("Heap", () => {
  it("always has the least item on top, whatever happens to the top", () => {
    const steps = fc.array(fc.option(fc.nat(9), { nil: undefined }), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 20 }), steps, (keys, actions) => {
        const items = keys.map((key, id): Item => ({ key, id }));
        const heap = new Heap([...items], before);
        for (const grows of actions) {
          const least = items.toSorted((a, b) => (before(a, b) ? -1 : 1))[0];
          expect(heap.top()).to.equal(least);
          expect(heap.size).to.equal(items.length);
          if (least === undefined) return;
          if (grows === undefined) {
            items.splice(items.indexOf(least), 1);
            heap.removeTop();
          } else {
            least.key += grows;
            heap.topChanged();
          }
        }
      }),
    );
  });
});
