/**
 * Opens and seals the secret parts of the store's trust. What was opened is kept by what it was
 * opened from, so that a rotation is noticed and a join costs no decryption.
 */
import { randomBytes, X509Certificate } from "node:crypto";
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

/** What a user is shown of a root, as the Engine API has it. */
export function tlsInfo(rootPem: string): object {
  const root = new X509Certificate(rootPem);
  return {
    TrustRoot: rootPem,
    CertIssuerSubject: derSubject(root).toString("base64"),
    CertIssuerPublicKey: root.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
  };
}

/**
 * The subject's own bytes. In a self-signed certificate the issuer is the subject, and both begin
 * after serial number, algorithm and validity, so that they are found by walking the outer fields.
 */
function derSubject(root: X509Certificate): Buffer {
  const certificate = children(root.raw)[0] ?? root.raw;
  // version, serial, algorithm, issuer, validity, subject.
  return children(certificate)[5] ?? Buffer.alloc(0);
}

/** The elements of one DER sequence, each with its own head. */
function children(der: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  const { from, to } = extent(der, 0);
  for (let at = from; at < to; ) {
    const child = extent(der, at);
    found.push(der.subarray(at, child.to));
    at = child.to;
  }
  return found;
}

function extent(der: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { from: at + 2, to: at + 2 + first };
  const bytes = first & 0x7f;
  const length = der.readUIntBE(at + 2, bytes);
  return { from: at + 2 + bytes, to: at + 2 + bytes + length };
}
