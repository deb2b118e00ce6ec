/**
 * The joiner's and the renewing node's side of `/ca`. A joiner takes the root from whoever answers
 * and compares it with the digest in its token; only a second connection, verified against that
 * root and answered by a manager's certificate, gets the secret.
 */
import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import { request } from "node:https";
import type { ConnectionOptions, PeerCertificate } from "node:tls";
import { CA_ANSWER_BYTES_MAX, CA_TIMEOUT_MS } from "../limits.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { parseJoinToken, tokenDigest } from "../trust/join-token.ts";
import type { Issued, JoinRequest, RenewRequest } from "../wire/ca-messages.ts";
import { caRefusalSchema, issuedSchema, proofText } from "../wire/ca-messages.ts";
import { decodeWith } from "../wire/schema.ts";
import { newNodeKey } from "./certificates.ts";
import type { IdentityPems, NodeIdentity } from "./identity.ts";
import { subjectIdentity } from "./identity.ts";

export interface CaError {
  /** `unreachable`: nothing was sent that matters; ask another manager. */
  readonly code: "invalid-token" | "wrong-cluster" | "unreachable" | "refused" | "malformed";
  readonly message: string;
}

export interface Certified {
  readonly issued: Issued;
  readonly identity: IdentityPems;
}

export interface JoinOptions {
  /** "10.0.0.1:2377" of any manager. */
  readonly remote: string;
  readonly token: string;
  readonly name: string;
  readonly availability: JoinRequest["availability"];
  readonly addresses: readonly string[];
  /** Kept over attempts: the same key is the same node. */
  readonly key?: NodeKey;
}

export interface NodeKey {
  readonly privateKeyPem: string;
  readonly publicKey: Buffer;
}

export async function join(options: JoinOptions): Promise<Result<Certified, CaError>> {
  const token = parseJoinToken(options.token);
  if (!token.ok) return fail({ code: "invalid-token", message: token.error });
  const root = await fetchRoot(options.remote, token.value.digest);
  if (!root.ok) return root;
  const key = options.key ?? newNodeKey();
  const { name, availability, addresses } = options;
  const body = {
    token: options.token.trim(),
    ...proof("join", key),
    name,
    availability,
    addresses,
  };
  const answer = await call(options.remote, "/ca/join", { body, tls: { ca: root.value } });
  return certified(answer, key);
}

/** With a certificate that is still valid; the answer may carry another role and other roots. */
export async function renew(
  identity: NodeIdentity,
  manager: string,
  addresses: readonly string[],
): Promise<Result<Certified, CaError>> {
  const key = newNodeKey();
  const body: RenewRequest = { ...proof("renew", key), addresses };
  const tls = {
    ca: identity.caPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
  };
  return certified(await call(manager, "/ca/renew", { body, tls }), key);
}

/** The root certificate whose digest the token names, or why there is none to be had. */
export async function fetchRoot(remote: string, digest: string): Promise<Result<string, CaError>> {
  // Nobody is trusted yet: what comes is compared with the digest, and nothing is sent.
  const answer = await call(remote, "/ca/root", { tls: { rejectUnauthorized: false } });
  if (!answer.ok) return answer;
  for (const pem of answer.value.text.match(PEM_CERTIFICATE) ?? []) {
    if (rootDigest(pem) === digest) return ok(`${pem}\n`);
  }
  const message = `${remote} belongs to another cluster: the token names a root it does not have`;
  return fail({ code: "wrong-cluster", message });
}

/** The digits of a root certificate in a join token; "" when it is no certificate. */
export function rootDigest(pem: string): string {
  try {
    return tokenDigest(createHash("sha256").update(new X509Certificate(pem).raw).digest());
  } catch {
    return "";
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function proof(purpose: "join" | "renew", key: NodeKey): { publicKey: string; proof: string } {
  const publicKey = key.publicKey.toString("base64");
  const text = Buffer.from(proofText(purpose, publicKey));
  const signature = sign("sha256", text, createPrivateKey(key.privateKeyPem));
  return { publicKey, proof: signature.toString("base64") };
}

function certified(answer: Result<Answer, CaError>, key: NodeKey): Result<Certified, CaError> {
  if (!answer.ok) return answer;
  const issued = decodeWith(issuedSchema, parseJson(answer.value.text));
  if (!issued.ok) return fail({ code: "malformed", message: issued.error.reason });
  const { caPem, certificatePem } = issued.value;
  const identity = { caPem, certificatePem, privateKeyPem: key.privateKeyPem };
  return ok({ issued: issued.value, identity });
}

interface Answer {
  readonly text: string;
}

interface Call {
  readonly body?: JoinRequest | RenewRequest;
  readonly tls: Pick<ConnectionOptions, "ca" | "cert" | "key" | "rejectUnauthorized">;
}

function call(remote: string, path: string, { body, tls }: Call): Promise<Result<Answer, CaError>> {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve) => {
    const failed = (error: Error): void =>
      resolve(fail({ code: "unreachable", message: `${remote}: ${error.message}` }));
    const outgoing = request(
      `https://${remote}${path}`,
      {
        method: body === undefined ? "GET" : "POST",
        agent: false,
        minVersion: "TLSv1.3",
        ...tls,
        headers: { "Content-Length": Buffer.byteLength(text) },
        timeout: CA_TIMEOUT_MS,
        checkServerIdentity: managerOnly,
      },
      (response) => {
        let got = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          got += chunk;
          if (got.length > CA_ANSWER_BYTES_MAX) outgoing.destroy(new Error("answer too long"));
        });
        response.on("error", failed);
        response.on("end", () => resolve(judged(response.statusCode ?? 0, got)));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer in ${CA_TIMEOUT_MS} ms`)));
    outgoing.on("error", failed);
    outgoing.end(text);
  });
}

/** The name does not matter, the role does: a worker's certificate must not collect secrets. */
function managerOnly(_host: string, certificate: PeerCertificate): Error | undefined {
  const role = subjectIdentity(certificate.subject)?.role;
  return role === "manager" ? undefined : new Error("it is not a manager of the cluster");
}

function judged(status: number, text: string): Result<Answer, CaError> {
  if (status === 200) return ok({ text });
  const refusal = decodeWith(caRefusalSchema, parseJson(text));
  if (!refusal.ok) return fail({ code: "malformed", message: `status ${status}` });
  const { code, message } = refusal.value;
  return fail({ code: code === "unreachable" ? "unreachable" : "refused", message });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
