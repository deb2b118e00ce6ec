import { expect } from "chai";
import { resolveExtends } from "./extends.ts";
import { mergeFiles, OVERRIDE_KEY, RESET_KEY, settled } from "./merge.ts";
import { withProfiles } from "./profiles.ts";
import type { Tree } from "./tree.ts";

function merged(base: Tree, over: Tree): Tree {
  const whole = settled(mergeFiles({ services: { web: base } }, { services: { web: over } }));
  return JSON.parse(JSON.stringify(whole)).services.web;
}

describe("compose merge", () => {
  const table: readonly (readonly [string, Tree, Tree, Tree])[] = [
    ["scalars are replaced", { image: "a" }, { image: "b" }, { image: "b" }],
    [
      "maps merge",
      { deploy: { replicas: 1, mode: "x" } },
      { deploy: { replicas: 2 } },
      { deploy: { replicas: 2, mode: "x" } },
    ],
    ["commands are replaced", { command: ["a", "b"] }, { command: ["c"] }, { command: ["c"] }],
    [
      "health tests are replaced",
      { healthcheck: { test: ["CMD", "a"], retries: 1 } },
      { healthcheck: { test: "b" } },
      { healthcheck: { test: "b", retries: 1 } },
    ],
    [
      "environments merge whatever their form",
      { environment: ["A=1", "B=2"] },
      { environment: { B: 3 } },
      { environment: { A: "1", B: 3 } },
    ],
    ["labels too", { labels: { a: "1" } }, { labels: ["b=2"] }, { labels: { a: "1", b: "2" } }],
    [
      "ports append, each once",
      { ports: ["80:80", "81:81"] },
      { ports: ["81:81", "82:82"] },
      { ports: ["80:80", "81:81", "82:82"] },
    ],
    [
      "a mount replaces the one at its target",
      { volumes: ["/a:/x", "/b:/y"] },
      { volumes: [{ type: "bind", source: "/c", target: "/x" }] },
      { volumes: ["/b:/y", { type: "bind", source: "/c", target: "/x" }] },
    ],
    [
      "networks merge by name",
      { networks: ["front"] },
      { networks: { back: { aliases: ["b"] } } },
      { networks: { front: null, back: { aliases: ["b"] } } },
    ],
    [
      "reset drops a key",
      { ports: ["80:80"], image: "a" },
      { ports: { [RESET_KEY]: null } },
      { image: "a" },
    ],
    [
      "override takes the value as it is",
      { ports: ["80:80"] },
      { ports: { [OVERRIDE_KEY]: ["90:90"] } },
      { ports: ["90:90"] },
    ],
  ];
  for (const [name, base, over, expected] of table) {
    it(name, () => expect(merged(base, over)).to.deep.equal(expected));
  }

  it("adds services, and keeps those of the first file", () => {
    const whole = mergeFiles(
      { services: { a: { image: "a" } } },
      { services: { b: { image: "b" } } },
    );
    expect(whole).to.deep.equal({ services: { a: { image: "a" }, b: { image: "b" } } });
  });

  it("treats a service named like a list of pairs as a service", () => {
    const whole = mergeFiles(
      { services: { labels: { image: "a" } }, networks: { a: {} } },
      { services: { labels: { command: "x" } }, networks: { b: {} } },
    );
    expect(whole).to.deep.equal({
      services: { labels: { image: "a", command: "x" } },
      networks: { a: {}, b: {} },
    });
  });
});

describe("compose extends", () => {
  const none = { tree: () => undefined, resolve: (path: string) => path };

  it("takes a service of the same file, without what refers to others", () => {
    const tree = {
      services: {
        base: { image: "host", environment: { A: "1" }, depends_on: ["db"] },
        web: { extends: "base", environment: ["B=2"] },
      },
    };
    const done = resolveExtends({ path: "f", tree }, none);
    expect(done.ok && (done.value as { services: unknown }).services).to.deep.include({
      web: { image: "host", environment: { A: "1", B: "2" } },
    });
  });

  it("follows files, each from its own place", () => {
    const files = {
      tree: (path: string, from: string) =>
        from === "f" && path === "sub/g"
          ? { services: { mid: { extends: { service: "low", file: "h" }, user: "u" } } }
          : { services: { low: { image: from } } },
      resolve: (path: string, from: string) => `${from}/${path}`,
    };
    const tree = { services: { web: { extends: { service: "mid", file: "sub/g" } } } };
    const done = resolveExtends({ path: "f", tree }, files);
    expect(done).to.deep.equal({
      ok: true,
      value: { services: { web: { image: "f/sub/g", user: "u" } } },
    });
  });

  it("tells a circle, and a service that is not there", () => {
    const tree = { services: { a: { extends: "b" }, b: { extends: "a" }, c: { extends: "d" } } };
    const done = resolveExtends({ path: "f", tree }, none);
    expect(done.ok).to.equal(false);
    if (done.ok) return;
    expect(done.error.map(({ path, reason }) => `${path}: ${reason}`)).to.deep.equal([
      "services.a.extends: services extend each other in a circle: a -> b -> a",
      "services.b.extends: services extend each other in a circle: b -> a -> b",
      "services.c.extends: there is no service d",
    ]);
  });
});

describe("compose profiles", () => {
  const tree = {
    services: { always: {}, debug: { profiles: ["debug"] }, both: { profiles: ["a", "debug"] } },
  };
  const there = (active: readonly string[]): readonly string[] =>
    Object.keys((withProfiles(tree, active) as { services: object }).services);

  it("leaves out what was not asked for", () => {
    expect(there([])).to.deep.equal(["always"]);
    expect(there(["a"])).to.deep.equal(["always", "both"]);
    expect(there(["*"])).to.deep.equal(["always", "debug", "both"]);
  });
});
