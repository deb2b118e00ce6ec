/** For tests only: random secrets and certificates, and what a random cluster trusts. */
import { nodeId, secretId, sessionId } from "@skein/common/ids";
import type { NodeDescription } from "@skein/common/model/node";
import type { Trust } from "@skein/common/model/trust";
import type { Command } from "./command.ts";
import type { Draw } from "./random-commands.testing.ts";
import { describeNode } from "./testing.ts";
import type { ClusterView } from "./view.ts";

const NAMES = ["pw", "__proto__", "", "constructor", "10", "\u00fcn\u00ef"];
const secret = (n: number) => secretId(`z${n % 3}`);
const pick = (n: number) => NAMES[n % NAMES.length] ?? "";

const next = { rootPem: "next", crossPem: "cross" };

export function trust(n: number): Trust {
  const sealed = { key: "k1", box: new Uint8Array([n]) };
  return {
    rootPem: `root ${n}`,
    rootKey: sealed,
    ...(n % 2 === 0
      ? {}
      : { next: { ...next, rootKey: sealed, digest: n % 9 === 0 ? "d0" : "d1" } }),
    workerSecret: sealed,
    managerSecret: sealed,
    certificateLifeMs: n,
    longestLifeMs: n,
    forceRotate: n,
  };
}

export const TRUST_MAKERS: readonly ((view: ClusterView, draw: Draw) => Command)[] = [
  (_view, { a, b }) => ({
    kind: "create-secret",
    secretId: secret(a),
    spec: { name: pick(a), labels: {}, data: { key: "k1", box: new Uint8Array([b]) } },
  }),
  (view, { a, b, off, flag }) => ({
    kind: "update-secret",
    secretId: secret(a),
    version: Math.max(0, (view.secrets.get(secret(a))?.version ?? 0) + (off > 9 ? 9 : off)),
    spec: {
      name: view.secrets.get(secret(a))?.spec.name ?? "",
      labels: { x: pick(b) },
      data: { key: "k1", box: new Uint8Array([b]) },
    },
    isOther: flag,
  }),
  (_view, { a }) => ({ kind: "remove-secret", secretId: secret(a) }),
  describeNodes,
  (view, { a }) => ({
    kind: "end-root-rotation",
    issuer: a % 4 === 3 ? "d0" : (view.cluster?.trust?.next?.digest ?? ""),
  }),
];

/** Mostly with a certificate of the next root, so that rotations end. */
export function certified(view: ClusterView, { a, b }: Pick<Draw, "a" | "b">): NodeDescription {
  const issuer = b % 8 === 7 ? "d0" : (view.cluster?.trust?.next?.digest ?? "d1");
  const tls = a % 16 === 15 ? {} : { tls: { issuer, roots: [issuer] } };
  return { ...describeNode(pick(b)), ...tls };
}

/** Mostly of the session it has. */
function describeNodes(view: ClusterView, { a, b }: Draw): Command {
  const rows = view.nodes.list();
  const row = rows[a % Math.max(1, rows.length)];
  return {
    kind: "describe-node",
    nodeId: row?.id ?? nodeId("n0"),
    session: (b % 5 === 4 ? undefined : row?.status.session) ?? sessionId("x9"),
    description: certified(view, { a, b }),
  };
}
