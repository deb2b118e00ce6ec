import { expect } from "chai";
import { checkLogOptions, keptBytes } from "./log-options.ts";

describe("log-options", () => {
  const sizes = [
    { options: { "max-size": "10m" }, bytes: 10 * 1024 ** 2 },
    { options: { "max-size": "10m", "max-file": "3" }, bytes: 30 * 1024 ** 2 },
    { options: { "max-size": "512" }, bytes: 512 },
    { options: { "max-size": "1G" }, bytes: 1024 ** 3 },
    { options: { "max-size": "0" }, bytes: undefined },
    { options: { "max-size": "much" }, bytes: undefined },
    { options: {}, bytes: undefined },
  ];
  for (const { options, bytes } of sizes) {
    it(`${JSON.stringify(options)} keeps ${bytes}`, () =>
      expect(keptBytes(options as Record<string, string>)).to.equal(bytes));
  }

  it("says which option cannot be honoured", () => {
    expect(checkLogOptions({})).to.equal(undefined);
    expect(checkLogOptions({ "max-size": "1m" })).to.equal(undefined);
    expect(checkLogOptions({ labels: "a" })).to.match(/^log option labels/);
    expect(checkLogOptions({ "max-size": "x" })).to.match(/^log options {"max-size":"x"}/);
    expect(checkLogOptions({ "max-file": "2" })).to.equal("max-file without max-size");
  });
});
