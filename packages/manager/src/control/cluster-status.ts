/**
 * `/skein/v1/status`: the cluster on one page, with every known problem in words, what it is about
 * and what to do. Answered from the local replica by any manager, with or without a quorum.
 */
import type { Node } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Service } from "@skein/common/model/service";
import { STATUS_PROBLEMS_MAX } from "../limits.ts";
import type { ClusterView } from "../store/view.ts";
import { nodeName } from "./engine/node.ts";
import { portToEngine } from "./engine/service.ts";
import { countTasks } from "./list-services.ts";
import { findProblems } from "./problems.ts";

/** A Raft member as one manager sees it. */
export interface MemberFacts {
  readonly raftId: string;
  readonly nodeId: string;
  readonly address: string;
  readonly voter: boolean;
  readonly answers: boolean;
  /** Milliseconds for which it has not been heard, or linked; absent: it answers, or unknown. */
  readonly silentMs?: number;
}

/** What this manager knows of Raft and of the others. */
export interface RaftFacts {
  readonly role: string;
  readonly term: number;
  readonly leader?: { readonly nodeId: string; readonly address: string };
  readonly reachable: ReadonlyMap<string, boolean>;
  readonly members?: readonly MemberFacts[];
  readonly quorum: { readonly voters: number; readonly contact: number };
  readonly commit: number;
  readonly applied: number;
}

export interface StatusFacts {
  readonly config: NodeConfig;
  readonly view: ClusterView;
  readonly raft: RaftFacts;
  /** True when this manager cannot vouch that it has the newest state. */
  readonly stale: boolean;
}

export function clusterStatus(facts: StatusFacts): object {
  const { config, view, raft } = facts;
  const nodes = view.nodes.list();
  const services = view.services.list().filter((service) => service.removed !== true);
  const leader = nodes.find((node) => node.id === raft.leader?.nodeId);
  return {
    cluster: { id: config.clusterId, name: config.clusterName, plane: config.plane },
    answeredBy: { id: config.nodeId, name: config.name, role: raft.role },
    stale: facts.stale,
    leader:
      raft.leader === undefined
        ? null
        : { ...raft.leader, name: leader === undefined ? "" : nodeName(leader) },
    term: raft.term,
    commit: raft.commit,
    applied: raft.applied,
    quorum: raft.quorum,
    members: raft.members ?? [],
    nodes: nodes.map((node) => nodeRow(node, raft)),
    services: services.map((service) => serviceRow(view, service)),
    problems: findProblems({ view, raft }).slice(0, STATUS_PROBLEMS_MAX),
  };
}

function nodeRow(node: Node, raft: RaftFacts): object {
  const reachable = raft.reachable.get(node.id);
  const answers = reachable === undefined ? "unknown" : reachable ? "reachable" : "unreachable";
  return {
    id: node.id,
    name: nodeName(node),
    role: node.spec.role,
    availability: node.spec.availability,
    state: node.status.state,
    message: node.status.message,
    address: node.description.address,
    leader: raft.leader?.nodeId === node.id,
    processes: {
      worker: node.status.state,
      ...(node.manager === undefined ? {} : { manager: answers }),
    },
  };
}

function serviceRow(view: ClusterView, service: Service): object {
  const { running, desired } = countTasks(view, service);
  const { updateStatus: update } = service;
  return {
    id: service.id,
    name: service.spec.name,
    running,
    desired,
    ports: service.ports.map(portToEngine),
    ...(update === undefined ? {} : { update: { state: update.state, message: update.message } }),
  };
}
