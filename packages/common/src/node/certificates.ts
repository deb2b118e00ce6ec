/**
 * The cluster's certificate authority: an ECDSA P-256 root that signs node certificates in Docker
 * Swarm's form (CN = node id, OU = role, O = cluster id). The X.509 library takes 20 MB and 100 ms
 * to load, so it is loaded at the first use, which only `skein up` and a signing leader ever reach.
 */

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type * as X509 from "@peculiar/x509";
import type { ClusterId, NodeId } from "../ids.ts";
import type { PeerIdentity } from "../io/network.ts";
import type { WallTime } from "../time.ts";
import { wallTime } from "../time.ts";
import type { NodeIdentity } from "./identity.ts";
import { ROLE_UNITS } from "./identity.ts";

/** The root's certificate and key: whoever holds it can mint nodes of this cluster. */
export interface Authority {
  readonly clusterId: ClusterId;
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly privateKeyPem: string;
}

export interface AuthorityRequest {
  readonly clusterId: ClusterId;
  /** "swarm-ca" unless told otherwise: the roots of one cluster have names of their own. */
  readonly name?: string;
  readonly now: WallTime;
}

export interface NodeCertificateRequest {
  readonly nodeId: NodeId;
  readonly role: PeerIdentity["role"];
  readonly clusterId: ClusterId;
  /** IP addresses and host names of the node. */
  readonly addresses: readonly string[];
  readonly now: WallTime;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const ROOT_LIFE_MS = 20 * 365 * DAY_MS;
export const NODE_CERTIFICATE_LIFE_MS = 90 * DAY_MS;
/** Longer than any node may take to renew: the old root outlives what it vouched for. */
const CROSS_LIFE_MS = 2 * 365 * DAY_MS;
/** Machines' clocks differ: a certificate is valid a little before it was made. */
const BACKDATE_MS = 60 * 60 * 1000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export async function createAuthority(request: AuthorityRequest): Promise<Authority> {
  const x509 = await loadX509();
  const { privateKeyPem, publicKey } = newNodeKey();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(request.now, ROOT_LIFE_MS),
    subject: [{ O: [request.clusterId] }, { CN: [request.name ?? "swarm-ca"] }],
    issuer: [{ O: [request.clusterId] }, { CN: [request.name ?? "swarm-ca"] }],
    publicKey,
    signingKey: await signingKey(privateKeyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      // One level below the root: the cross-signed certificate of a root rotation.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  const certificatePem = `${certificate.toString("pem")}\n`;
  return { clusterId: request.clusterId, certificatePem, privateKeyPem };
}

/** Makes a key and signs a certificate for it: server and client, 90 days. */
export async function issueNodeCertificate(
  authority: Authority,
  request: NodeCertificateRequest,
): Promise<NodeIdentity> {
  const { nodeId, role, clusterId } = request;
  const { privateKeyPem, publicKey } = newNodeKey();
  const signed = await signNodeCertificate(authority, { ...request, publicKey });
  return {
    ...{ nodeId, role, clusterId, privateKeyPem },
    caPem: authority.certificatePem,
    ...signed,
  };
}

export interface SignedCertificate {
  readonly certificatePem: string;
  readonly notBefore: WallTime;
  readonly notAfter: WallTime;
}

/** Signs a certificate for a key that only the node itself has. */
export async function signNodeCertificate(
  authority: Authority,
  request: NodeCertificateRequest & { readonly publicKey: Buffer; readonly lifeMs?: number },
): Promise<SignedCertificate> {
  const x509 = await loadX509();
  const { nodeId, role, clusterId, now, publicKey, lifeMs } = request;
  const root = new x509.X509Certificate(authority.certificatePem);
  const life = validity(now, lifeMs ?? NODE_CERTIFICATE_LIFE_MS);
  const certificate = await x509.X509CertificateGenerator.create({
    ...life,
    subject: [{ O: [clusterId] }, { OU: [ROLE_UNITS[role]] }, { CN: [nodeId] }],
    issuer: root.subjectName,
    publicKey,
    signingKey: await signingKey(authority.privateKeyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(request)),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
    ],
  });
  return {
    certificatePem: `${certificate.toString("pem")}\n`,
    // Certificates hold whole seconds.
    notBefore: wallTime(Math.floor(life.notBefore.getTime() / 1000) * 1000),
    notAfter: wallTime(Math.floor(life.notAfter.getTime() / 1000) * 1000),
  };
}

/**
 * The certificate of `next`, signed by `old`: who trusts the old root only is led to the new one.
 */
export async function crossSign(old: Authority, next: Authority, now: WallTime): Promise<string> {
  const x509 = await loadX509();
  const root = new x509.X509Certificate(old.certificatePem);
  const subject = new x509.X509Certificate(next.certificatePem);
  const publicKey = exportPublic(createPrivateKey(next.privateKeyPem));
  const certificate = await x509.X509CertificateGenerator.create({
    notBefore: subject.notBefore,
    notAfter: new Date(Math.min(root.notAfter.getTime(), now + CROSS_LIFE_MS)),
    subject: subject.subjectName,
    issuer: root.subjectName,
    publicKey,
    signingKey: await signingKey(old.privateKeyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

let loaded: Promise<typeof X509> | undefined;

function loadX509(): Promise<typeof X509> {
  // The library throws unless the metadata polyfill came first.
  loaded ??= import("reflect-metadata").then(() => import("@peculiar/x509"));
  return loaded;
}

function validity(now: WallTime, lifeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + lifeMs) };
}

function alternativeNames(request: NodeCertificateRequest): X509.JsonGeneralNames {
  const names = [request.nodeId, ...request.addresses];
  return names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }));
}

/**
 * Keys are made by node:crypto: Node 20 turns no KeyObject into a CryptoKey, so what WebCrypto has
 * to hold is imported from the encoded form.
 */
export function newNodeKey(): { readonly privateKeyPem: string; readonly publicKey: Buffer } {
  const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return { privateKeyPem: exportPem(pair.privateKey), publicKey: exportPublic(pair.privateKey) };
}

function exportPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function exportPublic(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

function signingKey(privateKeyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(privateKeyPem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}
