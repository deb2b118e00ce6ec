/**
 * Opens and seals the secret parts of the store's trust. What was opened is kept by what it was
 * opened from, so that a rotation is noticed and a join costs no decryption.
 */
import { randomBytes } from "node:crypto";
import type { Cluster } from "@skein/common/model/cluster";
import type { Sealed, Trust } from "@skein/common/model/trust";
import { rootDigest } from "@skein/common/node/ca-client";
import type { Authority } from "@skein/common/node/certificates";
import type { StoreKey } from "@skein/common/node/store-key";
import { seal, unseal } from "@skein/common/node/store-key";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { formatJoinToken, TOKEN_SECRET_BYTES, tokenSecret } from "@skein/common/trust/join-token";
import type { TokenFacts } from "../../trust/join-judgement.ts";

const PURPOSE = {
  root: "root key",
  worker: "worker join secret",
  manager: "manager join secret",
} as const;

export interface OpenTrust extends TokenFacts {
  /** Who signs now: the next root while there is one. */
  readonly signer: Authority;
  /** Who is being replaced, or the same. */
  readonly root: Authority;
}

export class Keyring {
  readonly #storeKey: () => StoreKey | undefined;
  #opened: { readonly trust: Trust; readonly open: OpenTrust } | undefined;

  constructor(storeKey: () => StoreKey | undefined) {
    this.#storeKey = storeKey;
  }

  open(cluster: Cluster): Result<OpenTrust, string> {
    const { trust } = cluster;
    if (trust === undefined) return fail("this cluster has no certificate authority yet");
    if (this.#opened?.trust === trust) return ok(this.#opened.open);
    const parts: string[] = [];
    const wanted = [
      [PURPOSE.root, trust.rootKey],
      [PURPOSE.root, trust.next?.rootKey ?? trust.rootKey],
      [PURPOSE.worker, trust.workerSecret],
      [PURPOSE.manager, trust.managerSecret],
    ] as const;
    for (const [purpose, sealed] of wanted) {
      const opened = this.unseal(purpose, sealed);
      if (!opened.ok) return opened;
      parts.push(opened.value.toString("utf8"));
    }
    const [rootKey = "", nextKey = "", workerSecret = "", managerSecret = ""] = parts;
    const { rootPem } = trust;
    const root = { clusterId: cluster.id, certificatePem: rootPem, privateKeyPem: rootKey };
    const nextPem = trust.next?.rootPem ?? rootPem;
    const signer = { clusterId: cluster.id, certificatePem: nextPem, privateKeyPem: nextKey };
    const open = { digest: rootDigest(rootPem), workerSecret, managerSecret, root, signer };
    this.#opened = { trust, open };
    return ok(open);
  }

  unseal(purpose: string, sealed: Sealed): Result<Buffer, string> {
    const key = this.#storeKey();
    if (key === undefined) return fail("this manager does not have the store key");
    return unseal(key, purpose, sealed);
  }

  seal(purpose: string, plain: Uint8Array): Result<Sealed, string> {
    const key = this.#storeKey();
    return key === undefined
      ? fail("this manager does not have the store key")
      : ok(seal(key, purpose, plain));
  }

  sealRootKey(authority: Authority): Result<Sealed, string> {
    return this.seal(PURPOSE.root, Buffer.from(authority.privateKeyPem));
  }

  newSecret(role: "worker" | "manager"): Result<Sealed, string> {
    return this.seal(PURPOSE[role], Buffer.from(tokenSecret(randomBytes(TOKEN_SECRET_BYTES))));
  }
}

export function joinTokens(open: TokenFacts): {
  readonly Worker: string;
  readonly Manager: string;
} {
  const { digest, workerSecret, managerSecret } = open;
  return {
    Worker: formatJoinToken({ digest, secret: workerSecret }),
    Manager: formatJoinToken({ digest, secret: managerSecret }),
  };
}
