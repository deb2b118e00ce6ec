/** Who signed a node's certificate and whom it trusts, as it tells the leader. */
import { X509Certificate } from "node:crypto";
import type { NodeTls } from "../model/node.ts";
import { rootDigest } from "./ca-client.ts";
import type { NodeIdentity } from "./identity.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The issuer is a root it trusts: `parseIdentity` takes no identity without one. */
export function nodeTls(identity: Pick<NodeIdentity, "caPem" | "certificatePem">): NodeTls {
  const own = new X509Certificate(identity.certificatePem);
  const roots = identity.caPem.match(PEM) ?? [];
  const issuer = roots.find((pem) => own.verify(new X509Certificate(pem).publicKey));
  return { issuer: rootDigest(issuer ?? ""), roots: roots.map(rootDigest) };
}
