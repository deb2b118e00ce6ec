import { clusterId, raftId } from "@skein/common/ids";
import { expect } from "chai";
import fc from "fast-check";
import { checkOwner, encodeFileHeader, getU64, isBlank, readFileHeader, setU64 } from "./layout.ts";

const owner = { clusterId: clusterId("c".repeat(64)), raftId: raftId("r") };

describe("file layout", () => {
  it("keeps owner and numbers in a header of one sector", () => {
    const bytes = encodeFileHeader("segment", owner, [1, 2, 3, Number.MAX_SAFE_INTEGER]);
    expect(bytes.length).to.equal(512);
    const found = readFileHeader("segment", "f", bytes);
    expect(found.ok && found.value?.owner).to.deep.equal(owner);
    const numbers = [1, 2, 3, Number.MAX_SAFE_INTEGER, 0, 0];
    expect(found.ok && found.value?.numbers).to.deep.equal(numbers);
  });

  it("finds no header in the other kind, in part of one, or with any bit flipped", () => {
    const bytes = encodeFileHeader("segment", owner, [1, 2, 3]);
    expect(readFileHeader("snapshot", "f", bytes)).to.deep.equal({ ok: true, value: undefined });
    expect(readFileHeader("segment", "f", bytes.subarray(0, 511))).to.deep.include({
      value: undefined,
    });
    for (let at = 0; at < bytes.length; at += 1) {
      const rotten = bytes.slice();
      rotten[at] = (rotten[at] ?? 0) ^ (1 << (at % 8));
      const found = readFileHeader("segment", "f", rotten);
      expect(found.ok && found.value, `byte ${at}`).to.equal(undefined);
    }
  });

  it("holds every safe integer", () => {
    const view = new DataView(new ArrayBuffer(8));
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        setU64(view, 0, value);
        expect(getU64(view, 0)).to.equal(value);
      }),
    );
  });

  const foreign = [
    { name: "its owner", found: owner, code: undefined },
    { name: "another cluster", found: { ...owner, clusterId: "x" }, code: "wrong-cluster" },
    { name: "another member", found: { ...owner, raftId: "x" }, code: "wrong-raft-id" },
  ];
  for (const { name, found, code } of foreign) {
    it(`answers ${code ?? "nothing"} to the file of ${name}`, () => {
      expect(checkOwner("f", found, owner)?.code).to.equal(code);
    });
  }

  it("tells blank space at any alignment", () => {
    const bytes = new Uint8Array(40);
    for (let from = 0; from <= 50; from += 1) expect(isBlank(bytes, from)).to.equal(true);
    for (let at = 0; at < 40; at += 1) {
      bytes[at] = 1;
      for (let from = 0; from < 44; from += 1) expect(isBlank(bytes, from)).to.equal(from > at);
      bytes[at] = 0;
    }
  });
});
