import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { newStoreKey, readStoreKey, seal, unseal, writeStoreKey } from "./store-key.ts";

const plain = Buffer.from("the password");

describe("the store key", () => {
  it("opens what it sealed, for the same purpose", () => {
    const key = newStoreKey();
    const sealed = seal(key, "secret s1", plain);
    expect(Buffer.from(sealed.box).includes(plain)).to.equal(false);
    expect(unseal(key, "secret s1", sealed)).to.deep.equal({ ok: true, value: plain });
    expect(unseal(key, "secret s2", sealed).ok).to.equal(false);
  });

  it("never seals twice alike", () => {
    const key = newStoreKey();
    expect(seal(key, "a", plain).box).not.to.deep.equal(seal(key, "a", plain).box);
  });

  it("refuses a changed box, byte by byte, and a cut one", () => {
    const key = newStoreKey();
    const { key: id, box } = seal(key, "a", plain);
    for (let at = 0; at < box.length; at += 1) {
      const bent = Uint8Array.from(box);
      bent[at] = (bent[at] ?? 0) ^ 1;
      expect(unseal(key, "a", { key: id, box: bent }).ok, `byte ${at}`).to.equal(false);
      expect(unseal(key, "a", { key: id, box: box.subarray(0, at) }).ok).to.equal(false);
    }
  });

  it("names the key that is missing", () => {
    const sealed = seal(newStoreKey(), "a", plain);
    const opened = unseal(newStoreKey(), "a", sealed);
    expect(opened.ok ? "" : opened.error).to.include(sealed.key);
  });

  it("lies in a file of its owner alone", () => {
    const directory = mkdtempSync(join(tmpdir(), "skein-key-"));
    try {
      const key = newStoreKey();
      expect(readStoreKey(directory)).to.equal(undefined);
      writeStoreKey(directory, key);
      expect(statSync(join(directory, "store.key")).mode & 0o777).to.equal(0o600);
      const read = readStoreKey(directory);
      expect(read?.id).to.equal(key.id);
      expect(Buffer.from(read?.key ?? []).equals(Buffer.from(key.key))).to.equal(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
