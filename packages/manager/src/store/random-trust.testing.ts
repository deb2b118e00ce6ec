/** For tests only: random secrets, and what a random cluster trusts. */
import { secretId } from "@skein/common/ids";
import type { Trust } from "@skein/common/model/trust";
import type { Command } from "./command.ts";
import type { Draw } from "./random-commands.testing.ts";
import type { ClusterView } from "./view.ts";

const NAMES = ["pw", "__proto__", "", "constructor", "10", "\u00fcn\u00ef"];
const secret = (n: number) => secretId(`z${n % 3}`);
const pick = (n: number) => NAMES[n % NAMES.length] ?? "";

export function trust(n: number): Trust {
  const sealed = { key: "k1", box: new Uint8Array([n]) };
  return {
    rootPem: `root ${n}`,
    rootKey: sealed,
    ...(n % 2 === 0 ? {} : { next: { rootPem: "next", rootKey: sealed, crossPem: "cross" } }),
    workerSecret: sealed,
    managerSecret: sealed,
    certificateLifeMs: n,
    longestLifeMs: n,
    forceRotate: n,
  };
}

export const SECRET_MAKERS: readonly ((view: ClusterView, draw: Draw) => Command)[] = [
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
];
