/**
 * Both versions of cgroups on a tree of plain files: what is written where. A kernel answers in
 * test/integration/engine.test.ts, in the version the machine has.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { taskId } from "@skein/common/ids";
import { expect } from "chai";
import type { RunSpec } from "./engine.ts";
import { Cgroups } from "./process-cgroup.ts";

const NODE = "skein-node-1";
const LIMITS = { limitNanoCpus: 500_000_000, limitMemoryBytes: 64 * 1024 ** 2, limitPids: 20 };
const MILLION = 1_000_000;

// Of a task's spec nothing but its id and limits is read here.
const asked = (limits: Partial<typeof LIMITS>) => ({ taskId: taskId("t1"), ...limits }) as RunSpec;

describe("cgroups", () => {
  let root: string;
  const path = (...parts: readonly string[]) => join(root, ...parts);
  const read = (...parts: readonly string[]) => readFileSync(path(...parts), "utf8");

  function file(text: string, ...parts: readonly string[]): void {
    mkdirSync(join(path(...parts), ".."), { recursive: true });
    writeFileSync(path(...parts), text);
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "skein-cgroup-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** Version 2, in a group of its own, with what that group may hand down. */
  function second(controllers: string): Cgroups {
    file("0::/own\n", "proc", "cgroup");
    file(`cgroup2 ${path("tree")} cgroup2 rw 0 0\n`, "proc", "mounts");
    file(controllers, "tree", "own", "cgroup.controllers");
    file("", "tree", "own", "cgroup.subtree_control");
    // A kernel makes these files with each folder.
    file("", "tree", "own", NODE, "cgroup.subtree_control");
    return new Cgroups(NODE, path("proc"));
  }

  it("of version 2 are limited by cpu.max, memory.max and pids.max, the process last", () => {
    const groups = second("cpu memory pids");
    expect(groups.kinds()).to.deep.equal(["cpu", "memory", "pids"]);
    groups.enter(asked(LIMITS), MILLION);
    const group = ["tree", "own", NODE, "t1"] as const;
    expect(read(...group, "cpu.max")).to.equal("50000 100000");
    expect(read(...group, "memory.max")).to.equal(String(LIMITS.limitMemoryBytes));
    expect(read(...group, "pids.max")).to.equal("20");
    expect(read(...group, "cgroup.procs")).to.equal(String(MILLION));
    expect(read("tree", "own", NODE, "cgroup.subtree_control")).to.equal("+pids");
  });

  it("of version 2 refuse what is not delegated, by its name", () => {
    const groups = second("memory pids");
    expect(groups.kinds()).to.deep.equal(["memory", "pids"]);
    expect(groups.whyNot(asked({ limitNanoCpus: 1e9 }))).to.match(
      /^cannot limit cpu: no writable cgroup: .*controller cpu is not delegated/,
    );
    expect(groups.whyNot(asked({ limitPids: 5 }))).to.equal(undefined);
  });

  it("of version 1 are limited in the hierarchy of each controller", () => {
    file("2:cpu,cpuacct:/\n3:memory:/\n4:pids:/\n", "proc", "cgroup");
    const mounts = ["cpu,cpuacct", "memory", "pids"].map((kind) => {
      mkdirSync(path(kind), { recursive: true });
      return `cgroup ${path(kind)} cgroup rw,${kind} 0 0`;
    });
    file(`${mounts.join("\n")}\n`, "proc", "mounts");
    const groups = new Cgroups(NODE, path("proc"));
    groups.enter(asked(LIMITS), MILLION);
    expect(read("cpu,cpuacct", NODE, "t1", "cpu.cfs_quota_us")).to.equal("50000");
    expect(read("memory", NODE, "t1", "memory.limit_in_bytes")).to.equal(
      String(LIMITS.limitMemoryBytes),
    );
    expect(read("pids", NODE, "t1", "cgroup.procs")).to.equal(String(MILLION));
    expect(existsSync(path("memory", NODE, "t1", "pids.max"))).to.equal(false);
  });

  it("that are not there are missing for every kind", () => {
    file("", "proc", "cgroup");
    file("", "proc", "mounts");
    const groups = new Cgroups(NODE, path("proc"));
    expect(groups.kinds()).to.deep.equal([]);
    expect(groups.whyNot(asked({ limitPids: 5 }))).to.match(/no cgroup file system is mounted/);
  });
});
