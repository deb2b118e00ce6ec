import { expect } from "chai";
import { isSkein, parseHost } from "./host.ts";

describe("the API to talk to", () => {
  const cases = [
    { host: "unix:///run/skein.sock", path: "/run/skein.sock" },
    { host: "/run/skein.sock", path: "/run/skein.sock" },
    { host: "tcp://127.0.0.1:2375" },
    { host: "ssh://me@there" },
    { host: "skein.sock" },
    { host: "unix://relative.sock" },
  ];
  for (const { host, path } of cases) {
    it(`${host} is ${path === undefined ? "refused by name" : path}`, () => {
      const parsed = parseHost(host, "DOCKER_HOST");
      if (path === undefined)
        expect(parsed.ok ? "" : parsed.error).to.contain(`DOCKER_HOST is ${host}`);
      else expect(parsed).to.deep.equal({ ok: true, value: path });
    });
  }

  it("is told from a Docker by its version", () => {
    expect(isSkein({ Platform: { Name: "Skein 0.1.0" } })).to.equal(true);
    for (const other of [{ Platform: { Name: "Docker Engine - Community" } }, {}, null, "x"]) {
      expect(isSkein(other)).to.equal(false);
    }
  });
});
