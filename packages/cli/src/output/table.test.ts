import { expect } from "chai";
import { table } from "./table.ts";

describe("table", () => {
  it("pads every column but the last by three spaces or more", () => {
    const lines = table(
      ["ID", "NAME", "ERROR"],
      [
        ["1", "web.1", "task: non-zero exit (1)"],
        ["22", "longer-name.1", ""],
      ],
    );
    expect(lines).to.deep.equal([
      "ID   NAME            ERROR",
      "1    web.1           task: non-zero exit (1)",
      "22   longer-name.1",
    ]);
  });

  it("gives colours no room", () => {
    const [, plain = ""] = table(["A", "B"], [["ok", "x"]]);
    const [, coloured = ""] = table(["A", "B"], [["\u001b[32mok\u001b[39m", "x"]]);
    expect(coloured.indexOf("x") - coloured.indexOf("\u001b[39m")).to.equal(
      plain.indexOf("x") - plain.indexOf("ok") + 3,
    );
  });

  it("prints the headings alone when there is nothing to list", () => {
    expect(table(["ID", "NAME"], [])).to.deep.equal(["ID   NAME"]);
  });

  it("takes a row that is too short as one with empty cells", () => {
    expect(table(["A", "B"], [["x"]])).to.deep.equal(["A   B", "x"]);
  });
});
