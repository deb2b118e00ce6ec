import { expect } from "chai";
import { machineFacts, missingText } from "./machine.ts";

const GOOD = { platform: "linux", hasProc: true, hasShell: true };

describe("what the machine lacks", () => {
  it("is nothing here", () => expect(missingText(machineFacts())).to.equal(undefined));

  it("is named all at once, with the remedy", () => {
    const text = missingText({ platform: "darwin", hasProc: false, hasShell: true }) ?? "";
    expect(text).to.match(/this is darwin/);
    expect(text).to.match(/\/proc/);
    expect(text).to.match(/: run Skein in a Linux machine/);
    expect(missingText({ ...GOOD, hasShell: false })).to.match(/\/bin\/sh.*: mount or install it$/);
  });
});
