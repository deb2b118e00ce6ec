/**
 * A file sealed with a passphrase: scrypt makes the key, AES-256-GCM seals it piece by piece, so
 * that neither side holds all of it (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
 * Vizár, 2015, as age and Tink have it).
 *
 * Invariants:
 *   F1. Every piece's nonce holds its number and whether it is the last: pieces cannot be left out,
 *       exchanged or repeated, and a file that was cut off does not open.
 *   F2. The header is under a sum and under a key of the passphrase: a damaged header and a wrong
 *       passphrase are told apart.
 *   F3. What a header asks of this machine is bounded before it is done: a file may be anybody's.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import {
  SEALED_FILE_PIECE_BYTES,
  SEALED_FILE_SCRYPT_LOG_N,
  SEALED_FILE_SCRYPT_LOG_N_MAX,
} from "../limits.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

/** Who holds it can open and make pieces; the passphrase is no part of it. */
export interface SealKey {
  readonly header: Uint8Array;
  readonly key: Uint8Array;
}

export interface SealError {
  readonly code: "not-sealed" | "version" | "damaged" | "passphrase";
  /** Completes "…: ". */
  readonly reason: string;
}

const MAGIC = Buffer.from("SKEINBAK");
const VERSION = 1;
const [KEY_BYTES, SALT_BYTES, PREFIX_BYTES, TAG_BYTES, SUM_BYTES] = [32, 16, 7, 16, 32];
/** Where each part of the header begins: docs/design/backup.md. */
const AT = { version: 8, logN: 12, r: 13, p: 14, salt: 16, prefix: 32, sum: 40, mac: 72 } as const;
export const SEAL_HEADER_BYTES = AT.mac + SUM_BYTES;
/** The block size and the parallelism that everybody uses. */
const [R, P] = [8, 1];
const CIPHER = "aes-256-gcm";
const NO_BYTES = Buffer.alloc(0);

/** Draws salt and nonces. `logN` is another one in tests alone. */
export async function newSealKey(
  passphrase: string,
  logN = SEALED_FILE_SCRYPT_LOG_N,
): Promise<SealKey> {
  const header = Buffer.alloc(SEAL_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, AT.version);
  header.set([logN, R, P], AT.logN);
  randomBytes(SALT_BYTES).copy(header, AT.salt);
  randomBytes(PREFIX_BYTES).copy(header, AT.prefix);
  sumOf(header).copy(header, AT.sum);
  const { macKey, key } = await keysOf(header, passphrase);
  macOf(macKey, header).copy(header, AT.mac);
  return { header, key };
}

/** The key of a file that begins with `header`, if the passphrase is the one. */
export async function openSealKey(
  header: Uint8Array,
  passphrase: string,
): Promise<Result<SealKey, SealError>> {
  const checked = checkHeader(header);
  if (!checked.ok) return checked;
  const bytes = checked.value;
  const { macKey, key } = await keysOf(bytes, passphrase);
  if (!timingSafeEqual(macOf(macKey, bytes), bytes.subarray(AT.mac))) {
    return refused("passphrase", "the passphrase is not the one it was sealed with");
  }
  return ok({ header: bytes, key });
}

/** Whether these bytes are a header that this version reads, without opening anything. */
export function checkHeader(header: Uint8Array): Result<Buffer, SealError> {
  const bytes = Buffer.from(header);
  if (bytes.length < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    return refused("not-sealed", "it is no backup of Skein's");
  }
  if (bytes.length < SEAL_HEADER_BYTES) return refused("damaged", "it is cut off in its header");
  const version = bytes.readUInt32LE(AT.version);
  const isWhole = sumOf(bytes).equals(bytes.subarray(AT.sum, AT.mac));
  if (isWhole && version !== VERSION) {
    return refused("version", `it has format ${version}, this version reads ${VERSION}`);
  }
  const logN = bytes[AT.logN] ?? 0;
  const isBounded = logN >= 1 && logN <= SEALED_FILE_SCRYPT_LOG_N_MAX; // F3
  if (!isWhole || !isBounded || bytes[AT.r] !== R || bytes[AT.p] !== P) {
    return refused("damaged", "its header is damaged");
  }
  return ok(bytes.subarray(0, SEAL_HEADER_BYTES));
}

