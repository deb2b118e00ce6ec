/**
 * POST /swarm/update: what of the swarm's spec can be changed, and what is refused with the reason.
 * The settings of Docker's Raft and dispatcher are fixed here; a client sends them back as it read
 * them.
 */
import type { Cluster } from "@skein/common/model/cluster";
import { ok } from "@skein/common/result";
import { CERTIFICATE_LIFE_MS_MIN } from "../limits.ts";
import { isReadVersion } from "../store/same.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, invalidArgument, refuse, rpc, unsupported } from "./api-error.ts";
import {
  decodeGo,
  duration,
  flag,
  int64,
  map,
  raw,
  struct,
  text,
  uint64,
} from "./engine/go-decode.ts";
import { toMilliseconds } from "./engine/time.ts";

export const swarmSpecShape = struct("Spec", {
  Name: [text, "nonzero"],
  Labels: [map(text), "nonzero"],
  Orchestration: [
    struct("OrchestrationConfig", { TaskHistoryRetentionLimit: [int64, "present"] }),
    "present",
  ],
  Raft: [raw, "nonzero"],
  Dispatcher: [raw, "nonzero"],
  CAConfig: [
    struct("CAConfig", {
      NodeCertExpiry: [duration, "nonzero"],
      ExternalCAs: [raw, "nonzero"],
      SigningCACert: [text, "nonzero"],
      SigningCAKey: [text, "nonzero"],
      ForceRotate: [uint64, "nonzero"],
    }),
    "present",
  ],
  TaskDefaults: [raw, "nonzero"],
  EncryptionConfig: [
    struct("EncryptionConfig", { AutoLockManagers: [flag, "nonzero"] }),
    "present",
  ],
});

export interface SwarmSettings {
  readonly labels: Readonly<Record<string, string>>;
  readonly taskHistoryLimit: number;
  readonly certificateLifeMs: number;
  /** A larger one than before asks for a new root. */
  readonly forceRotate: number;
}

/** What the cluster is set to now. */
export function settingsOf(cluster: Cluster): SwarmSettings {
  const { labels, taskHistoryLimit, trust } = cluster;
  return {
    labels: labels ?? {},
    taskHistoryLimit,
    certificateLifeMs: trust?.certificateLifeMs ?? 0,
    forceRotate: trust?.forceRotate ?? 0,
  };
}

export function checkSwarmVersion(cluster: Cluster, version: number): Checked<undefined> {
  const row = { version: cluster.version, specIndex: cluster.specIndex ?? 0 };
  if (isReadVersion(version, row)) return ok(undefined);
  return refuse(500, "version-conflict", rpc("Unknown", "update out of sequence"));
}

/** The settings a spec asks for; what it leaves out stays as it is. */
export function readSwarmSpec(body: unknown, now: SwarmSettings): Checked<SwarmSettings> {
  const decoded = decodeGo(swarmSpecShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const spec = decoded.value.value;
  if ((spec.Name ?? "default") !== "default") {
    return badRequest('invalid Name "default": swarm spec must be named "default"');
  }
  if (spec.EncryptionConfig?.AutoLockManagers === true) {
    return unsupported(
      "Cannot lock the managers: autolock is not supported yet: " +
        "keep the managers' state directories on encrypted disks",
    );
  }
  const ca = spec.CAConfig;
  const isForeign = [ca?.SigningCACert, ca?.SigningCAKey].some((pem) => (pem ?? "") !== "");
  if (isForeign || (Array.isArray(ca?.ExternalCAs) && ca.ExternalCAs.length > 0)) {
    return unsupported(
      "Cannot use that certificate authority: only the cluster's own signs: " +
        "docker swarm ca --rotate makes a new one",
    );
  }
  const lifeMs = ca?.NodeCertExpiry;
  const certificateLifeMs = lifeMs === undefined ? now.certificateLifeMs : toMilliseconds(lifeMs);
  if (lifeMs !== undefined && certificateLifeMs < CERTIFICATE_LIFE_MS_MIN) {
    return invalidArgument("minimum certificate expiry time is: 1h0m0s");
  }
  const limit = spec.Orchestration?.TaskHistoryRetentionLimit;
  if (limit !== undefined && limit < 0) {
    return invalidArgument("TaskHistoryRetentionLimit must not be negative");
  }
  return ok({
    labels: spec.Labels ?? {},
    taskHistoryLimit: limit ?? now.taskHistoryLimit,
    certificateLifeMs,
    forceRotate: Math.max(now.forceRotate, ca?.ForceRotate ?? 0),
  });
}
