import { clusterId } from "@skein/common/ids";
import { expect } from "chai";
import * as fc from "fast-check";
import { byName, decodeClusterFile, fileOf } from "./cluster-file.ts";
import { layOut, PORT_CHOICES } from "./layout.ts";

const [PORTS = { managerPort: 1, controlPort: 2, dataPort: 3 }] = PORT_CHOICES;

function layout(managers: number, workers: number) {
  let ids = 0;
  return layOut({
    sockets: "/s",
    name: "default",
    index: 7,
    ports: PORTS,
    managers,
    workers,
    clusterId: clusterId("c1"),
    directory: "/here",
    newId: () => `id${(ids += 1)}`,
  });
}

describe("layout of a local cluster", () => {
  it("gives every node an address of its own, managers first", () => {
    const nodes = layout(2, 2);
    expect(nodes.map((node) => `${node.name} ${node.address}`)).to.deep.equal([
      "manager-1 127.0.7.1",
      "manager-2 127.0.7.2",
      "worker-1 127.0.7.3",
      "worker-2 127.0.7.4",
    ]);
    expect(new Set(nodes.map((node) => node.nodeId)).size).to.equal(4);
    expect(nodes.every((node) => node.taskPool === "10.71.0.0/16")).to.equal(true);
  });

  it("makes every manager, and no worker, a founding member under its own id", () => {
    const nodes = layout(3, 1);
    const [first] = nodes;
    expect(first?.bootstrap?.map((member) => member.address)).to.deep.equal([
      "127.0.7.1:2377",
      "127.0.7.2:2377",
      "127.0.7.3:2377",
    ]);
    expect(nodes.map((node) => node.raftId)).to.deep.equal([
      ...(first?.bootstrap ?? []).map((member) => member.raftId),
      undefined,
    ]);
  });

  it("drains managers only where workers do the work", () => {
    expect(layout(1, 1).map((node) => node.availability)).to.deep.equal(["drain", "active"]);
    expect(layout(1, 0).map((node) => node.availability)).to.deep.equal(["active"]);
  });
});

describe("cluster.json", () => {
  const file = fileOf("/state", "/s", layout(1, 1));
  const text = JSON.stringify(file);

  it("says where everything is", () => {
    expect(file).to.include({ schema: 1, name: "default", index: 7, api: "unix:///s/skein.sock" });
    expect(file.nodes[1]).to.deep.equal({
      name: "worker-1",
      role: "worker",
      id: "id2",
      pids: {},
      address: "127.0.7.2",
      port: 7946,
      api: "unix:///s/worker-1/skein.sock",
      log: "/state/worker-1/log",
    });
  });

  it("is read back as it was written", () => {
    expect(decodeClusterFile("f", text)).to.deep.equal({ ok: true, value: file });
  });

  it("is refused with what is wrong with it", () => {
    const cases = [
      { text: "", code: "malformed", why: /f is damaged \(it is not JSON\)/ },
      { text: text.slice(0, -3), code: "malformed", why: /not JSON/ },
      { text: "[]", code: "malformed", why: /damaged/ },
      { text: text.replace('"index":7', '"index":-1'), code: "malformed", why: /index/ },
      { text: text.replace('"schema":1', '"schema":2'), code: "newer", why: /newer Skein/ },
    ];
    for (const { text: content, code, why } of cases) {
      const decoded = decodeClusterFile("f", content);
      expect(decoded.ok ? "" : decoded.error.code, content).to.equal(code);
      expect(decoded.ok ? "" : decoded.error.message).to.match(why);
    }
  });

  it("decodes totally", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        expect(decodeClusterFile("f", content).ok).to.equal(false);
      }),
    );
  });

  it("sorts managers before workers, by number", () => {
    const names = ["worker-10", "manager-2", "worker-9", "manager-1"];
    const nodes = names.map((name) => ({ name, role: name.split("-")[0] ?? "" }));
    expect(nodes.sort(byName).map((node) => node.name)).to.deep.equal([
      "manager-1",
      "manager-2",
      "worker-9",
      "worker-10",
    ]);
  });
});
