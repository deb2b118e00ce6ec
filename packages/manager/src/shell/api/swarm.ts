/** /swarm: what the cluster trusts and how nodes come in; and `/skein/v1/ca` for the managers. */
import type { Cluster } from "@skein/common/model/cluster";
import type { Trust } from "@skein/common/model/trust";
import { ok } from "@skein/common/result";
import { caRequestSchema } from "@skein/common/wire/ca-messages";
import { decodeWith } from "@skein/common/wire/schema";
import type { Checked } from "../../control/api-error.ts";
import { badRequest, refuse } from "../../control/api-error.ts";
import { clusterToEngine } from "../../control/engine/swarm.ts";
import { isSet, parseVersion } from "../../control/query.ts";
import { awaitedName } from "../../control/root-rotation.ts";
import type { SwarmSettings } from "../../control/update-swarm.ts";
import { checkSwarmVersion, readSwarmSpec, settingsOf } from "../../control/update-swarm.ts";
import { rotationWaitsFor } from "../../store/root-rotation.ts";
import type { ClusterView } from "../../store/view.ts";
import { joinTokens } from "../trust/keyring.ts";
import { swarmTlsInfo } from "../trust/known-roots.ts";
import type { TrustOffice } from "../trust/trust-office.ts";
import type { Handler } from "./handler.ts";
import { reading, write } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import { empty, failure, json } from "./reply.ts";
import type { ApiRequest } from "./request.ts";
import { jsonBody, parameter } from "./request.ts";

interface Trusted {
  readonly office: TrustOffice;
  readonly cluster: Cluster;
  readonly trust: Trust;
  readonly view: ClusterView;
}

function trusted({ trust: office, view }: ManagerPort): Checked<Trusted> {
  const { cluster } = view;
  if (office !== undefined && cluster?.trust !== undefined) {
    return ok({ office, cluster, trust: cluster.trust, view });
  }
  const reason = "this cluster has no certificate authority of its own yet: try again in a second";
  return refuse(503, "no-authority", `Cannot show the swarm: ${reason}`);
}

const swarmInspect = reading((port) => {
  const known = trusted(port);
  if (!known.ok) return { kind: "error", error: known.error };
  const { office, cluster, trust } = known.value;
  const open = office.keyring.open(cluster);
  if (!open.ok) return failure(503, "no-authority", `Cannot show the swarm: ${open.error}`);
  return json({
    ...clusterToEngine(cluster),
    TLSInfo: swarmTlsInfo(trust),
    RootRotationInProgress: trust.next !== undefined,
    JoinTokens: joinTokens(open.value),
  });
});

const swarmUpdate = reading(async (port, request) => {
  const known = trusted(port);
  if (!known.ok) return { kind: "error", error: known.error };
  const { cluster } = known.value;
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const version = parseVersion("swarm", parameter(request, "version"));
  if (!version.ok) return { kind: "error", error: version.error };
  const fresh = checkSwarmVersion(cluster, version.value);
  if (!fresh.ok) return { kind: "error", error: fresh.error };
  const settings = readSwarmSpec(body.value, settingsOf(cluster));
  if (!settings.ok) return { kind: "error", error: settings.error };
  const trust = await nextTrust(known.value, settings.value, request);
  if (!trust.ok) return { kind: "error", error: trust.error };
  const { labels, taskHistoryLimit } = settings.value;
  const specIndex = cluster.specIndex ?? 0;
  const written = await write(port, request, {
    command: { kind: "set-trust", specIndex, labels, taskHistoryLimit, trust: trust.value },
    operation: "update of the swarm",
  });
  return written.ok ? empty() : written.error;
});

async function nextTrust(
  { office, cluster, trust, view }: Trusted,
  settings: SwarmSettings,
  request: ApiRequest,
): Promise<Checked<Trust>> {
  const { certificateLifeMs, forceRotate } = settings;
  const longestLifeMs = Math.max(trust.longestLifeMs, certificateLifeMs);
  let next: Trust = { ...trust, certificateLifeMs, longestLifeMs, forceRotate };
  for (const role of ["worker", "manager"] as const) {
    const name = role === "worker" ? "rotateWorkerToken" : "rotateManagerToken";
    if (!isSet(parameter(request, name))) continue;
    const secret = office.keyring.newSecret(role);
    if (!secret.ok) return badRequest(`Cannot rotate the ${role} token: ${secret.error}`);
    next = { ...next, [role === "worker" ? "workerSecret" : "managerSecret"]: secret.value };
  }
  if (forceRotate === trust.forceRotate) return ok(next);
  if (trust.next !== undefined) {
    const names = (rotationWaitsFor(view) ?? []).map(awaitedName).join(", ");
    const reason = `a rotation is under way${names === "" ? "" : `: it waits for ${names}`}`;
    return refuse(400, "rotation-under-way", `Cannot rotate the root: ${reason}`);
  }
  const rotation = await office.newRoot(cluster);
  if (!rotation.ok) return badRequest(`Cannot rotate the root: ${rotation.error}`);
  return ok({ ...next, next: rotation.value });
}

/** Docker's text, with the blank at its end. */
const LEAVING_MANAGER =
  "You are attempting to leave the swarm on a node that is participating as a manager. ";
const LAST_MANAGER = "Removing the last manager erases all current state of the swarm. ";
const swarmLeave: Handler = (port, request) => {
  if (port.config.local) {
    const reason = "this node belongs to a local cluster: skein down ends it";
    return failure(501, "unsupported", `Cannot leave the swarm: ${reason}`);
  }
  if (!isSet(parameter(request, "force"))) {
    const { voters } = port.status().quorum;
    const what = voters <= 1 ? LAST_MANAGER : quorumText(voters);
    return failure(503, "manager-leaves", `${LEAVING_MANAGER}${what}${FORCE}`);
  }
  if (port.leave?.() === true) return empty();
  const reason = "this manager was not started by the worker beside it: restart skein-worker first";
  return failure(503, "manager-alone", `Cannot leave the swarm: ${reason}`);
};

const FORCE = "Use `--force` to ignore this message. ";

function quorumText(voters: number): string {
  return (
    `Removing this node leaves ${voters - 1} managers out of ${voters}. ` +
    "Without a Raft quorum your swarm will be inaccessible. " +
    "The only way to restore a swarm that has lost consensus is to reinitialize it with " +
    "`--force-new-cluster`. "
  );
}

/** What a follower was asked on `/ca`. Whoever may use this socket administers the cluster. */
const ca: Handler = async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const asked = decodeWith(caRequestSchema, body.value);
  if (!asked.ok) return failure(400, "malformed", asked.error.reason);
  if (port.trust === undefined) return failure(503, "no-authority", "no authority here");
  const decided = await port.trust.decide(asked.value);
  if (decided.ok) return json(decided.value);
  const { status, code, message } = decided.error;
  return { kind: "json", status, body: { code, message } };
};

export const SWARM_HANDLERS = {
  "swarm-inspect": swarmInspect,
  "swarm-update": swarmUpdate,
  "swarm-leave": swarmLeave,
  "skein-ca": ca,
} as const;
