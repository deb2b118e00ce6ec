/** Sealing the values of secrets, and comparing them with those that are kept. */
import { timingSafeEqual } from "node:crypto";
import { secretPurpose } from "@skein/common/model/secret";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { SecretBox } from "../../control/stack/part.ts";
import type { Keyring } from "../trust/keyring.ts";
import type { ManagerPort } from "./port.ts";

/** The error is why this manager can keep no secrets. */
export function keyringOf({ trust }: ManagerPort): Result<Keyring, string> {
  if (trust !== undefined) return ok(trust.keyring);
  return fail("this manager has no store key to encrypt it with");
}

export function secretBox(keyring: Result<Keyring, string>): SecretBox {
  return {
    seal: (id, value) => (keyring.ok ? keyring.value.seal(secretPurpose(id), value) : keyring),
    holds: ({ id, spec }, value) => {
      if (!keyring.ok) return keyring;
      const opened = keyring.value.unseal(secretPurpose(id), spec.data);
      if (!opened.ok) return opened;
      return ok(opened.value.length === value.length && timingSafeEqual(opened.value, value));
    },
  };
}
