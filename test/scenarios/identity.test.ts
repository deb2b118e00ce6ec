/** Who a manager process is after its log, or its whole directory, was lost. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterId, nodeId, raftId } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import {
  findMember,
  incarnationOf,
  logDirectory,
  memberBegun,
  replaceMember,
} from "@skein/manager/shell/member-file";
import { EXPULSIONS, expulsionIn } from "@skein/manager/shell/member-messages";
import { expect } from "chai";

const first = { raftId: raftId("r1"), nodeId: nodeId("m1"), address: "127.0.1.1:2377" };
const second = { raftId: raftId("r2"), nodeId: nodeId("m2"), address: "127.0.1.2:2377" };

describe("scenarios: identity of a manager process", () => {
  let directory = "";
  let drawn = 0;
  const random = { below: () => 0, id: () => `drawn-${(drawn += 1)}` };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-member-"));
    drawn = 0;
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const begin = (id: string): void => {
    mkdirSync(logDirectory(directory), { recursive: true });
    writeFileSync(join(logDirectory(directory), "0000000001.wal"), "a log");
    memberBegun(directory, raftId(id));
  };

  it("R52: a first manager begins with the first configuration, once", () => {
    const member = findMember(directory, config([first, second]), random);
    expect(member).to.deep.include({ raftId: "r1", replaced: false, others: [second.address] });
    expect(member.bootstrap?.voters).to.deep.equal(["r1", "r2"]);
    begin("r1");
    const again = findMember(directory, config([first, second]), random);
    expect(again).to.deep.include({ raftId: "r1", replaced: false });
    expect(again).to.not.have.property("bootstrap");
  });

  it("R52: without its log it is another member, who knows nobody and counts for nothing", () => {
    findMember(directory, config([first, second]), random);
    begin("r1");
    rmSync(join(directory, "manager"), { recursive: true });
    const member = findMember(directory, config([first, second]), random);
    expect(member).to.deep.include({ raftId: "drawn-1", replaced: true });
    expect(member.bootstrap).to.deep.equal({ voters: [], learners: [], addresses: {} });
    begin("drawn-1");
    expect(findMember(directory, config([first, second]), random).raftId).to.equal("drawn-1");
  });

  it("R52: the only manager there ever was is not replaced: nobody could teach it", () => {
    findMember(directory, config([first]), random);
    begin("r1");
    rmSync(join(directory, "manager"), { recursive: true });
    const member = findMember(directory, config([first]), random);
    expect(member).to.deep.equal({ raftId: "r1", others: [], replaced: false });
  });

  it("R64: a damaged log is put aside, never written again", () => {
    findMember(directory, config([first, second]), random);
    begin("r1");
    const member = replaceMember(directory, config([first, second]), random);
    expect(member.raftId).to.equal("drawn-1");
    begin("drawn-1");
    replaceMember(directory, config([first, second]), random);
    expect(readdirSync(join(directory, "manager")).toSorted()).to.deep.equal([
      "raft.lost-1",
      "raft.lost-2",
    ]);
  });

  it("R52: the life of a log is lost with it, and with nothing else", () => {
    begin("r1");
    const life = incarnationOf(directory, random);
    expect(incarnationOf(directory, random)).to.equal(life);
    rmSync(logDirectory(directory), { recursive: true });
    expect(incarnationOf(directory, random)).to.not.equal(life);
  });

  it("R50: who is expelled reads why", () => {
    for (const why of ["removed", "disk-lost"] as const) {
      expect(expulsionIn(`127.0.1.1:2377: ${EXPULSIONS[why]}`)).to.equal(why);
    }
    expect(expulsionIn("this is Raft member r1, not r2")).to.equal(undefined);
  });
});

function config(bootstrap: NonNullable<NodeConfig["bootstrap"]>): NodeConfig {
  return {
    schema: 1,
    clusterId: clusterId("c1"),
    clusterName: "default",
    nodeId: nodeId("m1"),
    name: "manager-1",
    role: "manager",
    availability: "drain",
    address: "127.0.1.1",
    managerPort: 2377,
    controlPort: 7946,
    dataPort: 4789,
    apiSocket: "/none",
    plane: "loopback",
    taskPool: "10.65.0.0/16",
    managers: bootstrap.map((member) => member.address),
    raftId: first.raftId,
    bootstrap,
    local: true,
  };
}
