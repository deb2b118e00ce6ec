/** Waits until the cluster has one root again, and says meanwhile whom it waits for. */
import type { ApiClient } from "../api/client.ts";
import { at, textAt } from "../api/read.ts";
import { createProgress } from "../output/progress.ts";
import { call, list } from "./calls.ts";
import { remark } from "./context.ts";

/** Between two looks. */
const LOOK_MS = 200;
/** A node that is away this long is worth a remark where nobody sees the progress line. */
const REMARK_AFTER_MS = 5000;

/** Resolves with the swarm as it is then. Ends with the command, not with the rotation. */
export async function waitForRoot(api: ApiClient, quiet: boolean): Promise<unknown> {
  const what = "watch the root's replacement";
  const progress = createProgress(process.stderr, !quiet);
  const since = Date.now();
  let told = quiet;
  try {
    for (;;) {
      const swarm = await call(api, { method: "GET", path: "/swarm" }, what);
      const nodes = await list(api, { path: "/nodes" }, what);
      const now = judgeRotation(swarm, nodes);
      if (now.done) return swarm;
      progress.update(now.line);
      if (!told && now.remedy !== undefined && Date.now() - since > REMARK_AFTER_MS) {
        told = true;
        remark(now.remedy);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    progress.done();
  }
}

export interface JudgedRotation {
  readonly done: boolean;
  /** "certificates of the new root: 2 of 3 nodes; the new root alone: 0 of 3" */
  readonly line: string;
  /** Nodes that cannot renew while they are away, and what to do. */
  readonly remedy?: string;
}

/** As Docker's client judges it: every certificate first, then every node's roots. */
export function judgeRotation(swarm: unknown, nodes: readonly unknown[]): JudgedRotation {
  const key = textAt(swarm, "TLSInfo", "CertIssuerPublicKey");
  const root = textAt(swarm, "TLSInfo", "TrustRoot");
  const tls = (node: unknown, field: string) => textAt(node, "Description", "TLSInfo", field);
  const old = nodes.filter((node) => tls(node, "CertIssuerPublicKey") !== key);
  const isUnderWay = at(swarm, "RootRotationInProgress") === true;
  const trusting = nodes.filter((node) => !isUnderWay && tls(node, "TrustRoot") === root);
  const line =
    `certificates of the new root: ${nodes.length - old.length} of ${nodes.length} nodes; ` +
    `the new root alone: ${trusting.length} of ${nodes.length}`;
  const done = !isUnderWay && old.length === 0 && trusting.length === nodes.length;
  const waiting = isUnderWay ? old : nodes.filter((node) => !trusting.includes(node));
  const away = waiting.filter((node) => textAt(node, "Status", "State") !== "ready");
  if (done || away.length === 0) return { done, line };
  const names = away.map((node) => textAt(node, "Description", "Hostname")).join(", ");
  const remedy =
    `Waiting for ${names}, which cannot renew its certificate while it is away: ` +
    "start it, or remove it for good with skein node rm --force";
  return { done, line, remedy };
}
