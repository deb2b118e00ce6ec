import { expect } from "chai";
import { STREAM_LINK_WINDOW_BYTES } from "../limits.ts";
import { LinkBudget } from "./link-budget.ts";

const HALF = STREAM_LINK_WINDOW_BYTES / 2;

describe("link budget", () => {
  it("stops the senders once at the window, and lets them go on once at half of it", () => {
    const budget = new LinkBudget();
    expect(budget.sent(STREAM_LINK_WINDOW_BYTES - 1)).to.equal(false);
    expect(budget.sent(1)).to.equal(true);
    expect(budget.sent(1)).to.equal(false);
    expect(budget.full()).to.equal(true);
    expect(budget.got(HALF)).to.equal(false);
    expect(budget.got(1)).to.equal(true);
    expect(budget.got(1)).to.equal(false);
    expect(budget.full()).to.equal(false);
  });

  it("tells what arrived in lumps, and everything of it", () => {
    const budget = new LinkBudget();
    let told = 0;
    for (let i = 0; i < 1024; i += 1) told += budget.arrived(4096) ?? 0;
    expect(told).to.equal(1024 * 4096);
    expect(budget.arrived(1)).to.equal(undefined);
  });

  it("does not owe more than it sent, whatever the other end claims", () => {
    const budget = new LinkBudget();
    budget.got(10 * STREAM_LINK_WINDOW_BYTES);
    expect(budget.sent(STREAM_LINK_WINDOW_BYTES)).to.equal(true);
  });
});
