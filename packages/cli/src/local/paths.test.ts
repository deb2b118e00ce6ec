import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { SOCKET_PATH_BYTES_MAX } from "../limits.ts";
import {
  claimSocketDirectory,
  defaultDirectory,
  makePrivateDirectory,
  nodeSocket,
  socketDirectory,
  stateDirectoryOf,
} from "./paths.ts";

const AROUND = { env: {}, uid: 1000, temporary: "/tmp" };

describe("the state directory", () => {
  it("follows XDG_STATE_HOME, then HOME", () => {
    const of = (env: Record<string, string>): string => {
      const found = defaultDirectory("two", { ...AROUND, env });
      return found.ok ? found.value : found.error;
    };
    expect(of({ XDG_STATE_HOME: "/x", HOME: "/h" })).to.equal("/x/skein/two");
    expect(of({ XDG_STATE_HOME: "relative", HOME: "/h" })).to.equal("/h/.local/state/skein/two");
    expect(of({ HOME: "/h" })).to.equal("/h/.local/state/skein/two");
  });
});

describe("the directory of sockets", () => {
  it("is the state directory where the longest path fits", () => {
    const fitting = `/${"x".repeat(SOCKET_PATH_BYTES_MAX - "/manager-250/skein.sock".length - 1)}`;
    expect(socketDirectory(fitting, AROUND)).to.equal(fitting);
    expect(socketDirectory(`${fitting}x`, AROUND)).to.match(/^\/tmp\/skein-1000-[0-9a-f]{12}$/);
  });

  it("counts bytes, not characters", () => {
    const wide = `/${"ä".repeat(50)}`;
    expect(socketDirectory(wide, AROUND)).to.not.equal(wide);
  });

  it("prefers the user's run-time directory, unless that is too long itself", () => {
    const long = `/${"x".repeat(150)}`;
    const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
    expect(socketDirectory(long, { ...AROUND, env })).to.match(/^\/run\/user\/1000\/skein-/);
    const both = { uid: 1000, temporary: long, env: { XDG_RUNTIME_DIR: long } };
    const directory = socketDirectory(long, both);
    expect(directory).to.match(/^\/tmp\/skein-/);
    const longest = nodeSocket(directory, "manager-250");
    expect(Buffer.byteLength(longest)).to.be.at.most(SOCKET_PATH_BYTES_MAX);
  });

  it("is another for another cluster", () => {
    const [a, b] = ["a", "b"].map((end) => socketDirectory(`/${"x".repeat(150)}${end}`, AROUND));
    expect(a).to.not.equal(b);
  });
});

describe("claiming it", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-paths-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("leads back to the state directory", () => {
    const sockets = join(directory, "sockets");
    expect(claimSocketDirectory("/the/state", sockets)).to.equal(undefined);
    expect(stateDirectoryOf(join(sockets, "skein.sock"))).to.equal("/the/state");
    expect(statSync(sockets).mode & 0o777).to.equal(0o700);
    expect(claimSocketDirectory("/the/state", sockets), "a second time").to.equal(undefined);
  });

  it("refuses one that others can enter, a file and a link", () => {
    const open = join(directory, "open");
    mkdirSync(open);
    chmodSync(open, 0o755);
    const file = join(directory, "file");
    writeFileSync(file, "");
    const link = join(directory, "link");
    symlinkSync(join(directory, "open"), link);
    for (const path of [open, file, link]) {
      expect(claimSocketDirectory("/the/state", path), path).to.be.a("string");
    }
  });

  it("makes directories one below the other, and ends where none can be made", () => {
    const deep = join(directory, "a", "b", "c");
    makePrivateDirectory(deep);
    expect(statSync(deep).isDirectory()).to.equal(true);
    expect(() => makePrivateDirectory("/proc/skein/state")).to.throw();
  });
});
