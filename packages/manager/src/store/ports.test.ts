import { expect } from "chai";
import { storeFaults } from "./invariants.ts";
import { createCluster, createService, port, serviceSpec, updateService } from "./testing.ts";

describe("published ports", () => {
  const at = (name: string, labels: Readonly<Record<string, string>>) =>
    createService(name, serviceSpec(name, { labels, ports: [port(8080)] }));
  const shop = { "skein.http.host": "shop.example" };

  it("are one service's, as long as not all that want them say which requests they answer", () => {
    const bench = createCluster();
    expect(bench.say(at("web", {}))).to.equal("accepted");
    expect(bench.say(at("shop", shop))).to.equal(
      "port-taken: port '8080' is already in use by service 'web' (web) as an ingress port",
    );
  });

  it("are shared by services that answer other requests, and told apart by the rule", () => {
    const bench = createCluster();
    expect(bench.say(at("shop", shop))).to.equal("accepted");
    expect(bench.say(at("cart", { ...shop, "skein.http.path": "/cart" }))).to.equal("accepted");
    expect(bench.say(at("web", {}))).to.match(/^port-taken/);
    expect(bench.say(at("twin", { "skein.http.host": "SHOP.example" }))).to.equal(
      "port-taken: port '8080': requests to shop.example/ are answered by service 'shop' (shop) " +
        "already",
    );
    expect(storeFaults(bench.store.view)).to.deep.equal([]);
  });

  it("are refused to an update that takes another's requests", () => {
    const bench = createCluster();
    bench.run(at("shop", shop));
    bench.run(at("cart", { ...shop, "skein.http.path": "/cart" }));
    const { version = 0 } = bench.store.view.serviceByName("cart") ?? {};
    const spec = serviceSpec("cart", { labels: shop, ports: [port(8080)] });
    expect(bench.say(updateService("cart", version, spec))).to.match(/^port-taken/);
  });
});
