/** What is wrong in a cluster, in words: the object, the problem, the remedy. */
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { taskName } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { ClusterView } from "../store/view.ts";
import type { RaftFacts } from "./cluster-status.ts";
import { nodeName } from "./engine/node.ts";
import { rotationProblems } from "./root-rotation.ts";

export interface Problem {
  /** "node worker-2", "service web", "cluster". */
  readonly object: string;
  readonly problem: string;
  readonly remedy: string;
}

export interface ProblemFacts {
  readonly view: ClusterView;
  readonly raft: RaftFacts;
}

/** Most urgent first: the cluster, its nodes, its services. */
export function findProblems({ view, raft }: ProblemFacts): readonly Problem[] {
  const nodes = view.nodes.list();
  const services = view.services.list().filter((service) => service.removed !== true);
  return [
    ...quorumProblems(nodes, raft),
    ...rotationProblems(view),
    ...nodes.flatMap(nodeProblems),
    ...services.flatMap((service) => serviceProblems(view, service)),
  ];
}

function quorumProblems(nodes: readonly Node[], raft: RaftFacts): readonly Problem[] {
  const away = nodes
    .filter((node) => raft.reachable.get(node.id) === false)
    .map(nodeName)
    .join(", ");
  const { voters, contact } = raft.quorum;
  const majority = Math.floor(voters / 2) + 1;
  if (raft.leader === undefined) {
    const start = away === "" ? "the managers that are down" : away;
    const problem = `no leader: changes wait until ${majority} of ${voters} managers answer`;
    const missing = missingMembers(nodes, raft);
    const remedy =
      missing === ""
        ? `start ${start}`
        : `start ${start}; if a majority is gone for good: skein force-new-cluster on a survivor`;
    return [{ object: "cluster", problem: `${problem}${missing}`, remedy }];
  }
  if (away === "" || contact >= voters) return [];
  const spare = contact - majority;
  const problem =
    spare < 0
      ? `${contact} of ${voters} managers answer (not: ${away}): too few to change anything`
      : `${contact} of ${voters} managers answer (not: ${away}): ${spare} more may fail`;
  return [{ object: "cluster", problem, remedy: `start ${away}` }];
}

/** "; missing: manager-2 (127.0.1.2:2377) for 12 s, …" */
function missingMembers(nodes: readonly Node[], raft: RaftFacts): string {
  const missing = (raft.members ?? []).filter((member) => member.voter && !member.answers);
  if (missing.length === 0) return "";
  const shown = missing.map(({ nodeId, address, silentMs }) => {
    const node = nodes.find((one) => one.id === nodeId);
    const since = silentMs === undefined ? "" : ` for ${Math.round(silentMs / 1000)} s`;
    return `${node === undefined ? nodeId : nodeName(node)} (${address})${since}`;
  });
  return `; missing: ${shown.join(", ")}`;
}

function nodeProblems(node: Node): readonly Problem[] {
  if (node.status.state === "ready") return [];
  const name = nodeName(node);
  const why = node.status.message === "" ? "" : `: ${node.status.message}`;
  return [
    {
      object: `node ${name}`,
      problem: `${node.status.state}${why}`,
      remedy: `start it, or remove it for good with docker node rm --force ${name}`,
    },
  ];
}

function serviceProblems(view: ClusterView, service: Service): readonly Problem[] {
  const object = `service ${service.spec.name}`;
  const problems: Problem[] = [];
  const update = service.updateStatus;
  if (update?.state === "paused" || update?.state === "rollback_paused") {
    const remedy = `docker service rollback ${service.spec.name}, or update it again`;
    problems.push({ object, problem: `update paused: ${update.message}`, remedy });
  }
  for (const task of view.tasksOfService(service.id)) {
    const found = taskProblem(task);
    if (found !== undefined) problems.push({ object, ...found });
  }
  return unique(problems);
}

/** Wanted tasks only: the history of a slot is not a problem. */
function taskProblem(task: Task): Omit<Problem, "object"> | undefined {
  const { status, desired } = task;
  if (desired !== "running" && desired !== "ready") return undefined;
  const name = taskName(task);
  if (status.warning !== undefined && !isTerminal(status.state)) {
    return { problem: status.warning, remedy: "listen on $HOST and $PORT" };
  }
  if (status.error === undefined) return undefined;
  const remedy = isTerminal(status.state)
    ? `docker service logs ${task.serviceName}`
    : `docker service ps --no-trunc ${task.serviceName}`;
  return { problem: `${name} is ${status.state}: ${status.error}`, remedy };
}

function unique(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Map(problems.map((problem) => [problem.problem, problem]));
  return [...seen.values()];
}
