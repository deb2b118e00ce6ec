/**
 * A node's identity on disk and in a certificate. The worker process owns the files; the manager
 * process of the same node reads them again when they change.
 *
 * Files: `ca.crt` (every root the node trusts), `node.crt`, `node.key`. A key and its certificate
 * are replaced as a pair although they are two files: the new key is put beside the old as
 * `node.key.next` before the certificate changes, so at every instant one of the keys fits
 * (`readIdentity` finds it).
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { clusterId, nodeId } from "../ids.ts";
import type { PeerIdentity } from "../io/network.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import type { WallTime } from "../time.ts";
import { wallTime } from "../time.ts";

export interface NodeIdentity extends PeerIdentity {
  /** One or more PEM blocks: the roots this node trusts. */
  readonly caPem: string;
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly privateKeyPem: string;
  readonly notBefore: WallTime;
  readonly notAfter: WallTime;
}

export type IdentityPems = Pick<NodeIdentity, "caPem" | "certificatePem" | "privateKeyPem">;

export interface IdentityError {
  readonly code: "identity-missing" | "identity-unreadable" | "identity-invalid";
  readonly reason: string;
}

/** The subject of a certificate, as `tls` and `X509Certificate` give it. */
export type CertificateSubject = Readonly<
  Partial<Record<"CN" | "OU" | "O", string | readonly string[] | undefined>>
>;

/** The organisational unit names the role, as in Docker Swarm's node certificates. */
export const ROLE_UNITS = { manager: "swarm-manager", worker: "swarm-worker" } as const;

const FILES = { ca: "ca.crt", certificate: "node.crt", key: "node.key", nextKey: "node.key.next" };
const ID = /^[\w.:-]{1,64}$/;

/** Who a certificate speaks for; undefined when its subject is not in our form. */
export function subjectIdentity(subject: CertificateSubject): PeerIdentity | undefined {
  const { CN, OU, O } = subject;
  // Several values of one name come as a list: such a certificate is not ours.
  if (typeof CN !== "string" || typeof O !== "string" || !ID.test(CN) || !ID.test(O)) {
    return undefined;
  }
  if (OU !== ROLE_UNITS.manager && OU !== ROLE_UNITS.worker) return undefined;
  const role = OU === ROLE_UNITS.manager ? "manager" : "worker";
  return { nodeId: nodeId(CN), role, clusterId: clusterId(O) };
}

/** Checks that the three belong together and are ours. */
export function parseIdentity(pems: IdentityPems): Result<NodeIdentity, IdentityError> {
  try {
    const certificate = new X509Certificate(pems.certificatePem);
    const roots = certificatesIn(pems.caPem);
    const identity = subjectIdentity(certificate.toLegacyObject().subject);
    if (identity === undefined) return invalid(`subject ${JSON.stringify(certificate.subject)}`);
    if (!certificate.checkPrivateKey(createPrivateKey(pems.privateKeyPem))) {
      return invalid("the key does not belong to the certificate");
    }
    if (!roots.some((root) => certificate.verify(root.publicKey))) {
      return invalid("the certificate is not signed by the cluster's root");
    }
    const notBefore = wallTime(Date.parse(certificate.validFrom));
    const notAfter = wallTime(Date.parse(certificate.validTo));
    return ok({ ...identity, ...pems, notBefore, notAfter });
  } catch (error) {
    return invalid(messageOf(error));
  }
}

export function readIdentity(directory: string): Result<NodeIdentity, IdentityError> {
  const texts: Record<string, string> = {};
  for (const name of [FILES.ca, FILES.certificate, FILES.key]) {
    const text = readText(join(directory, name));
    if (!text.ok) return text;
    texts[name] = text.value;
  }
  const caPem = texts[FILES.ca] ?? "";
  const certificatePem = texts[FILES.certificate] ?? "";
  const identity = parseIdentity({ caPem, certificatePem, privateKeyPem: texts[FILES.key] ?? "" });
  if (identity.ok) return identity;
  const next = readText(join(directory, FILES.nextKey));
  if (!next.ok) return identity;
  const renewed = parseIdentity({ caPem, certificatePem, privateKeyPem: next.value });
  return renewed.ok ? renewed : identity;
}

/** Throws what the file system throws: the caller cannot go on without an identity. */
export function writeIdentity(directory: string, identity: IdentityPems): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  replaceFile(directory, FILES.ca, identity.caPem);
  replaceFile(directory, FILES.nextKey, identity.privateKeyPem);
  replaceFile(directory, FILES.certificate, identity.certificatePem);
  renameSync(join(directory, FILES.nextKey), join(directory, FILES.key));
  syncPath(directory);
}

function replaceFile(directory: string, name: string, text: string): void {
  const path = join(directory, name);
  const fd = openSync(`${path}.tmp`, "w", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
  syncPath(directory);
}

function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readText(path: string): Result<string, IdentityError> {
  try {
    return ok(readFileSync(path, "utf8"));
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const code = missing ? "identity-missing" : "identity-unreadable";
    return fail({ code, reason: `Cannot read ${path}: ${messageOf(error)}` });
  }
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function invalid(reason: string): { readonly ok: false; readonly error: IdentityError } {
  return fail({ code: "identity-invalid", reason: `Cannot use the node certificate: ${reason}` });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
