/** What the scheduler knows of a node: its row, and what the tasks on it take. */
import type { NodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { PortSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { TASK_STATES } from "@skein/common/model/task-state";
import type { ClusterView } from "../store/view.ts";
import type { GenericUnits } from "./generic.ts";
import { unitsIn } from "./generic.ts";

export interface NodeInfo {
  readonly id: NodeId;
  readonly node: Node;
  /** Copied here: every group asks, and the rows are spread over the heap. */
  readonly isReady: boolean;
  /** Tasks that are wanted and not over, of all services. */
  tasks: number;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  /** Host-mode ports held. Never changed in place: nodes without any share one set. */
  hostPorts: ReadonlySet<string>;
  /** Generic resources held; nodes that hold none share one map. */
  generic: GenericUnits;
}

/** What the tasks of one node take together. */
interface Load {
  readonly tasks: number;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly hostPorts: ReadonlySet<string>;
  readonly generic: GenericUnits;
}

const NO_PORTS: ReadonlySet<string> = new Set();
const NO_UNITS: GenericUnits = new Map();
const NO_LOAD: Load = {
  tasks: 0,
  nanoCpus: 0,
  memoryBytes: 0,
  hostPorts: NO_PORTS,
  generic: NO_UNITS,
};

/**
 * Loads by the list of tasks they were counted from. The store hands out the same list until a
 * task of the node changes, so that a run counts anew only what changed: with 50,000 tasks that
 * is what a run costs.
 */
const loads = new WeakMap<readonly Task[], Load>();

/** Sorted by node id. */
export function nodeInfos(view: ClusterView): readonly NodeInfo[] {
  return view.nodes.list().map((node) => {
    const load = loadOf(view.tasksOfNode(node.id));
    return {
      id: node.id,
      node,
      isReady: node.status.state === "ready" && node.spec.availability === "active",
      tasks: load.tasks,
      freeNanoCpus: node.description.nanoCpus - load.nanoCpus,
      freeMemoryBytes: node.description.memoryBytes - load.memoryBytes,
      hostPorts: load.hostPorts,
      generic: load.generic,
    };
  });
}

/** Books a task on a node. A task that is asked to stop holds its resources until it has. */
export function occupy(info: NodeInfo, task: Task): void {
  const load = loadOfTask(task);
  info.tasks += load.tasks;
  info.freeNanoCpus -= load.nanoCpus;
  info.freeMemoryBytes -= load.memoryBytes;
  info.hostPorts = union(info.hostPorts, load.hostPorts);
  info.generic = together(info.generic, load.generic);
}

/** Counts for spreading and for the limit of replicas a node. */
export function isActive(task: Task): boolean {
  return isThere(task) && (task.desired === "running" || task.desired === "ready");
}

export function hostPortKeys(ports: readonly PortSpec[]): readonly string[] {
  return ports
    .filter(({ mode }) => mode === "host")
    .map(({ publishedPort, protocol }) => `${publishedPort}/${protocol}`);
}

function isThere(task: Task): boolean {
  return TASK_STATES[task.status.state] <= TASK_STATES.running;
}

function loadOf(tasks: readonly Task[]): Load {
  if (tasks.length === 0) return NO_LOAD;
  const known = loads.get(tasks);
  if (known !== undefined) return known;
  let load = NO_LOAD;
  for (const task of tasks) if (isThere(task)) load = sum(load, loadOfTask(task));
  loads.set(tasks, load);
  return load;
}

function loadOfTask(task: Task): Load {
  const ports = task.ports.length === 0 ? [] : hostPortKeys(task.ports);
  return {
    tasks: isActive(task) ? 1 : 0,
    nanoCpus: task.spec.reservedNanoCpus ?? 0,
    memoryBytes: task.spec.reservedMemoryBytes ?? 0,
    hostPorts: ports.length === 0 ? NO_PORTS : new Set(ports),
    generic: task.generic === undefined ? NO_UNITS : heldUnits(task.generic),
  };
}

function sum(a: Load, b: Load): Load {
  return {
    tasks: a.tasks + b.tasks,
    nanoCpus: a.nanoCpus + b.nanoCpus,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    hostPorts: union(a.hostPorts, b.hostPorts),
    generic: together(a.generic, b.generic),
  };
}

function heldUnits(generic: Readonly<Record<string, string>>): GenericUnits {
  return new Map(Object.entries(generic).map(([kind, text]) => [kind, unitsIn(text)]));
}

function together(a: GenericUnits, b: GenericUnits): GenericUnits {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  const kinds = new Set([...a.keys(), ...b.keys()]);
  return new Map(
    [...kinds].map((kind) => [kind, [...(a.get(kind) ?? []), ...(b.get(kind) ?? [])]]),
  );
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  if (b.size === 0) return a;
  return a.size === 0 ? b : new Set([...a, ...b]);
}
