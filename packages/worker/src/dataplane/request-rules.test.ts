import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import { expect } from "chai";
import { matchRule } from "./request-rules.ts";

describe("request rules", () => {
  const rules: readonly { name: string; host?: string; path?: string }[] = [
    { name: "any" },
    { name: "api", path: "/api" },
    { name: "deep", path: "/api/v2" },
    { name: "shop", host: "shop.example" },
    { name: "cart", host: "shop.example", path: "/cart/" },
    { name: "wild", host: "*.example" },
  ];
  const routes = rules.map(({ name, ...rule }) => ({
    name,
    options: { ...DEFAULT_INGRESS, ...rule },
  }));
  const rows = [
    { host: "", path: "/", name: "any" },
    { host: "else.where", path: "/apis", name: "any" },
    { host: "else.where", path: "/api", name: "api" },
    { host: "else.where", path: "/api/v1", name: "api" },
    { host: "else.where", path: "/api/v2/x", name: "deep" },
    { host: "shop.example", path: "/api", name: "shop" },
    { host: "shop.example", path: "/cart/1", name: "cart" },
    { host: "a.b.example", path: "/api", name: "wild" },
    { host: "example", path: "/", name: "any" },
  ];
  for (const { host, path, name } of rows) {
    it(`${host}${path} -> ${name}`, () => {
      expect(matchRule(routes, { host, path })?.name).to.equal(name);
      expect(matchRule(routes.toReversed(), { host, path })?.name).to.equal(name);
    });
  }

  it("answers nothing where no rule fits", () => {
    expect(matchRule(routes.slice(3), { host: "else.where", path: "/" })).to.equal(undefined);
  });
});
