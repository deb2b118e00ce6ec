/** Makes the answer to a join or a renewal: proof, node, certificate. Runs at the leader. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { isIP } from "node:net";
import type { NodeId } from "@skein/common/ids";
import { nodeId } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import { signNodeCertificate } from "@skein/common/node/certificates";
import type { StoreKey } from "@skein/common/node/store-key";
import { storeKeyToJson } from "@skein/common/node/store-key";
import type { WallTime } from "@skein/common/time";
import { base36 } from "@skein/common/trust/base36";
import type { Issued } from "@skein/common/wire/ca-messages";
import { proofText } from "@skein/common/wire/ca-messages";
import type { ClusterView } from "../../store/view.ts";
import type { OpenTrust } from "./keyring.ts";

export interface IssueOptions {
  readonly cluster: Cluster;
  readonly open: OpenTrust;
  readonly view: ClusterView;
  readonly storeKey: StoreKey | undefined;
  readonly nodeId: NodeId;
  readonly role: "manager" | "worker";
  readonly publicKey: string;
  readonly addresses: readonly string[];
  readonly now: WallTime;
}

/** A join with the same key is the same node, however often it is sent. */
export function nodeIdOf(publicKey: string): NodeId {
  const digest = createHash("sha256").update(Buffer.from(publicKey, "base64")).digest();
  return nodeId(base36(digest, NODE_ID_DIGITS));
}

const NODE_ID_DIGITS = 25;

/** Whether who asks holds the private key, and it is one we sign: ECDSA P-256. */
export function isProved(
  purpose: "join" | "renew",
  { publicKey, proof }: { readonly publicKey: string; readonly proof: string },
): boolean {
  try {
    const der = Buffer.from(publicKey, "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    if (key.asymmetricKeyType !== "ec") return false;
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false;
    const text = Buffer.from(proofText(purpose, publicKey));
    return verify("sha256", text, key, Buffer.from(proof, "base64"));
  } catch {
    return false;
  }
}

export async function issue(options: IssueOptions): Promise<Issued> {
  const { cluster, open, view, storeKey, nodeId: id, role } = options;
  const { trust } = cluster;
  const signed = await signNodeCertificate(open.signer, {
    nodeId: id,
    role,
    clusterId: cluster.id,
    addresses: options.addresses.filter(isName),
    now: options.now,
    publicKey: Buffer.from(options.publicKey, "base64"),
    ...(trust === undefined ? {} : { lifeMs: trust.certificateLifeMs }),
  });
  const base = {
    nodeId: id,
    role,
    clusterId: cluster.id,
    clusterName: cluster.name,
    plane: cluster.plane,
    taskPool: cluster.taskPool,
    managers: view.nodes.list().flatMap(({ manager }) => manager?.address ?? []),
    caPem: `${trust?.rootPem ?? ""}${trust?.next?.rootPem ?? ""}`,
    certificatePem: `${signed.certificatePem}${trust?.next?.crossPem ?? ""}`,
  };
  // Only a manager can do anything with what the store holds sealed.
  if (role !== "manager" || storeKey === undefined) return base;
  return { ...base, storeKey: storeKeyToJson(storeKey) };
}

function isName(text: string): boolean {
  return isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/i.test(text);
}
