/**
 * Why a command is refused: one constructor per cause, with Docker's text where Docker has one, and
 * the table of what the Engine API makes of each code. docs/ERRORS.md lists the codes; a test keeps
 * both in step. Texts are part of the replicated answers: changing one changes what a replay
 * records.
 */
import type { PortSpec, Service } from "@skein/common/model/service";
import { fail } from "@skein/common/result";
import type { Refusal } from "./command.ts";

export type RefusalCode = Refusal["code"];

export interface RefusalFacts {
  /** Status on the Engine API. */
  readonly status: number;
  /** Docker answers with "rpc error: code = <grpc> desc = " before the text. */
  readonly grpc?: string;
}

export const REFUSALS: Readonly<Record<RefusalCode, RefusalFacts>> = {
  "cluster-exists": { status: 503 },
  "no-cluster": { status: 503 },
  "node-not-found": { status: 404 },
  "node-not-down": { status: 400, grpc: "FailedPrecondition" },
  "node-is-manager": { status: 400, grpc: "FailedPrecondition" },
  "node-removed": { status: 403 },
  "node-not-manager": { status: 400, grpc: "FailedPrecondition" },
  "last-manager": { status: 400, grpc: "FailedPrecondition" },
  "raft-id-taken": { status: 409, grpc: "AlreadyExists" },
  "service-not-found": { status: 404 },
  "service-name-taken": { status: 409, grpc: "AlreadyExists" },
  "service-no-previous-spec": { status: 400, grpc: "FailedPrecondition" },
  "port-taken": { status: 400, grpc: "InvalidArgument" },
  "ports-exhausted": { status: 503 },
  "config-not-found": { status: 404 },
  "config-name-taken": { status: 409, grpc: "AlreadyExists" },
  "config-in-use": { status: 400, grpc: "InvalidArgument" },
  "config-immutable": { status: 400, grpc: "InvalidArgument" },
  "secret-not-found": { status: 404 },
  "secret-name-taken": { status: 409, grpc: "AlreadyExists" },
  "secret-in-use": { status: 400, grpc: "InvalidArgument" },
  "secret-immutable": { status: 400, grpc: "InvalidArgument" },
  "network-not-found": { status: 404 },
  "network-name-taken": { status: 409 },
  "network-in-use": { status: 400, grpc: "FailedPrecondition" },
  "network-refused": { status: 400 },
  "networks-exhausted": { status: 503 },
  "addresses-exhausted": { status: 503 },
  "stack-name-taken": { status: 409, grpc: "AlreadyExists" },
  "stack-not-found": { status: 404 },
  "stack-step-refused": { status: 400 },
  "version-conflict": { status: 500, grpc: "Unknown" },
  "spec-immutable": { status: 501, grpc: "Unimplemented" },
  "newer-version": { status: 501 },
  "request-reused": { status: 422 },
  bug: { status: 500 },
};

/** Status and message of a refusal on the Engine API, with Docker's prefix where Docker has it. */
export function refusalAnswer(refusal: Refusal): { status: number; message: string } {
  const { status, grpc } = REFUSALS[refusal.code];
  const prefix = grpc === undefined ? "" : `rpc error: code = ${grpc} desc = `;
  return { status, message: `${prefix}${refusal.message}` };
}

export function refuse(code: RefusalCode, message: string) {
  return fail<Refusal>({ code, message });
}

export function clusterExists() {
  return refuse(
    "cluster-exists",
    "This node is already part of a swarm. " +
      'Use "docker swarm leave" to leave this swarm and join another one.',
  );
}

export function noCluster() {
  return refuse(
    "no-cluster",
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" ' +
      "to connect this node to swarm and try again.",
  );
}

export function nodeNotFound(id: string) {
  return refuse("node-not-found", `node ${id} not found`);
}

export function nodeNotDown(id: string) {
  return refuse("node-not-down", `node ${id} is not down and can't be removed`);
}

export function nodeIsManager(id: string) {
  return refuse(
    "node-is-manager",
    `node ${id} is a cluster manager and is a member of the raft cluster. ` +
      "It must be demoted to worker before removal",
  );
}

export function nodeRemoved(id: string) {
  return refuse(
    "node-removed",
    `node ${id} was removed from the cluster: join with a new identity`,
  );
}

export function nodeNotManager(id: string) {
  return refuse(
    "node-not-manager",
    `node ${id} is a worker: promote it before a manager process of it may take part`,
  );
}

export function lastManager() {
  return refuse("last-manager", "attempting to demote the last manager of the swarm");
}

export function raftIdTaken(raftId: string, holder: string) {
  return refuse("raft-id-taken", `Raft member ${raftId} is node ${holder}`);
}

