import { expect } from "chai";
import { SEALED_FILE_PIECE_BYTES } from "../limits.ts";
import type { Result } from "../result.ts";
import { checkHeader, newSealKey, openSealKey, Sealer, Unsealer } from "./sealed-file.ts";

/** Cheap to guess, quick to test. */
const LOG_N = 4;
const PIECE = SEALED_FILE_PIECE_BYTES;
const TAG = 16;

async function sealed(plain: Buffer, passphrase = "p"): Promise<Buffer> {
  const key = await newSealKey(passphrase, LOG_N);
  const sealer = new Sealer(key);
  const middle = Math.floor(plain.length / 3);
  const pieces = [
    ...sealer.push(plain.subarray(0, middle)),
    ...sealer.push(plain.subarray(middle)),
    sealer.end(),
  ];
  return Buffer.concat([key.header, ...pieces]);
}

/** The content, or why not. Read in odd parts. */
async function opened(file: Buffer, passphrase = "p"): Promise<Buffer | string> {
  const key = await openSealKey(file.subarray(0, 104), passphrase);
  if (!key.ok) return `${key.error.code}: ${key.error.reason}`;
  const unsealer = new Unsealer(key.value);
  const plain: Buffer[] = [];
  for (let at = 104; at < file.length; at += 50_001) {
    const pushed = unsealer.push(file.subarray(at, at + 50_001));
    if (!pushed.ok) return told(pushed);
    plain.push(...pushed.value);
  }
  const last = unsealer.end();
  return last.ok ? Buffer.concat([...plain, last.value]) : told(last);
}

function told(result: Result<unknown, { code: string; reason: string }>): string {
  return result.ok ? "opened" : `${result.error.code}: ${result.error.reason}`;
}

function filled(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251));
}

describe("a sealed file", () => {
  for (const length of [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]) {
    it(`of ${length} bytes opens to what was sealed`, async () => {
      const plain = filled(length);
      const back = await opened(await sealed(plain));
      expect(Buffer.isBuffer(back) && back.equals(plain)).to.equal(true);
    });
  }

  it("does not open with another passphrase, and says so", async () => {
    const said = await opened(await sealed(filled(10)), "q");
    expect(said).to.equal("passphrase: the passphrase is not the one it was sealed with");
  });

  it("takes a passphrase for the same however its accents are typed", async () => {
    const back = await opened(await sealed(filled(10), "caf\u00e9"), "cafe\u0301");
    expect(Buffer.isBuffer(back)).to.equal(true);
  });

  it("that is cut off anywhere is refused", async () => {
    const whole = await sealed(filled(2 * PIECE + 100));
    for (const length of [7, 8, 103, 104, 105, 104 + PIECE + TAG, whole.length - 1]) {
      const said = await opened(whole.subarray(0, length));
      expect(said, `${length} bytes`).to.match(length < 8 ? /^not-sealed/ : /^damaged: .*cut off/);
    }
  });

  it("with a flipped bit anywhere is refused", async () => {
    const whole = await sealed(filled(PIECE + 100));
    for (const at of [0, 8, 12, 20, 33, 50, 104, 104 + PIECE + TAG - 1, whole.length - 1]) {
      const bad = Buffer.from(whole);
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(await opened(bad), `byte ${at}`).to.match(at < 8 ? /^not-sealed/ : /^damaged/);
    }
  });

  it("with pieces exchanged, repeated or behind its end is refused", async () => {
    const whole = await sealed(filled(3 * PIECE));
    const [header, size] = [whole.subarray(0, 104), PIECE + TAG];
    const [one, two, three] = [0, 1, 2].map((at) =>
      whole.subarray(104 + at * size, 104 + (at + 1) * size),
    );
    for (const order of [
      [two, one, three],
      [one, one, two, three],
      [one, two, three, three],
      [one, two, three, Buffer.alloc(20)],
    ]) {
      const parts = order.map((part) => part ?? Buffer.alloc(0));
      expect(await opened(Buffer.concat([header, ...parts]))).to.match(/^damaged/);
    }
  });

  it("of another version, or that asks for too much memory, is refused by its header", async () => {
    const { createHash } = await import("node:crypto");
    const file = await sealed(filled(1));
    const changed = (at: number, value: number): Buffer => {
      const header = Buffer.from(file.subarray(0, 104));
      header[at] = value;
      createHash("sha256").update(header.subarray(0, 40)).digest().copy(header, 40);
      return header;
    };
    expect(told(checkHeader(changed(8, 2)))).to.match(/^version: it has format 2/);
    expect(told(checkHeader(changed(12, 30)))).to.match(/^damaged/);
    expect(told(checkHeader(changed(13, 255)))).to.match(/^damaged/);
  });
});
