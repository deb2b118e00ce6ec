/** /networks as docker's clients use it, and services that are attached. */
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

const task = (networks: readonly object[]) => ({
  TaskTemplate: { ContainerSpec: { Image: "host", Args: ["x"] }, Networks: networks },
});

describe("engine-api: networks", () => {
  let cluster: FakeCluster;
  let socket: string;
  let blue: string;
  before(async () => {
    cluster = await FakeCluster.start();
    socket = cluster.managers[0]?.socket ?? "";
    const made = await ask(socket, "POST /networks/create", {
      body: { Name: "blue", Driver: "overlay", Attachable: true, Labels: { tier: "back" } },
    });
    expect(made.status).to.equal(201);
    blue = (made.body as { Id: string }).Id;
  });
  after(() => cluster.close());

  it("are found by name, id and the beginning of an id, and listed by filter", async () => {
    for (const reference of ["blue", blue, blue.slice(0, 12)]) {
      const found = await ask(socket, `GET /networks/${reference}`);
      expect(found.body).to.deep.include({ Id: blue, Name: "blue", Attachable: true });
    }
    const names = async (filters: object) => {
      const query = { filters: JSON.stringify(filters) };
      const { body } = await ask(socket, "GET /networks", { query });
      return (body as { Name: string }[]).map(({ Name }) => Name);
    };
    expect(await names({})).to.deep.equal(["ingress", "blue", "bridge", "host", "none"]);
    expect(await names({ label: ["tier=back"] })).to.deep.equal(["blue"]);
    expect(await names({ type: ["custom"] })).to.deep.equal(["blue"]);
    expect(await names({ scope: ["local"] })).to.deep.equal(["bridge", "host", "none"]);
    expect(await names({ driver: ["null"] })).to.deep.equal(["none"]);
  });

  it("that a node has of its own are shown, and stay", async () => {
    const { body } = await ask(socket, "GET /networks/host");
    expect(body).to.include({ Name: "host", Driver: "host", Scope: "local" });
    const { Id: id } = body as { Id: string };
    expect(id).to.match(/^[0-9a-f]{64}$/);
    expect((await ask(socket, `GET /networks/${id.slice(0, 12)}`)).body).to.deep.equal(body);
    const swarm = { query: { scope: "swarm" } };
    expect((await ask(socket, "GET /networks/bridge", swarm)).status).to.equal(404);
    const removal = await ask(socket, "DELETE /networks/none");
    expect([removal.status, removal.message]).to.deep.equal([
      403,
      "none is a pre-defined network and cannot be removed",
    ]);
  });

  it("give services virtual addresses, and specs ids for names", async () => {
    const networks = [{ Target: "blue", Aliases: ["db"] }];
    const made = await ask(socket, "POST /services/create", {
      body: { Name: "web", ...task(networks) },
    });
    expect(made.status).to.equal(201);
    const { body } = await ask(socket, "GET /services/web");
    expect(body).to.have.nested.property("Spec.TaskTemplate.Networks[0].Target", blue);
    const vips = (body as { Endpoint: { VirtualIPs: unknown } }).Endpoint.VirtualIPs;
    const { body: network } = await ask(socket, `GET /networks/${blue}`, {
      query: { verbose: "true" },
    });
    const subnet = (network as { IPAM: { Config: { Subnet: string }[] } }).IPAM.Config[0]?.Subnet;
    const prefix = subnet?.split("/")[1];
    const address = (network as { Services: { web: { VIP: string } } }).Services.web.VIP;
    expect(vips).to.deep.equal([{ NetworkID: blue, Addr: `${address}/${prefix}` }]);
    const busy = await ask(socket, "DELETE /networks/blue");
    expect([busy.status, busy.message]).to.deep.equal([
      400,
      "rpc error: code = FailedPrecondition desc = " + `network ${blue} is in use by service web`,
    ]);
  });

  it("pass the audit", async () => {
    const { body } = await ask(socket, "GET /skein/v1/networks/audit");
    expect(body).to.deep.include({ findings: [] });
    expect(body).to.have.nested.property("networks[0].services", 1);
  });

  for (const [body, status, part] of [
    [{ Name: "blue" }, 409, "network with name blue already exists"],
    [{ Name: "ingress" }, 409, "already exists"],
    [{ Name: "host" }, 403, "predefined host network"],
    [{ Name: "a b" }, 400, "invalid network name"],
    [{ Name: "x", Driver: "bridge" }, 501, "the driver bridge is not supported"],
    [{ Name: "x", Internal: true }, 501, "--internal"],
    [{ Name: "x", EnableIPv6: true }, 501, "--ipv6"],
    [{ Name: "x", Options: { mtu: "9000" } }, 501, "--opt mtu"],
    [{ Name: "x", IPAM: { Config: [{ Subnet: "10.9.0.0/24" }] } }, 400, "loopback plane"],
  ] as const) {
    it(`are refused with the reason: ${JSON.stringify(body)}`, async () => {
      const answer = await ask(socket, "POST /networks/create", { body });
      expect(answer.status).to.equal(status);
      expect(answer.message).to.include(part);
    });
  }

  it("go once no service is on them", async () => {
    await ask(socket, "DELETE /services/web");
    expect((await ask(socket, "DELETE /networks/blue")).status).to.equal(204);
    expect((await ask(socket, "GET /networks/blue")).status).to.equal(404);
    const attached = await ask(socket, "POST /services/create", {
      body: { Name: "web", ...task([{ Target: "blue" }]) },
    });
    expect([attached.status, attached.message]).to.deep.equal([500, "network blue not found"]);
  });
});
