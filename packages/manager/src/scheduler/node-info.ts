/** What the scheduler knows of a node: its row, and what the tasks on it take. */
import type { NodeId } from "@skein/common/ids";
import type { Node } from "@skein/common/model/node";
import type { PortSpec } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import { TASK_STATES } from "@skein/common/model/task-state";
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

export function nodeInfo(node: Node, tasks: readonly Task[]): NodeInfo {
  const load = loadOf(tasks);
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
  let [count, nanoCpus, memoryBytes] = [0, 0, 0];
  let [hostPorts, generic] = [NO_PORTS, NO_UNITS];
  for (const task of tasks) {
    if (!isThere(task)) continue;
    if (isActive(task)) count += 1;
    nanoCpus += task.spec.reservedNanoCpus ?? 0;
    memoryBytes += task.spec.reservedMemoryBytes ?? 0;
    if (task.ports.length > 0) hostPorts = union(hostPorts, hostPortsOf(task));
    if (task.generic !== undefined) generic = together(generic, heldUnits(task.generic));
  }
  return { tasks: count, nanoCpus, memoryBytes, hostPorts, generic };
}

function loadOfTask(task: Task): Load {
  return {
    tasks: isActive(task) ? 1 : 0,
    nanoCpus: task.spec.reservedNanoCpus ?? 0,
    memoryBytes: task.spec.reservedMemoryBytes ?? 0,
    hostPorts: task.ports.length === 0 ? NO_PORTS : hostPortsOf(task),
    generic: task.generic === undefined ? NO_UNITS : heldUnits(task.generic),
  };
}

function hostPortsOf({ ports }: Task): ReadonlySet<string> {
  const keys = hostPortKeys(ports);
  return keys.length === 0 ? NO_PORTS : new Set(keys);
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
