/**
 * The cluster's certificate authority as one manager runs it: serves `/ca`, makes the authority's
 * row when this manager leads a cluster that has none, and tells the network who is refused.
 *
 * Every manager serves; the leader decides. A join writes the node before it signs, so that a
 * certificate never exists that the store does not know, and a repeated join is the same node.
 */
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Cluster } from "@skein/common/model/cluster";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Trust } from "@skein/common/model/trust";
import { rootDigest } from "@skein/common/node/ca-client";
import type { Authority } from "@skein/common/node/certificates";
import {
  createAuthority,
  crossSign,
  NODE_CERTIFICATE_LIFE_MS,
} from "@skein/common/node/certificates";
import type { CaCall, CaReply } from "@skein/common/node/link-listener";
import { caRefusal } from "@skein/common/node/link-listener";
import type { StoreKey } from "@skein/common/node/store-key";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { wallTime } from "@skein/common/time";
import type { CaRequest, Issued, JoinRequest, RenewRequest } from "@skein/common/wire/ca-messages";
import { joinRequestSchema, renewRequestSchema } from "@skein/common/wire/ca-messages";
import { decodeWith } from "@skein/common/wire/schema";
import type { CommandOf } from "../../store/command.ts";
import { judgeToken } from "../../trust/join-judgement.ts";
import type { NodeStanding } from "../../trust/standing.ts";
import { isSameStanding, standingOf } from "../../trust/standing.ts";
import type { ManagerPort } from "../api/port.ts";
import { askLeader } from "./ask-leader.ts";
import { isProved, issue, nodeIdOf } from "./issue.ts";
import { Keyring } from "./keyring.ts";
import { RotationReport } from "./rotation-report.ts";

export interface TrustOfficePorts {
  readonly port: Omit<ManagerPort, "trust">;
  readonly config: NodeConfig;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly storeKey: () => StoreKey | undefined;
  /** The authority that signed the first certificates, as long as the store does not have it. */
  readonly seed: () => Authority | undefined;
  /** The store has it: the file can go. */
  readonly seeded: () => void;
  readonly standing: (standing: NodeStanding) => void;
}

/** `status` of the answer on `/ca`, and a code that a joiner may act on. */
export interface CaError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export class TrustOffice {
  readonly #ports: TrustOfficePorts;
  readonly keyring: Keyring;
  #standing: NodeStanding | undefined;
  readonly #rotation: RotationReport;
  #isMaking = false;

  constructor(ports: TrustOfficePorts) {
    this.#ports = ports;
    this.keyring = new Keyring(ports.storeKey);
    this.#rotation = new RotationReport(ports);
  }

