/** Our node <-> the Engine API's Node. */
import type { Node, NodeSpec, NodeTls } from "@skein/common/model/node";
import { ok } from "@skein/common/result";
import { GENERIC_LABEL, unitsOf } from "../../scheduler/generic.ts";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import { nodeSpecShape } from "./service-shape.ts";
import { formatWall } from "./time.ts";

/** What the store does not hold: who leads, and which managers answer; and roots, opened. */
export interface Reach {
  readonly leader: string | undefined;
  /** By node id; absent: unknown. */
  readonly reachable: ReadonlyMap<string, boolean>;
  /** By digest: those of the cluster. */
  readonly roots: ReadonlyMap<string, KnownRoot>;
}

/** A root as the Engine API shows it: DER in base64. */
export interface KnownRoot {
  readonly pem: string;
  readonly subject: string;
  readonly publicKey: string;
}

export function nodeToEngine(node: Node, reach: Reach): object {
  const { description, spec, status, manager } = node;
  return {
    ID: node.id,
    Version: { Index: node.version },
    CreatedAt: formatWall(node.createdAt),
    UpdatedAt: formatWall(node.updatedAt),
    Spec: {
      ...(spec.name === undefined ? {} : { Name: spec.name }),
      Labels: spec.labels,
      Role: spec.role,
      Availability: spec.availability,
    },
    Description: {
      Hostname: description.hostname,
      Platform: { Architecture: description.architecture, OS: description.os },
      Resources: {
        NanoCPUs: description.nanoCpus,
        MemoryBytes: description.memoryBytes,
        ...genericResources(node),
      },
      Engine: { EngineVersion: description.engineVersion },
      TLSInfo: tlsInfo(description.tls, reach.roots),
    },
    Status: {
      State: status.state,
      ...(status.message === "" ? {} : { Message: status.message }),
      Addr: description.address,
    },
    ...(manager === undefined ? {} : { ManagerStatus: managerStatus(node, reach) }),
  };
}

/** Empty of a node that did not say, or whose roots were the cluster's long ago. */
function tlsInfo(tls: NodeTls | undefined, roots: Reach["roots"]): object {
  const issuer = roots.get(tls?.issuer ?? "");
  if (tls === undefined || issuer === undefined) return {};
  return {
    TrustRoot: tls.roots.map((digest) => roots.get(digest)?.pem ?? "").join(""),
    CertIssuerSubject: issuer.subject,
    CertIssuerPublicKey: issuer.publicKey,
  };
}

function genericResources(node: Node): { readonly GenericResources?: readonly object[] } {
  const labels = Object.keys(node.spec.labels).filter((label) => label.startsWith(GENERIC_LABEL));
  if (labels.length === 0) return {};
  const GenericResources = labels.sort().flatMap((label): readonly object[] => {
    const Kind = label.slice(GENERIC_LABEL.length);
    const units = unitsOf(node, Kind);
    if (units.every((unit) => unit === "")) {
      return [{ DiscreteResourceSpec: { Kind, Value: units.length } }];
    }
    return units.map((Value) => ({ NamedResourceSpec: { Kind, Value } }));
  });
  return { GenericResources };
}

/** Name by which people call a node. */
export function nodeName(node: Node): string {
  return node.description.hostname === "" ? (node.spec.name ?? "") : node.description.hostname;
}

export function readNodeSpec(body: unknown): Checked<NodeSpec> {
  const decoded = decodeGo(nodeSpecShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const { Name, Labels, Role = "", Availability = "" } = decoded.value.value;
  const role = (["manager", "worker"] as const).find((known) => known === Role);
  if (role === undefined) return badRequest(`invalid Role: ${JSON.stringify(Role)}`);
  const states = ["active", "pause", "drain"] as const;
  const availability = states.find((known) => known === Availability);
  if (availability === undefined) {
    return badRequest(`invalid Availability: ${JSON.stringify(Availability)}`);
  }
  const name = Name === undefined ? {} : { name: Name };
  return ok({ ...name, labels: Labels ?? {}, role, availability });
}

function managerStatus(node: Node, reach: Reach): object {
  const reachable = reach.reachable.get(node.id);
  return {
    ...(reach.leader === node.id ? { Leader: true } : {}),
    Reachability: reachable === undefined ? "unknown" : reachable ? "reachable" : "unreachable",
    Addr: node.manager?.address ?? "",
  };
}
