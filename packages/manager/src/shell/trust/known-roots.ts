/** The cluster's roots as the Engine API shows them: of the swarm, and of each node. */
import { X509Certificate } from "node:crypto";
import type { Trust } from "@skein/common/model/trust";
import { rootDigest } from "@skein/common/node/ca-client";
import type { KnownRoot } from "../../control/engine/node.ts";

/** By digest: the present root, and the one that takes its place. */
export function knownRoots(trust: Trust | undefined): ReadonlyMap<string, KnownRoot> {
  const pems = trust === undefined ? [] : [trust.rootPem, trust.next?.rootPem ?? trust.rootPem];
  return new Map(pems.map((pem) => [rootDigest(pem), knownRoot(pem)]));
}

/** The issuer is the next root as soon as there is one: its certificates are what is waited for. */
export function swarmTlsInfo(trust: Trust): object {
  const issuer = knownRoot(trust.next?.rootPem ?? trust.rootPem);
  return {
    TrustRoot: trust.rootPem,
    CertIssuerSubject: issuer.subject,
    CertIssuerPublicKey: issuer.publicKey,
  };
}

function knownRoot(pem: string): KnownRoot {
  const root = new X509Certificate(pem);
  const publicKey = root.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return { pem, subject: derSubject(root).toString("base64"), publicKey };
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