export function serviceNotFound(id: string) {
  return refuse("service-not-found", `service ${id} not found`);
}

export function serviceNameTaken(name: string) {
  return refuse(
    "service-name-taken",
    `name conflicts with an existing object: service ${name} already exists`,
  );
}

export function noPreviousSpec(id: string) {
  return refuse("service-no-previous-spec", `service ${id} does not have a previous spec`);
}

export function noSuchSpec(id: string, specIndex: number) {
  return refuse("service-no-previous-spec", `service ${id} has no former spec ${specIndex}`);
}

/** `mode`: how the other service holds the port. */
export function portTaken(port: number, holder: Service, mode: PortSpec["mode"]) {
  const how = mode === "ingress" ? "an ingress port" : "a host-published port";
  return refuse(
    "port-taken",
    `port '${port}' is already in use by service '${holder.spec.name}' (${holder.id}) as ${how}`,
  );
}

/** Both services say which requests of the port they answer, and say the same. */
export function ruleTaken(port: number, holder: Service, rule: string) {
  const whose = `service '${holder.spec.name}' (${holder.id})`;
  return refuse(
    "port-taken",
    `port '${port}': requests to ${rule} are answered by ${whose} already`,
  );
}

export function portTwice() {
  return refuse("port-taken", "EndpointSpec: duplicate published ports provided");
}

export function portsExhausted(range: string, protocol: string) {
  return refuse(
    "ports-exhausted",
    `no free ${protocol} port in ${range}: publish a port of your choice, or remove a service`,
  );
}

export function configNotFound(id: string) {
  return refuse("config-not-found", `config ${id} not found`);
}

export function configNameTaken(name: string) {
  return refuse("config-name-taken", `config ${name} already exists`);
}

export function configImmutable() {
  return refuse("config-immutable", "only updates to Labels are allowed");
}

export function networkNotFound(id: string) {
  return refuse("network-not-found", `network ${id} not found`);
}

export function networkNameTaken(name: string) {
  return refuse("network-name-taken", `network with name ${name} already exists`);
}

export function networkInUse(id: string, user: Service) {
  return refuse("network-in-use", `network ${id} is in use by service ${user.spec.name}`);
}

/** `reason` completes the sentence. */
export function networkRefused(name: string, reason: string) {
  return refuse("network-refused", `Cannot create network ${name}: ${reason}`);
}

export function networksExhausted(max: number) {
  return refuse("networks-exhausted", `there are ${max} networks already: remove one first`);
}

export function addressesExhausted(reason: string) {
  return refuse("addresses-exhausted", reason);
}

export function stackNameTaken(name: string) {
  return refuse("stack-name-taken", `stack ${name} already exists`);
}

export function stackNotFound(name: string) {
  return refuse("stack-not-found", `stack ${name} not found`);
}

export function stackStepRefused(kind: string) {
  return refuse("stack-step-refused", `${kind} is no part of a stack`);
}

export function configInUse(name: string, services: readonly string[]) {
  const whose = services.length === 1 ? "service" : "services";
  return refuse(
    "config-in-use",
    `config '${name}' is in use by the following ${whose}: ${services.join(", ")}`,
  );
}

export function secretNotFound(id: string) {
  return refuse("secret-not-found", `secret ${id} not found`);
}

export function secretNameTaken(name: string) {
  return refuse("secret-name-taken", `secret ${name} already exists`);
}

export function secretInUse(name: string, services: readonly string[]) {
  const whose = services.length === 1 ? "service" : "services";
  return refuse(
    "secret-in-use",
    `secret '${name}' is in use by the following ${whose}: ${services.join(", ")}`,
  );
}

export function secretImmutable() {
  return refuse("secret-immutable", "only updates to Labels and the value are allowed");
}

export function versionConflict() {
  return refuse("version-conflict", "update out of sequence");
}

export function renameRefused() {
  return refuse("spec-immutable", "renaming services is not supported");
}

export function modeChangeRefused() {
  return refuse("spec-immutable", "service mode change is not allowed");
}

export function newerVersion(version: number, supported: number) {
  return refuse(
    "newer-version",
    `command version ${version} is not between 1 and ${supported}, ` +
      "which every manager of this cluster supports: upgrade them all first",
  );
}

export function requestReused(id: string, subject: string) {
  return refuse("request-reused", `Idempotency-Key ${id} was already used for "${subject}"`);
}

/** The text is the same on every replica; what was thrown is not, and stays out of it. */
export function bug(what: string, index: number) {
  return refuse("bug", `internal error while applying ${what} at log index ${index}`);
}
