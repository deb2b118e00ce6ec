/**
 * What holds of every state of the store, found out the slow and obvious way: by scanning
 * everything. Run after each command in tests and in the simulation, never in business code.
 */
import { compareIds } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import { parsePool } from "./addresses.ts";
import { networkFaults } from "./network-audit.ts";
import { portKey, requestRule } from "./ports.ts";
import { taskRange } from "./subnets.ts";
import { isWanted } from "./task-writes.ts";
import type { ClusterView } from "./view.ts";

/** One sentence for each broken invariant; none when all hold. */
export function storeFaults(view: ClusterView): readonly string[] {
  return [
    ...indexFaults(view),
    ...slotFaults(view),
    ...nameFaults(view),
    ...addressFaults(view),
    ...networkFaults(view),
    ...versionFaults(view),
  ];
}

/** T1: every index lists what a scan finds, in the same order. */
function indexFaults(view: ClusterView): readonly string[] {
  const tasks = view.tasks.list();
  const slots = view.slots.list();
  const isPending = ({ status }: Task) => status.state === "new" || status.state === "pending";
  const services = new Set([...view.services.list(), ...tasks.map(serviceOf)].map(({ id }) => id));
  const nodes = new Set(tasks.flatMap(({ nodeId }) => nodeId ?? []));
  return [
    ...differs("pendingTasks", view.pendingTasks(), tasks.filter(isPending)),
    ...[...nodes].flatMap((id) =>
      differs(
        `tasksOfNode ${id}`,
        view.tasksOfNode(id),
        tasks.filter((task) => task.nodeId === id),
      ),
    ),
    ...[...services].flatMap((id) => [
      ...differs(
        `tasksOfService ${id}`,
        view.tasksOfService(id),
        tasks.filter((task) => task.serviceId === id),
      ),
      ...differs(
        `slotsOfService ${id}`,
        view.slotsOfService(id),
        slots.filter((slot) => slot.serviceId === id).toSorted((a, b) => a.slot - b.slot),
      ),
    ]),
    ...unsorted(
      "nodes",
      view.nodes.list().map(({ id }) => id),
    ),
    ...unsorted(
      "services",
      view.services.list().map(({ id }) => id),
    ),
    ...unsorted(
      "tasks",
      tasks.map(({ id }) => id),
    ),
    ...unsorted(
      "configs",
      view.configs.list().map(({ id }) => id),
    ),
    ...unsorted(
      "slots",
      slots.map(({ serviceId, slot }) => slotKey(serviceId, slot)),
    ),
  ];
}

/** A slot names a task of its own that exists; of one version it has at most one wanted task. */
function slotFaults(view: ClusterView): readonly string[] {
  const faults: string[] = [];
  for (const slot of view.slots.list()) {
    const key = slotKey(slot.serviceId, slot.slot);
    const task = slot.taskId === undefined ? undefined : view.tasks.get(slot.taskId);
    const service = view.services.get(slot.serviceId);
    if (service === undefined || service.removed === true) faults.push(`slot ${key}: no service`);
    if (task === undefined) faults.push(`slot ${key}: its task is missing`);
    else if (task.generation !== slot.generation) faults.push(`slot ${key}: generation of task`);
  }
  // While its node is drained the former task serves beside the new one (servesUntil).
  const drained = new Set(
    view.slots
      .list()
      .filter(({ servesUntil }) => servesUntil !== undefined)
      .map(({ serviceId, slot }) => slotKey(serviceId, slot)),
  );
  const wanted = view.tasks
    .list()
    .filter((task) => isWanted(task) && !drained.has(slotKey(task.serviceId, task.slot)));
  const names = wanted.map((task) => `${slotKey(task.serviceId, task.slot)} v${task.taskIndex}`);
  for (const name of repeated(names)) faults.push(`slot ${name}: two wanted tasks`);
  return faults;
}

