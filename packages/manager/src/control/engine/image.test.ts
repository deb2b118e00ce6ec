import { expect } from "chai";
import { isHostImage, isReference } from "./image.ts";

describe("image", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const hosts = [
    "host",
    "process",
    "host:latest",
    "library/host",
    "docker.io/library/host",
    "docker.io/library/host:latest",
    "index.docker.io/library/process",
    `host@${digest}`,
    `docker.io/library/host:latest@${digest}`,
  ];
  for (const name of hosts) {
    it(`takes ${name} for the node itself`, () => expect(isHostImage(name)).to.equal(true));
  }
  for (const name of [
    "nginx",
    "host:1",
    "my/host",
    "ghost",
    "host/x",
    "Host",
    "10.0.0.1:5000/host",
  ]) {
    it(`takes ${name} for an image`, () => expect(isHostImage(name)).to.equal(false));
  }

  const valid = [
    "nginx",
    "a/b/c",
    "10.99.0.254:5000/library/x:1",
    "localhost/x",
    "a.b_c--d:T.1",
    `x@${digest}`,
  ];
  for (const name of valid) {
    it(`finds ${name} well formed`, () => expect(isReference(name)).to.equal(true));
  }
  const invalid = [
    "",
    "Bad:Ref:X",
    "UPPER",
    "a//b",
    "/a",
    "a/",
    "a:",
    "a@sha256:1",
    "-a",
    "a..b",
    "a b",
    "a@b@c",
  ];
  for (const name of [...invalid, "a".repeat(300)]) {
    it(`finds ${name.slice(0, 20) || "nothing"} malformed`, () =>
      expect(isReference(name)).to.equal(false));
  }

  it("needs no more than linear time for hostile names", () => {
    const hostile = `${"a.".repeat(120)}!`;
    expect(isReference(hostile)).to.equal(false);
  });
});
