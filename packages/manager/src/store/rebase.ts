/**
 * The state of one cluster as the beginning of another: what a restored backup begins with. A
 * function of state and plan alone, so that every manager of the new cluster makes the same.
 *
 * Invariants:
 *   J1. The new state's index is above every index in the old one: versions never go back, and a
 *       watch of the old cluster is told that what it asks for is forgotten.
 *   J2. The new cluster's nodes are the plan's. Each may take the place of one old node: labels,
 *       availability, slots of global services. No other node is left.
 *   J3. No task is taken for one that runs: those a node had are orphaned, since that node is
 *       another cluster's. What ended stays ended, or a job that is done would run again.
 *   J4. Addresses of the old pool become those of the new one at the same place in it.
 */
import type { NodeId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Network, NetworkAddress } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Service } from "@skein/common/model/service";
import type { Slot, Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { RestorePlan } from "@skein/common/wire/backup";
import type { DecodeError } from "@skein/common/wire/schema";
import type { Part, SnapshotRows } from "./snapshot.ts";
import { concatBytes, decodeSnapshot, snapshotSlices } from "./snapshot.ts";
import { formatAddress, formatSubnet, parseAddress, parseSubnet } from "./subnets.ts";

/** `state`: a snapshot of the old store; the result is one of the new. */
export function rebase(state: Uint8Array, plan: RestorePlan): Result<Uint8Array, DecodeError> {
  const decoded = decodeSnapshot(state);
  if (!decoded.ok) return decoded;
  const [head] = decoded.value;
  if (head?.part !== "head" || head.cluster === undefined) return malformed("it has no cluster");
  if (head.index >= plan.index) return malformed(`its index ${head.index} is not below the new`);
  const old = rowsOf(decoded.value);
  const moved = mover(head.cluster.taskPool, plan.cluster.taskPool);
  if (moved === undefined) return malformed("the pools of addresses differ in size");
  const turn: Turn = { plan, time: head.time, moved, places: placesOf(plan) };
  const rows: SnapshotRows = {
    index: plan.index,
    time: head.time,
    addressCursor: head.addressCursor,
    cluster: clusterOf(turn, head.cluster),
    nodes: listOf(nodesOf(turn, old.nodes), ({ id }) => id),
    services: listOf(
      old.services.map((row) => serviceOf(turn, row)),
      ({ id }) => id,
    ),
    slots: listOf(
      old.slots.map((row) => slotOf(turn, row)),
      ({ serviceId, slot }) => slotKey(serviceId, slot),
    ),
    tasks: listOf(
      old.tasks.map((row) => taskOf(turn, row)),
      ({ id }) => id,
    ),
    configs: listOf(old.configs, ({ id }) => id),
    networks: listOf(
      old.networks.map((row) => networkOf(turn, row)),
      ({ id }) => id,
    ),
    stacks: listOf(old.stacks, ({ id }) => id),
    secrets: listOf(old.secrets, ({ id }) => id),
  };
  return ok(concatBytes(snapshotSlices(rows, old.requests)));
}

type Move = (address: string) => string;

interface Turn {
  readonly plan: RestorePlan;
  readonly time: number;
  readonly moved: Move;
  /** Who takes the place of an old node. */
  readonly places: ReadonlyMap<NodeId, NodeId>;
}

function malformed(reason: string) {
  return fail<DecodeError>({ code: "malformed", reason });
}

function rowsOf(parts: readonly Part[]) {
  return {
    nodes: parts.flatMap((part) => (part.part === "node" ? part.rows : [])),
    services: parts.flatMap((part) => (part.part === "service" ? part.rows : [])),
    slots: parts.flatMap((part) => (part.part === "slot" ? part.rows : [])),
    tasks: parts.flatMap((part) => (part.part === "task" ? part.rows : [])),
    configs: parts.flatMap((part) => (part.part === "config" ? part.rows : [])),
    networks: parts.flatMap((part) => (part.part === "network" ? part.rows : [])),
    stacks: parts.flatMap((part) => (part.part === "stack" ? part.rows : [])),
    secrets: parts.flatMap((part) => (part.part === "secret" ? part.rows : [])),
    requests: parts.flatMap((part) => (part.part === "request" ? part.rows : [])),
  };
}

function listOf<Row>(rows: readonly Row[], keyOf: (row: Row) => string) {
  const sorted = rows.toSorted((a, b) => compareIds(keyOf(a), keyOf(b)));
  return { list: () => sorted };
}

function placesOf(plan: RestorePlan): ReadonlyMap<NodeId, NodeId> {
  return new Map(
    plan.nodes.flatMap(({ from, nodeId }) => (from === undefined ? [] : [[from, nodeId] as const])),
  );
}

/** Every node of the new cluster is new, so a change of the root that was under way is over. */
function clusterOf({ plan }: Turn, old: Cluster): Cluster {
  const { id, name, taskPool } = plan.cluster;
  const base = { ...old, id, name, taskPool, version: plan.index, updatedAt: plan.at };
  const { trust } = old;
  if (trust?.next === undefined) return base;
  const { next, ...rest } = trust;
  return { ...base, trust: { ...rest, rootPem: next.rootPem, rootKey: next.rootKey } };
}

/** J2. */
function nodesOf({ plan, time }: Turn, old: readonly Node[]): readonly Node[] {
  return plan.nodes.map(({ nodeId, from, name, role, availability, address, member }) => {
    const former = from === undefined ? undefined : old.find(({ id }) => id === from);
    return {
      id: nodeId,
      version: plan.index,
      specIndex: plan.index,
      createdAt: former?.createdAt ?? plan.at,
      updatedAt: plan.at,
      spec: { labels: {}, ...former?.spec, name, role, availability },
      description: { ...NOT_DESCRIBED, hostname: name, address },
      status: { state: "unknown", message: "has not joined since the restore", since: time },
      ...(member === undefined ? {} : { manager: member }),
    };
  });
}

const NOT_DESCRIBED: Node["description"] = {
  hostname: "",
  architecture: "",
  os: "",
  nanoCpus: 0,
  memoryBytes: 0,
  engineVersion: "",
  address: "",
  controlAddress: "",
  dataAddress: "",
  hostKey: "",
};

function serviceOf({ moved }: Turn, service: Service): Service {
  if (service.vips === undefined) return service;
  return { ...service, vips: movedAll(moved, service.vips) };
}

/** Who served on until its successor did is gone, too. */
function slotOf(turn: Turn, slot: Slot): Slot {
  const { servesUntil: _over, ...rest } = slot;
  return { ...rest, ...pinnedTo(turn, slot) };
}

/** J3. */
function taskOf(turn: Turn, task: Task): Task {
  const { address, networks } = task;
  const moved: Task = {
    ...task,
    ...pinnedTo(turn, task),
    ...(address === undefined ? {} : { address: turn.moved(address) }),
    ...(networks === undefined ? {} : { networks: movedAll(turn.moved, networks) }),
  };
  if (isTerminal(task.status.state) || task.nodeId === undefined) return moved;
  const { plan, time } = turn;
  const message = "the cluster was restored from a backup";
  const status = { state: "orphaned", at: plan.at, message } as const;
  return { ...moved, version: plan.index, updatedAt: plan.at, stateSince: time, status };
}

function pinnedTo({ places }: Turn, { pinnedTo: old }: Pick<Task, "pinnedTo">) {
  return old === undefined ? {} : { pinnedTo: places.get(old) ?? old };
}

function networkOf({ moved }: Turn, network: Network): Network {
  const { subnet, gateway, spec } = network;
  const wish = {
    ...(spec.subnet === undefined ? {} : { subnet: moved(spec.subnet) }),
    ...(spec.gateway === undefined ? {} : { gateway: moved(spec.gateway) }),
  };
  return { ...network, subnet: moved(subnet), gateway: moved(gateway), spec: { ...spec, ...wish } };
}

function movedAll(moved: Move, addresses: readonly NetworkAddress[]): readonly NetworkAddress[] {
  return addresses.map((one) => ({ ...one, address: moved(one.address) }));
}

/** J4. Addresses and prefixes outside the pool stay; undefined: the pools cannot be matched. */
function mover(from: string, to: string): Move | undefined {
  const [old, next] = [parseSubnet(from), parseSubnet(to)];
  if (old === undefined || next === undefined || old.bits !== next.bits) return undefined;
  const shift = next.base - old.base;
  const isInside = (base: number) => base >= old.base && base < old.base + old.size;
  return (text) => {
    const subnet = parseSubnet(text);
    const address = parseAddress(text);
    if (subnet !== undefined && isInside(subnet.base)) {
      return formatSubnet({ ...subnet, base: subnet.base + shift });
    }
    if (address !== undefined && isInside(address)) return formatAddress(address + shift);
    return text;
  };
}