  /** The store changed, or this manager's role. */
  changed(): void {
    const { port, seeded, standing } = this.#ports;
    const next = standingOf(port.view);
    if (this.#standing === undefined || !isSameStanding(this.#standing, next)) {
      this.#standing = next;
      standing(next);
    }
    const { cluster } = port.view;
    if (cluster === undefined) return;
    this.#rotation.changed(port.view);
    if (cluster.trust !== undefined) return seeded();
    if (port.isLeader() && !this.#isMaking) void this.#make(cluster.specIndex ?? 0);
  }

  /** Never rejects. */
  readonly serve = async (call: CaCall): Promise<CaReply> => {
    const { log, metrics } = this.#ports;
    try {
      const reply = await this.#serve(call);
      const result = reply.status === 200 ? "ok" : "refused";
      metrics.count("skein_ca_requests_total", 1, { path: call.path.slice(0, 16), result });
      if (reply.status !== 200) {
        const { path, remote } = call;
        log.write("warn", "ca request refused", { path, remote, status: reply.status });
      }
      return reply;
    } catch (error) {
      metrics.count("skein_bugs_total");
      log.write("error", "bug", { stack: error instanceof Error ? error.stack : String(error) });
      return caRefusal(500, "bug", "a bug in Skein, logged by this manager");
    }
  };

  /** What opens the sealed parts of the store, and who signs: for a backup. */
  keys(
    cluster: Cluster,
  ): Result<{ readonly storeKey: StoreKey; readonly authority: Authority }, string> {
    const open = this.keyring.open(cluster);
    if (!open.ok) return open;
    const storeKey = this.#ports.storeKey();
    if (storeKey === undefined) return fail("this manager does not have the store key");
    return ok({ storeKey, authority: open.value.signer });
  }

  /** At the leader. */
  decide(request: CaRequest): Promise<Result<Issued, CaError>> {
    return request.kind === "join"
      ? this.#join(request.request)
      : this.#renew(request.nodeId, request.request);
  }

  /** A root to take the place of the present one, vouched for by it. */
  async newRoot(cluster: Cluster): Promise<Result<NonNullable<Trust["next"]>, string>> {
    const open = this.keyring.open(cluster);
    if (!open.ok) return open;
    const now = wallTime(this.#ports.port.wall());
    const name = `swarm-ca-${(cluster.trust?.forceRotate ?? 0) + 1}`;
    const root = await createAuthority({ clusterId: cluster.id, now, name });
    const crossPem = await crossSign(open.value.root, root, now);
    const rootKey = this.keyring.sealRootKey(root);
    if (!rootKey.ok) return rootKey;
    const { certificatePem: rootPem } = root;
    return ok({ rootPem, rootKey: rootKey.value, crossPem, digest: rootDigest(rootPem) });
  }

  async #serve(call: CaCall): Promise<CaReply> {
    const { cluster } = this.#ports.port.view;
    if (call.path === "/ca/root" && call.method === "GET") {
      const { trust } = cluster ?? {};
      if (trust === undefined) return caRefusal(503, "unreachable", "no authority yet: try again");
      return { status: 200, type: "text/plain", text: trust.rootPem };
    }
    const request = this.#decode(call);
    if (!request.ok) return refusal(request.error);
    return this.#answer(request.value);
  }

  #decode({ method, path, body, peer }: CaCall): Result<CaRequest, CaError> {
    const text = body.toString("utf8");
    if (method === "POST" && path === "/ca/join") {
      const request = decodeWith(joinRequestSchema, parseJson(text));
      if (!request.ok) return malformed(request.error.reason);
      return ok({ kind: "join", request: request.value });
    }
    if (method === "POST" && path === "/ca/renew") {
      if (peer === undefined) {
        const message = "a renewal needs the certificate that is to be renewed";
        return fail({ status: 403, code: "certificate", message });
      }
      const request = decodeWith(renewRequestSchema, parseJson(text));
      if (!request.ok) return malformed(request.error.reason);
      return ok({ kind: "renew", nodeId: peer.nodeId, request: request.value });
    }
    return fail({ status: 404, code: "path", message: `nothing is served at ${method} ${path}` });
  }

