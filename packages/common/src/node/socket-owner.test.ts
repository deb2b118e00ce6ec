import type { AddressInfo, Server } from "node:net";
import { createServer } from "node:net";
import { expect } from "chai";
import { listenersOn, listenerText } from "./socket-owner.ts";

function listen(host: string): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // An address of its kind for a server that listens on a port.
    server.listen(0, host, () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}

describe("socket owner", () => {
  const cases = [
    { name: "the very address", bound: "127.0.0.7", asked: "127.0.0.7", found: true },
    { name: "every address", bound: "0.0.0.0", asked: "127.0.0.7", found: true },
    { name: "every address of IPv6", bound: "::", asked: "127.0.0.7", found: true },
    { name: "another address", bound: "127.0.0.8", asked: "127.0.0.7", found: false },
  ];
  for (const { name, bound, asked, found } of cases) {
    it(`sees who listens on ${name}`, async function () {
      const opened = await listen(bound).catch(() => undefined);
      if (opened === undefined) return this.skip(); // No IPv6 here.
      const owners = await listenersOn(asked, opened.port);
      opened.server.close();
      expect(owners.map((owner) => owner.process?.pid)).to.deep.equal(found ? [process.pid] : []);
      if (found) expect(owners[0]?.process?.command[0]).to.contain("node");
    });
  }

  it("names what it knows", () => {
    const known = { uid: 0, process: { pid: 7, name: "python3", command: [] } };
    expect(listenerText(known)).to.equal("pid 7 (python3)");
    expect(listenerText({ uid: 1000 })).to.equal("a program of user 1000");
    expect(listenerText(undefined)).to.equal("another program");
  });

  it("finds nobody on a free port", async () => {
    const { server, port } = await listen("127.0.0.9");
    await new Promise((resolve) => server.close(resolve));
    expect(await listenersOn("127.0.0.9", port)).to.deep.equal([]);
  });
});