/** Makes what follows the header. */
export class Sealer {
  readonly #key: SealKey;
  #waiting: Buffer = NO_BYTES;
  #number = 0;

  constructor(key: SealKey) {
    this.#key = key;
  }

  /** The pieces that are full. */
  push(bytes: Uint8Array): readonly Buffer[] {
    const pieces: Buffer[] = [];
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    // One that is exactly full may be the last, which is only known at the end.
    while (this.#waiting.length > SEALED_FILE_PIECE_BYTES) {
      pieces.push(this.#seal(this.#waiting.subarray(0, SEALED_FILE_PIECE_BYTES), false));
      this.#waiting = this.#waiting.subarray(SEALED_FILE_PIECE_BYTES);
    }
    return pieces;
  }

  end(): Buffer {
    return this.#seal(this.#waiting, true);
  }

  #seal(plain: Uint8Array, isLast: boolean): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key.key, nonceOf(this.#key, this.#number, isLast));
    this.#number += 1;
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Opens what follows the header; after a failure nothing more may be asked. */
export class Unsealer {
  readonly #key: SealKey;
  #waiting: Buffer = NO_BYTES;
  #number = 0;

  constructor(key: SealKey) {
    this.#key = key;
  }

  push(bytes: Uint8Array): Result<readonly Buffer[], SealError> {
    const pieces: Buffer[] = [];
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    const size = SEALED_FILE_PIECE_BYTES + TAG_BYTES;
    while (this.#waiting.length > size) {
      const plain = this.#open(this.#waiting.subarray(0, size), false);
      if (plain === undefined) return this.#damaged();
      pieces.push(plain);
      this.#number += 1;
      this.#waiting = this.#waiting.subarray(size);
    }
    return ok(pieces);
  }

  /** The last piece: without it the file is not whole (F1). */
  end(): Result<Buffer, SealError> {
    const plain = this.#open(this.#waiting, true);
    if (plain !== undefined) return ok(plain);
    const isCut = this.#waiting.length === 0 || this.#open(this.#waiting, false) !== undefined;
    return isCut ? refused("damaged", `it is cut off at byte ${this.#at()}`) : this.#damaged();
  }

  #damaged() {
    return refused("damaged", `it is damaged or cut off behind byte ${this.#at()}`);
  }

  #at(): number {
    return SEAL_HEADER_BYTES + this.#number * (SEALED_FILE_PIECE_BYTES + TAG_BYTES);
  }

  #open(piece: Buffer, isLast: boolean): Buffer | undefined {
    if (piece.length < TAG_BYTES) return undefined;
    const nonce = nonceOf(this.#key, this.#number, isLast);
    const decipher = createDecipheriv(CIPHER, this.#key.key, nonce);
    decipher.setAuthTag(piece.subarray(piece.length - TAG_BYTES));
    try {
      const body = piece.subarray(0, piece.length - TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

/** F1: prefix (7 bytes), number (4), last (1). */
function nonceOf({ header }: SealKey, number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(PREFIX_BYTES + 5);
  nonce.set(header.subarray(AT.prefix, AT.prefix + PREFIX_BYTES));
  nonce.writeUInt32BE(number, PREFIX_BYTES);
  nonce[PREFIX_BYTES + 4] = isLast ? 1 : 0;
  return nonce;
}

function sumOf(header: Buffer): Buffer {
  return createHash("sha256").update(header.subarray(0, AT.sum)).digest();
}

function macOf(macKey: Uint8Array, header: Buffer): Buffer {
  return createHmac("sha256", macKey).update(header.subarray(0, AT.sum)).digest();
}

function keysOf(header: Buffer, passphrase: string): Promise<{ macKey: Buffer; key: Buffer }> {
  const salt = header.subarray(AT.salt, AT.salt + SALT_BYTES);
  const N = 2 ** (header[AT.logN] ?? 0);
  // Twice what scrypt needs: Node counts a little more than the memory itself.
  const options = { N, r: R, p: P, maxmem: 256 * N * R };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), salt, 2 * KEY_BYTES, options, (error, derived) => {
      if (error !== null) return reject(error);
      resolve({ macKey: derived.subarray(0, KEY_BYTES), key: derived.subarray(KEY_BYTES) });
    });
  });
}

function refused(code: SealError["code"], reason: string) {
  return fail<SealError>({ code, reason });
}