  async #answer(request: CaRequest): Promise<CaReply> {
    const { port } = this.#ports;
    if (port.isLeader()) {
      const decided = await this.decide(request);
      if (!decided.ok) return refusal(decided.error);
      return { status: 200, type: "application/json", text: JSON.stringify(decided.value) };
    }
    const answer = await askLeader(port, request);
    if (answer === undefined) return caRefusal(503, "unreachable", "no leader: try again");
    return { ...answer, type: "application/json" };
  }

  async #join(request: JoinRequest): Promise<Result<Issued, CaError>> {
    const { cluster } = this.#ports.port.view;
    const open = cluster === undefined ? fail("no cluster") : this.keyring.open(cluster);
    if (!open.ok) return unready(open.error);
    const role = judgeToken(request.token, open.value);
    if (!role.ok) return fail({ status: 403, ...role.error });
    if (!isProved("join", request)) return unproved();
    const id = nodeIdOf(request.publicKey);
    const admitted = await this.#admit({
      kind: "admit-node",
      nodeId: id,
      role: role.value,
      name: request.name,
      address: request.addresses[0] ?? "",
      availability: request.availability,
    });
    if (!admitted.ok) return admitted;
    // One that is known already keeps the role it has by now.
    const known = this.#ports.port.view.nodes.get(id)?.spec.role;
    return this.#issue(id, known ?? role.value, request);
  }

  async #renew(id: Issued["nodeId"], request: RenewRequest): Promise<Result<Issued, CaError>> {
    if (!isProved("renew", request)) return unproved();
    const node = this.#ports.port.view.nodes.get(id);
    if (node === undefined) {
      return fail({ status: 403, code: "node-not-found", message: `node ${id} is not known` });
    }
    // A member of the managers' quorum stays one until it has left it, whatever its spec says.
    const isManager = node.spec.role === "manager" || node.manager !== undefined;
    return this.#issue(id, isManager ? "manager" : "worker", request);
  }

  async #admit(command: CommandOf<"admit-node">): Promise<Result<void, CaError>> {
    const outcome = await this.#ports.port.propose(command, undefined);
    if (outcome.ok) return ok(undefined);
    const { code, message } = outcome.error;
    const status = code === "node-removed" ? 403 : 503;
    return fail({ status, code: status === 503 ? "unreachable" : code, message });
  }

  async #issue(
    id: Issued["nodeId"],
    role: Issued["role"],
    request: Pick<JoinRequest, "publicKey" | "addresses">,
  ): Promise<Result<Issued, CaError>> {
    const { port, storeKey, log, metrics } = this.#ports;
    const { cluster } = port.view;
    if (cluster === undefined) return unready("no cluster");
    const open = this.keyring.open(cluster);
    if (!open.ok) return unready(open.error);
    const issued = await issue({
      cluster,
      open: open.value,
      view: port.view,
      storeKey: storeKey(),
      nodeId: id,
      role,
      publicKey: request.publicKey,
      addresses: request.addresses,
      now: wallTime(port.wall()),
    });
    metrics.count("skein_certificates_issued_total", 1, { role });
    log.write("info", "certificate issued", { node: id, role });
    return ok(issued);
  }

  /** The first leader of a new cluster puts its authority into the store. */
  async #make(specIndex: number): Promise<void> {
    const { seed, port, log } = this.#ports;
    const authority = seed();
    if (authority === undefined) return;
    this.#isMaking = true;
    const trust = firstTrust(authority, this.keyring);
    const command = (value: Trust): CommandOf<"set-trust"> => ({
      kind: "set-trust",
      specIndex,
      labels: {},
      taskHistoryLimit: port.view.cluster?.taskHistoryLimit ?? 5,
      trust: value,
    });
    const outcome = trust.ok ? await port.propose(command(trust.value), undefined) : trust;
    this.#isMaking = false;
    if (outcome.ok) return;
    const { error } = outcome;
    const reason = typeof error === "string" ? error : error.message;
    log.write("warn", "authority not stored yet", { reason });
  }
}

function firstTrust(authority: Authority, keyring: Keyring): Result<Trust, string> {
  const rootKey = keyring.sealRootKey(authority);
  const workerSecret = keyring.newSecret("worker");
  const managerSecret = keyring.newSecret("manager");
  if (!rootKey.ok) return rootKey;
  if (!workerSecret.ok) return workerSecret;
  if (!managerSecret.ok) return managerSecret;
  return ok({
    rootPem: authority.certificatePem,
    rootKey: rootKey.value,
    workerSecret: workerSecret.value,
    managerSecret: managerSecret.value,
    certificateLifeMs: NODE_CERTIFICATE_LIFE_MS,
    longestLifeMs: NODE_CERTIFICATE_LIFE_MS,
    forceRotate: 0,
  });
}

function refusal({ status, code, message }: CaError): CaReply {
  return caRefusal(status, code, message);
}

function malformed(reason: string) {
  return fail<CaError>({ status: 400, code: "malformed", message: reason });
}

function unproved() {
  const message = "the proof does not show that the sender holds the key (ECDSA P-256)";
  return fail<CaError>({ status: 403, code: "proof", message });
}

function unready(reason: string) {
  return fail<CaError>({ status: 503, code: "unreachable", message: reason });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
