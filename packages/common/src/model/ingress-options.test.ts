import { expect } from "chai";
import { DEFAULT_INGRESS, ingressOptions } from "./ingress-options.ts";

describe("ingress options", () => {
  it("takes labels of its own and leaves all others alone", () => {
    const options = ingressOptions({
      team: "a",
      "skein.something": "else",
      "skein.protocol": "http",
      "skein.lb.policy": "least-connections",
      "skein.lb.slow-start": "10s",
      "skein.lb.proxy-protocol": "v2",
      "skein.http.sticky": "route",
      "skein.http.access-log": "json",
      "skein.http.host": "Shop.Example",
      "skein.http.path": "/cart",
    });
    expect(options.ok && options.value).to.deep.equal({
      ...DEFAULT_INGRESS,
      protocol: "http",
      policy: "least-connections",
      slowStartMs: 10_000,
      proxyProtocol: true,
      stickyCookie: "route",
      accessLog: "json",
      host: "shop.example",
      path: "/cart",
    });
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ["skein.protocol", "ftp", "one of auto, http, tcp"],
    ["skein.lb.policy", "random", "one of round-robin, least-connections, power-of-two"],
    ["skein.lb.slow-start", "10", "a duration such as"],
    ["skein.lb.proxy-protocol", "v1", '"v2"'],
    ["skein.lb.polcy", "x", "a label that Skein knows"],
    ["skein.http.sticky", "a b", "the name of a cookie"],
    ["skein.http.host", "a_b", "a host name"],
    ["skein.http.path", "cart", "a path that begins with"],
    ["skein.http.constructor", "x", "a label that Skein knows"],
  ];
  for (const [label, value, wanted] of refused) {
    it(`refuses ${label}=${value}`, () => {
      const options = ingressOptions({ [label]: value });
      expect(options.ok ? "" : options.error).to.include(
        `label ${label} is ${JSON.stringify(value)}, not ${wanted}`,
      );
    });
  }

  it("refuses rules for requests on a port that is not http", () => {
    const options = ingressOptions({ "skein.protocol": "tcp", "skein.http.host": "a.example" });
    expect(options.ok).to.equal(false);
  });
});
