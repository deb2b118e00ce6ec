import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TreeMap } from "@skein/common/compose/tree";
import { mapAt } from "@skein/common/compose/tree";
import { expect } from "chai";
import type { LoadedStack, LoadOptions } from "./load.ts";
import { loadStack } from "./load.ts";

describe("compose files", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "skein-compose-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
  }
  function load(files: readonly string[], more: Partial<LoadOptions> = {}) {
    const paths = files.map((name) => join(root, name));
    const none = { envFiles: [], profiles: [], environment: new Map<string, string>() };
    return loadStack({ ...none, ...more, files: paths });
  }
  function loaded(files: readonly string[], more: Partial<LoadOptions> = {}): LoadedStack {
    const done = load(files, more);
    if (!done.ok) throw new Error(done.error.join("\n"));
    return done.value;
  }
  function web(files: readonly string[], more: Partial<LoadOptions> = {}) {
    const { working_dir: directory, ...rest } = mapAt(
      mapAt(loaded(files, more).tree, "services"),
      "web",
    );
    expect(directory, "where the first file lies").to.equal(root);
    return rest as TreeMap;
  }
  function refusals(files: readonly string[]): string {
    const done = load(files);
    return done.ok ? "" : done.error.join("\n").replaceAll(root, "");
  }

  it("takes the file's name, or its directory's", () => {
    write({ "shop/a.yml": "services: {web: {image: host}}", "shop/b.yml": "name: other" });
    expect(loaded(["shop/a.yml"]).name).to.equal("shop");
    expect(loaded(["shop/a.yml", "shop/b.yml"]).name).to.equal("other");
  });

  it("reads anchors, merges and texts that other YAML takes for something else", () => {
    write({
      "a.yml": `
x-base: &base {image: host, environment: {A: no, B: 22:22}}
services:
  web:
    <<: *base
    command: ["x"]
`,
    });
    const expected = { image: "host", environment: { A: "no", B: "22:22" }, command: ["x"] };
    expect(web(["a.yml"])).to.deep.equal(expected);
  });

  it("fills variables: environment over .env, named files instead of .env", () => {
    write({
      "a.yml": "services: {web: {image: host, command: ['$A', '$B', '${C:-c}']}}",
      ".env": "A=1\nB=2",
      "other.env": "B=3",
    });
    expect(web(["a.yml"])["command"]).to.deep.equal(["1", "2", "c"]);
    const environment = new Map([["A", "9"]]);
    expect(web(["a.yml"], { environment })["command"]).to.deep.equal(["9", "2", "c"]);
    const other = loaded(["a.yml"], { envFiles: [join(root, "other.env")] });
    expect(other.unset).to.deep.equal(["A"]);
  });

  it("keeps a directory that the file names", () => {
    write({ "a.yml": "services: {web: {image: host, working_dir: ./sub}}" });
    const services = mapAt(loaded(["a.yml"]).tree, "services");
    expect(mapAt(services, "web")["working_dir"]).to.equal(join(root, "sub"));
  });

  it("completes environments from files and from the caller's", () => {
    write({
      "a.yml": `
services:
  web:
    image: host
    env_file: [one.env, {path: none.env, required: false}]
    environment: [B=own, HERE, MISSING]
`,
      "one.env": "A=1\nB=2",
    });
    const environment = new Map([["HERE", "yes"]]);
    const expected = { A: "1", B: "own", HERE: "yes" };
    expect(web(["a.yml"], { environment })["environment"]).to.deep.equal(expected);
  });

  it("follows includes and extends, each with paths of its own directory", () => {
    write({
      "a.yml": "include: [sub/b.yml]\nservices: {web: {extends: {file: sub/c.yml, service: base}}}",
      "sub/b.yml": "services: {db: {image: host, working_dir: ./data}}",
      "sub/c.yml": "services: {base: {image: host, working_dir: ./base}}",
    });
    const { tree } = loaded(["a.yml"]);
    const services = mapAt(tree, "services");
    expect(mapAt(services, "db")["working_dir"]).to.equal(join(root, "sub/data"));
    expect(mapAt(services, "web")["working_dir"]).to.equal(join(root, "sub/base"));
  });

  it("drops and overrides what later files mark", () => {
    write({
      "a.yml": "services: {web: {image: host, ports: ['80:80'], environment: {A: '1'}}}",
      "b.yml": "services: {web: {ports: !override ['90:90'], environment: !reset null}}",
    });
    expect(web(["a.yml", "b.yml"])).to.deep.equal({ image: "host", ports: ["90:90"] });
  });

  it("hands over the contents of configs and secrets", () => {
    write({
      "a.yml": `
services: {web: {image: host}}
configs: {c: {content: "for $WHOM"}, e: {external: true}}
secrets: {s: {file: ./s.txt}, v: {environment: TOKEN}}
`,
      "s.txt": "hidden",
    });
    const environment = new Map([
      ["WHOM", "you"],
      ["TOKEN", "t"],
    ]);
    const { contents } = loaded(["a.yml"], { environment });
    expect(
      contents.map(({ kind, key, data }) => [kind, key, Buffer.from(data).toString()]),
    ).to.deep.equal([
      ["configs", "c", "for you"],
      ["secrets", "s", "hidden"],
      ["secrets", "v", "t"],
    ]);
  });

  const wrong: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ["a file that is not there", {}, /^\/a\.yml cannot be read \(ENOENT\)$/],
    ["no YAML", { "a.yml": "services: [" }, /^\/a\.yml: .*line 1/],
    ["an unknown alias", { "a.yml": "services: *x" }, /^\/a\.yml: /],
    [
      "a required variable",
      { "a.yml": "name: ${N:?say}" },
      /name: required variable N is not set: say/,
    ],
    [
      "a missing environment file",
      { "a.yml": "services: {web: {env_file: x}}" },
      /env_file: .*ENOENT/,
    ],
    ["a missing secret", { "a.yml": "secrets: {s: {file: x}}" }, /secrets\.s: .*ENOENT/],
    ["files in a circle", { "a.yml": "include: [a.yml]" }, /include each other deeper than 16/],
    [
      "a bomb of aliases",
      {
        "a.yml": `a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]`,
      },
      /alias/,
    ],
  ];
  for (const [name, files, reason] of wrong) {
    it(`refuses ${name}`, () => {
      write(files);
      expect(refusals(["a.yml"])).to.match(reason);
    });
  }
});
