/**
 * The store key: what secrets, the authority's key and the tokens' secrets are sealed with before
 * they enter the log (AES-256-GCM). One for the whole cluster; every manager has it in a file
 * beside its identity, and it is in no log, no snapshot and on no worker.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Sealed } from "../model/trust.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { base36 } from "../trust/base36.ts";
import { decodeWith, shortText, text } from "../wire/schema.ts";

export interface StoreKey {
  /** Names the key in what it sealed. */
  readonly id: string;
  readonly key: Uint8Array;
}

export const storeKeySchema = v.object({ id: shortText, key: text });

const FILE = "store.key";
const [KEY_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 12, 16];
const CIPHER = "aes-256-gcm";

export function newStoreKey(): StoreKey {
  return { id: base36(randomBytes(8), 10), key: randomBytes(KEY_BYTES) };
}

/** `purpose` is bound to the box: what was sealed as one thing cannot be passed off as another. */
export function seal(storeKey: StoreKey, purpose: string, plain: Uint8Array): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, storeKey.key, nonce);
  cipher.setAAD(Buffer.from(purpose));
  const parts = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  return { key: storeKey.id, box: new Uint8Array(Buffer.concat(parts)) };
}

export function unseal(
  storeKey: StoreKey,
  purpose: string,
  sealed: Sealed,
): Result<Buffer, string> {
  if (sealed.key !== storeKey.id) {
    return fail(`it is sealed with store key ${sealed.key}, this manager has ${storeKey.id}`);
  }
  const box = Buffer.from(sealed.box);
  if (box.length < NONCE_BYTES + TAG_BYTES) return fail("the sealed box is too short");
  const decipher = createDecipheriv(CIPHER, storeKey.key, box.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose));
  decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  try {
    const body = box.subarray(NONCE_BYTES, box.length - TAG_BYTES);
    return ok(Buffer.concat([decipher.update(body), decipher.final()]));
  } catch {
    return fail("the sealed box was changed, or sealed for another purpose");
  }
}

/** As it travels to a new manager, and lies in its file. */
export function storeKeyToJson({ id, key }: StoreKey): { readonly id: string; key: string } {
  return { id, key: Buffer.from(key).toString("base64") };
}

export function storeKeyFromJson(value: unknown): Result<StoreKey, string> {
  const decoded = decodeWith(storeKeySchema, value);
  if (!decoded.ok) return fail(decoded.error.reason);
  const key = Buffer.from(decoded.value.key, "base64");
  if (key.length !== KEY_BYTES) return fail(`a key of ${key.length} bytes, not ${KEY_BYTES}`);
  return ok({ id: decoded.value.id, key });
}

/** Undefined: there is none, or none that can be read. */
export function readStoreKey(directory: string): StoreKey | undefined {
  try {
    const key = storeKeyFromJson(JSON.parse(readFileSync(join(directory, FILE), "utf8")));
    return key.ok ? key.value : undefined;
  } catch {
    return undefined;
  }
}

export function writeStoreKey(directory: string, key: StoreKey): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(storeKeyToJson(key))}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A node that is no manager any more has no use for it. */
export function removeStoreKey(directory: string): void {
  rmSync(join(directory, FILE), { force: true });
}
