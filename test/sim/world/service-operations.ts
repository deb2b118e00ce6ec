/** What users do to services, drawn: releases of every order, rollbacks, rules, drains. */
import type { Service, ServiceSpec, UpdateConfig } from "@skein/common/model/service";
import type { Command } from "@skein/manager/store/command";
import type { ClusterView } from "@skein/manager/store/view";
import type { SimRandom } from "../sim-random.ts";

const ORDERS = ["stop-first", "start-first", "blue-green"] as const;
const ACTIONS = ["pause", "continue", "rollback"] as const;
/** Of the workers none has it: its service's tasks wait, and say why. */
const NOWHERE = "node.labels.nowhere==yes";

/** One change of a service that is there. */
export function operate(service: Service, random: SimRandom): Command {
  const draw = random.below(10);
  if (draw < 2) return change(service, { mode: { kind: "replicated", replicas: random.below(5) } });
  if (draw < 7) return change(service, release(service, random));
  if (draw < 8 && service.previousSpec !== undefined) {
    return { ...change(service, {}), rollback: true };
  }
  const { task } = service.spec;
  const constraints = task.constraints.length === 0 && random.once(2) ? [NOWHERE] : [];
  return change(service, { task: { ...task, constraints } });
}

/** A worker is drained, or active again; the rest stays for the tasks. */
export function drainOne(view: ClusterView, random: SimRandom): Command | undefined {
  const workers = view.nodes.list().filter(({ spec }) => spec.role === "worker");
  const drained = workers.find(({ spec }) => spec.availability === "drain");
  const node = drained ?? workers[random.below(Math.max(1, workers.length))];
  if (node === undefined || workers.length < 2) return undefined;
  const availability = drained === undefined ? "drain" : "active";
  const { id, version, spec } = node;
  return { kind: "update-node", nodeId: id, version, spec: { ...spec, availability } };
}

/** The node that is still drained, made active. */
export function activate(view: ClusterView): Command | undefined {
  const isDrained = view.nodes
    .list()
    .some(({ spec }) => spec.role === "worker" && spec.availability === "drain");
  const first = { below: () => 0 } as unknown as SimRandom;
  return isDrained ? drainOne(view, first) : undefined;
}

function release({ spec }: Service, random: SimRandom): Partial<ServiceSpec> {
  const { process } = spec.task;
  const update: UpdateConfig = {
    parallelism: random.below(3),
    delayMs: 0,
    failureAction: ACTIONS[random.below(ACTIONS.length)] ?? "pause",
    monitorMs: random.between(0, 1500),
    maxFailureRatioMilli: 0,
    order: ORDERS[random.below(ORDERS.length)] ?? "stop-first",
  };
  const env = [`V=${random.below(3)}`];
  const task = { ...spec.task, process: { ...process, env } };
  return { task, update, standbyMs: random.between(0, 3000) };
}

function change({ id, version, spec }: Service, next: Partial<ServiceSpec>) {
  const command = { kind: "update-service", serviceId: id, version, rollback: false } as const;
  return { ...command, spec: { ...spec, ...next } };
}