/** T2: names and published ports belong to one service that is not removed. */
function nameFaults(view: ClusterView): readonly string[] {
  const living = view.services.list().filter(({ removed }) => removed !== true);
  const ingress = living.flatMap(({ ports }) => ports.filter(({ mode }) => mode === "ingress"));
  const host = new Set(living.flatMap((service) => hostPorts(service)));
  const configs = view.configs.list();
  return [
    ...repeated(living.map(({ spec }) => spec.name)).map((name) => `service name ${name} twice`),
    ...repeated(configs.map(({ spec }) => spec.name)).map((name) => `config name ${name} twice`),
    ...repeated(living.flatMap(ingressPorts)).map((port) => `port ${port} twice`),
    ...ingress.filter((port) => host.has(portKey(port))).map((port) => `${portKey(port)} on host`),
    ...ingress.filter((port) => port.publishedPort === 0).map(() => "a port is not assigned"),
    ...living
      .filter((service) => view.serviceByName(service.spec.name) !== service)
      .map(({ id }) => `service ${id} is not found by name`),
    ...repeated(view.secrets.list().map(({ spec }) => spec.name)).map(
      (name) => `secret ${name} twice`,
    ),
    ...configs
      .filter((config) => view.configByName(config.spec.name) !== config)
      .map(({ id }) => `config ${id} is not found by name`),
  ];
}

/** With the requests that the service answers there: several may share a port by them. */
function ingressPorts({ ports, spec }: Service): readonly string[] {
  const rule = requestRule(spec.labels) ?? "";
  return ports.filter(({ mode }) => mode === "ingress").map((port) => `${portKey(port)} ${rule}`);
}

function hostPorts({ ports }: Service): readonly string[] {
  return ports.filter(({ mode }) => mode === "host").map(portKey);
}

/** T3 and W4: no address is held twice, and nobody waits for one while one is free. */
function addressFaults(view: ClusterView): readonly string[] {
  const tasks = view.tasks.list();
  const held = tasks.flatMap(({ address }) => address ?? []);
  const pool = parsePool(taskRange(view.cluster?.taskPool ?? ""));
  // One that waits for an address of a network is the allocator's, which is no part of the store.
  const isWaiting = (task: Task) =>
    task.status.state === "new" && isWanted(task) && task.spec.networks === undefined;
  const isFree = pool !== undefined && held.length < pool.usable;
  return [
    ...repeated(held).map((address) => `address ${address} twice`),
    ...(isFree ? tasks.filter(isWaiting).map(({ id }) => `task ${id} waits for no reason`) : []),
    ...tasks
      .filter(({ address, status }) => address === undefined && status.state === "pending")
      .map(({ id }) => `task ${id} is pending without an address`),
  ];
}

/** No row is newer than the state, or than the write of its own spec. */
function versionFaults(view: ClusterView): readonly string[] {
  const rows = [...view.nodes.list(), ...view.services.list(), ...view.tasks.list()];
  return [
    ...[...rows, ...view.configs.list()]
      .filter(({ version }) => version > view.index)
      .map(({ id }) => `${id} is newer than the state`),
    ...view.services
      .list()
      .filter((row) => row.taskIndex > row.specIndex || row.specIndex > row.version)
      .map(({ id }) => `service ${id}: versions out of order`),
  ];
}

function serviceOf(task: Task): { readonly id: Task["serviceId"] } {
  return { id: task.serviceId };
}

function differs<Row>(
  what: string,
  indexed: readonly Row[],
  scanned: readonly Row[],
): readonly string[] {
  const isSame =
    indexed.length === scanned.length && indexed.every((row, at) => row === scanned[at]);
  return isSame ? [] : [`${what}: ${indexed.length} rows, a scan finds ${scanned.length}`];
}

function unsorted(what: string, ids: readonly string[]): readonly string[] {
  const sorted = ids.toSorted(compareIds);
  return ids.every((id, at) => id === sorted[at]) ? [] : [`${what} are not sorted`];
}

function repeated(values: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}
