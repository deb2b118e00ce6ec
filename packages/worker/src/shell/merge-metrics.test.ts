import { expect } from "chai";
import { mergeMetrics } from "./merge-metrics.ts";

describe("metrics of several parts", () => {
  it("announce each family once, its samples together", () => {
    const merged = mergeMetrics([
      '# HELP a what\n# TYPE a counter\na{p="x"} 1\n# TYPE b gauge\nb 2\n',
      '# TYPE a counter\na{p="y"} 3\n# TYPE c gauge\nc 4\n',
    ]);
    expect(merged.trimEnd().split("\n")).to.deep.equal([
      "# HELP a what",
      "# TYPE a counter",
      'a{p="x"} 1',
      'a{p="y"} 3',
      "# TYPE b gauge",
      "b 2",
      "# TYPE c gauge",
      "c 4",
    ]);
  });

  it("of a part that did not answer are those of the others", () => {
    expect(mergeMetrics(["# TYPE a counter\na 1\n", ""])).to.equal("# TYPE a counter\na 1\n");
  });
});
