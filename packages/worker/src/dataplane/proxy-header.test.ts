import { expect } from "chai";
import { proxyHeader } from "./proxy-header.ts";

describe("PROXY protocol header", () => {
  const served = { address: "127.0.1.4", port: 8080 };

  it("tells client and served address (version 2, TCP over IPv4)", () => {
    const bytes = proxyHeader({ address: "192.0.2.7", port: 51_234 }, served);
    expect(Buffer.from(bytes).toString("hex")).to.equal(
      `0d0a0d0a000d0a515549540a2111000c${"c0000207"}${"7f000104"}${"c822"}${"1f90"}`,
    );
  });

  it("says LOCAL where the client is not known by an IPv4 address", () => {
    const bytes = proxyHeader({ address: "", port: 0 }, served);
    expect(Buffer.from(bytes).toString("hex")).to.equal("0d0a0d0a000d0a515549540a20000000");
  });
});
