import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterId } from "@skein/common/ids";
import { expect } from "chai";
import { clusterFilePath, fileOf, writeClusterFile } from "./cluster-file.ts";
import { nodeConfigPath, readNodeConfig, writeNodeConfig } from "./create.ts";
import { layOut } from "./layout.ts";
import type { Wanted } from "./state.ts";
import { findCluster, isCluster, purge, strangersIn } from "./state.ts";

const PORTS = { managerPort: 2377, controlPort: 7946, dataPort: 4789 };

describe("what a state directory holds", () => {
  let stateDir: string;
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), "skein-state-"));
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

  function wanted(changes: Partial<Wanted> = {}): Wanted {
    const size = { managers: undefined, workers: undefined };
    return {
      stateDir,
      sockets: stateDir,
      name: undefined,
      ...size,
      directory: "/here",
      ...changes,
    };
  }

  /** As `up` leaves it: `ran` when it was ever started. */
  function makeCluster(ran: boolean): void {
    let ids = 0;
    const configs = layOut({
      sockets: stateDir,
      name: "default",
      index: 3,
      ports: PORTS,
      managers: 2,
      workers: 1,
      clusterId: clusterId("c1"),
      directory: "/there",
      newId: () => `id${(ids += 1)}`,
    });
    for (const config of configs) {
      mkdirSync(join(stateDir, config.name));
      writeNodeConfig(stateDir, config);
      if (ran) writeFileSync(join(stateDir, config.name, "log"), "");
    }
    writeClusterFile(stateDir, fileOf(stateDir, stateDir, configs));
  }

  function refusal(changes: Partial<Wanted> = {}): string {
    const found = findCluster(wanted(changes));
    return found.ok ? "" : found.error;
  }

  it("nothing yet", () => {
    expect(findCluster(wanted())).to.deep.equal({ ok: true, value: undefined });
    expect(strangersIn(stateDir)).to.equal(undefined);
    expect(isCluster(stateDir)).to.equal(false);
  });

  it("somebody's files: named, and left alone", () => {
    for (const name of ["a.txt", "b.txt", "c", "d"]) writeFileSync(join(stateDir, name), "");
    expect(strangersIn(stateDir)).to.match(/\(a.txt, b.txt, c, …\): give a directory of its own$/);
  });

  it("somebody's cluster.json", () => {
    writeFileSync(clusterFilePath(stateDir), '{"clusters":[]}');
    expect(refusal()).to.match(/damaged .* and there is no node to make it again from/);
    expect(isCluster(stateDir)).to.equal(false);
  });

  it("a cluster: resumed, with the caller's directory", () => {
    makeCluster(true);
    const found = findCluster(wanted());
    expect(
      found.ok && found.value?.nodes.every((node) => node.defaultDirectory === "/here"),
    ).to.equal(true);
    expect(found.ok && found.value?.remark).to.equal(undefined);
  });

  it("a cluster that was moved: its sockets are where it is", () => {
    makeCluster(true);
    const found = findCluster(wanted({ sockets: "/elsewhere" }));
    expect(found.ok && found.value?.file.api).to.equal("unix:///elsewhere/skein.sock");
    const config = readNodeConfig(stateDir, "worker-1");
    expect(config.ok && config.value.apiSocket).to.equal("/elsewhere/worker-1/skein.sock");
  });

  it("a cluster of another name or size: refused, unchanged", () => {
    makeCluster(true);
    expect(refusal({ name: "two" })).to.match(/belongs to cluster default, not two/);
    expect(refusal({ managers: 3 })).to.match(
      /has 2 managers, not 3: resume it without --managers/,
    );
    expect(refusal({ workers: 0 })).to.match(/has 1 worker, not 0/);
    expect(findCluster(wanted({ name: "default", managers: 2, workers: 1 })).ok).to.equal(true);
  });

  for (const [name, spoil] of [
    ["half-written", (path: string) => writeFileSync(path, '{"schema":1,"na')],
    ["deleted", (path: string) => rmSync(path)],
  ] as const) {
    it(`a ${name} cluster.json: made again from the nodes`, () => {
      makeCluster(true);
      const before = findCluster(wanted());
      spoil(clusterFilePath(stateDir));
      const after = findCluster(wanted());
      expect(after.ok && after.value?.remark).to.match(/made again from the nodes' files/);
      expect(after.ok && after.value?.file).to.deep.equal(before.ok && before.value?.file);
    });
  }

  it("a cluster.json of a newer Skein: refused, even for its nodes' sake", () => {
    makeCluster(true);
    writeFileSync(clusterFilePath(stateDir), '{"schema":2}');
    expect(refusal()).to.match(/newer Skein/);
  });

  it("a making that was interrupted: made anew", () => {
    makeCluster(false);
    rmSync(clusterFilePath(stateDir));
    expect(findCluster(wanted())).to.deep.equal({ ok: true, value: undefined });
  });

  it("no cluster.json and a manager missing: refused, since nothing is guessed", () => {
    makeCluster(true);
    rmSync(clusterFilePath(stateDir));
    rmSync(join(stateDir, "manager-2"), { recursive: true });
    expect(refusal()).to.match(/the directory of manager 127.0.3.2:2377 is missing/);
  });

  it("a node.json that is deleted, damaged, or another cluster's: refused by its path", () => {
    makeCluster(true);
    const path = nodeConfigPath(stateDir, "manager-2");
    const config = readNodeConfig(stateDir, "manager-2");
    rmSync(path);
    expect(refusal()).to.contain(`${path} cannot be read (ENOENT`);
    writeFileSync(path, "{");
    expect(refusal()).to.contain(`${path} is damaged`);
    if (config.ok) writeNodeConfig(stateDir, { ...config.value, clusterId: clusterId("c2") });
    expect(refusal()).to.match(/manager-2 belongs to another cluster \(c2, not c1\)/);
  });

  it("is purged of what is the cluster's, and of nothing else", () => {
    makeCluster(true);
    writeFileSync(join(stateDir, "mine.txt"), "");
    mkdirSync(join(stateDir, "worker-shoes"));
    expect(purge(stateDir, stateDir)).to.have.members(["mine.txt", "worker-shoes"]);
    expect(readdirSync(stateDir)).to.have.members(["mine.txt", "worker-shoes"]);
  });

  it("is gone when nothing else was there", () => {
    makeCluster(true);
    expect(purge(stateDir, stateDir)).to.deep.equal([]);
    expect(existsSync(stateDir)).to.equal(false);
  });
});
