import { logIndex } from "@skein/common/ids";
import { expect } from "chai";
import { ChangeHistory } from "./history.ts";
import type { Change } from "./view.ts";

/** A command's changes. */
function changes(index: number, count: number): readonly Change[] {
  return Array.from({ length: count }, (_, at) => ({
    index: logIndex(index),
    table: "task",
    id: `${index}.${at}`,
    action: "create",
  }));
}

function since(history: ChangeHistory, index: number): string {
  const list = history.since(logIndex(index));
  return list === undefined ? "too old" : list.map(({ id }) => id).join(" ");
}

describe("ChangeHistory", () => {
  it("goes on behind an index, also one without a change", () => {
    const history = new ChangeHistory(10);
    for (const index of [2, 5, 6]) history.add(changes(index, 2));
    expect(since(history, 0)).to.equal("2.0 2.1 5.0 5.1 6.0 6.1");
    expect(since(history, 3)).to.equal("5.0 5.1 6.0 6.1");
    expect(since(history, 5)).to.equal("6.0 6.1");
    expect(since(history, 99)).to.equal("");
  });

  it("forgets whole commands, the oldest first", () => {
    const history = new ChangeHistory(3);
    for (const index of [1, 2, 3]) history.add(changes(index, 2));
    expect(since(history, 1)).to.equal("too old");
    expect(since(history, 2)).to.equal("3.0 3.1");
    history.add(changes(4, 4));
    expect(since(history, 3)).to.equal("too old");
    expect(since(history, 4)).to.equal("");
  });

  it("keeps answering after many commands", () => {
    const history = new ChangeHistory(5);
    for (let index = 1; index <= 1000; index += 1) history.add(changes(index, 1));
    expect(since(history, 994)).to.equal("too old");
    expect(since(history, 995)).to.equal("996.0 997.0 998.0 999.0 1000.0");
  });

  it("knows nothing before a restore", () => {
    const history = new ChangeHistory(5);
    history.add(changes(1, 1));
    history.reset(logIndex(7));
    expect(since(history, 6)).to.equal("too old");
    expect(since(history, 7)).to.equal("");
  });
});
