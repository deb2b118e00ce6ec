import { expect } from "chai";
import { diffLines } from "./diff.ts";

describe("lines that differ", () => {
  it("are none in equal texts", () => expect(diffLines("a\nb\n", "a\nb\n")).to.deep.equal([]));

  it("are shown with what is gone before what is new", () => {
    expect(diffLines("a\nb\nc\n", "a\nx\nc\n")).to.deep.equal([" a", "-b", "+x", " c"]);
  });

  it("stand among three lines on either side", () => {
    const before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    const expected = ["…", " 3", " 4", " 5", "-6", " 7", " 8", " 9"];
    expect(diffLines(before, before.replace("6\n", ""))).to.deep.equal(expected);
  });

  it("are all lines of texts too long to align", () => {
    const long = Array.from({ length: 2100 }, (_, at) => `a${at}`).join("\n");
    const other = long.replaceAll("a", "b");
    expect(diffLines(long, other).length).to.equal(4200);
  });
});
