/**
 * What a node of the kernel plane must have: a decider from the serving table and the node's own
 * tasks to facts of the kernel, each a line of `ip`. The shell lists what there is, compares, and
 * repairs; nothing is ever scripted from a former state.
 *
 * A task has a network namespace of its own, joined by a pair of interfaces; the node routes. An
 * address is reachable from a task when a routing table of one of its networks has it: isolation is
 * the absence of a route. Tasks on other machines are reached through a tunnel (VXLAN), one device
 * for all networks.
 *
 * Invariants:
 *   K1. A task's packets to the cluster's addresses look only at the tables of its networks, and
 *       end there: the last rule of each task makes everything else unreachable.
 *   K2. Facts name their owner (names.ts); what another node or cluster made is not looked at.
 *   K3. Equal inputs give equal facts in equal order: applied twice, the second time does nothing.
 */
import type { NetworkId, NodeId, TaskId } from "@skein/common/ids";
import type { NetworkAddress } from "@skein/common/model/network";
import type { Backend, ServiceRoute } from "@skein/common/model/routes";
import { interfaceOf, metricOf, TUNNEL, tableOf, tunnelMac } from "./names.ts";

export interface KernelNode {
  readonly id: NodeId;
  /** Where other machines send frames to. */
  readonly underlay: string;
  /** What tasks see of the node: their way out, and their name server. */
  readonly gateway: string;
  /** Addresses of this machine: tasks of nodes that have them need no tunnel. */
  readonly machine: ReadonlySet<string>;
}

export interface KernelTask {
  readonly taskId: TaskId;
  /** From the cluster's pool: every task has one. */
  readonly address: string;
  readonly networks: readonly NetworkAddress[];
}

/** One thing the kernel must know. `key` is how a listing shows it. */
export interface Fact {
  readonly kind: "address" | "neighbour" | "route" | "rule";
  readonly key: string;
  /** Arguments of `ip`. */
  readonly add: string;
}

export interface KernelPlan {
  /** A tunnel is needed: there are tasks on other machines. */
  readonly tunnel: boolean;
  readonly facts: readonly Fact[];
}

/** Where the cluster's addresses lie. */
export const SPACE = "10.64.0.0/10";
const RULE_NETWORK = 20_000;
const RULE_END = 20_001;

export function planKernel(
  node: KernelNode,
  tasks: readonly KernelTask[],
  routes: readonly ServiceRoute[],
): KernelPlan {
  const facts = new Map<string, Fact>();
  const add = (fact: Fact): void => void facts.set(`${fact.kind} ${fact.key}`, fact);
  add(address(node.gateway));
  const wanted = new Set(tasks.flatMap(({ networks }) => networks.map((one) => one.networkId)));
  for (const task of tasks) for (const fact of taskFacts(node, task)) add(fact);
  const remote = new Set<string>();
  for (const backend of routes.flatMap(({ backends }) => backends)) {
    if (backend.nodeId === node.id) continue;
    const underlay = hostOf(backend);
    const isHere = node.machine.has(underlay);
    for (const fact of memberFacts(node, backend, { wanted, isHere, underlay })) add(fact);
    const isMember = backend.networks?.some(({ networkId }) => wanted.has(networkId)) === true;
    if (!isHere && isMember) remote.add(underlay);
  }
  for (const underlay of remote) add(neighbour(underlay));
  return { tunnel: remote.size > 0, facts: [...facts.values()] };
}

function address(value: string): Fact {
  return { kind: "address", key: value, add: `addr add ${value}/32 dev lo` };
}

function neighbour(underlay: string): Fact {
  const mac = tunnelMac(underlay);
  const add = `neigh replace ${underlay} lladdr ${mac} dev ${TUNNEL} nud permanent`;
  return { kind: "neighbour", key: `${underlay} ${mac}`, add };
}

/** Where a task of this node is, for the node and for those who share a network with it. */
function taskFacts(node: KernelNode, task: KernelTask): readonly Fact[] {
  const device = interfaceOf(node.id, task.taskId);
  const own = [task.address, ...task.networks.map((one) => one.address)];
  return [
    ...own.map((value) => route({ table: undefined, value, node, via: `dev ${device}` })),
    ...task.networks.map(({ networkId, address: value }) =>
      route({ table: tableOf(node.id, networkId), value, node, via: `dev ${device}` }),
    ),
    ...task.networks.map(({ networkId }) => {
      const table = tableOf(node.id, networkId);
      return rule(`pref ${RULE_NETWORK} iif ${device} table ${table}`);
    }),
    rule(`pref ${RULE_END} iif ${device} to ${SPACE} type unreachable`), // K1
  ];
}

interface Membership {
  readonly wanted: ReadonlySet<NetworkId>;
  readonly isHere: boolean;
  readonly underlay: string;
}

/** Tasks of other nodes on networks that this node's tasks are on. */
function memberFacts(
  node: KernelNode,
  backend: Backend,
  { wanted, isHere, underlay }: Membership,
): readonly Fact[] {
  const device = interfaceOf(backend.nodeId, backend.taskId);
  const tunnel = `encap ip id 1 dst ${underlay} ttl 64 via ${underlay} dev ${TUNNEL} onlink`;
  return (backend.networks ?? [])
    .filter(({ networkId }) => wanted.has(networkId))
    .flatMap(({ networkId, address: value }) => {
      const via = isHere ? `dev ${device}` : tunnel;
      const ours = route({ table: tableOf(node.id, networkId), value, node, via });
      // The node itself reaches it, too: virtual addresses are carried by the node. A task of
      // another node of this machine is in the main table already.
      return isHere ? [ours] : [ours, route({ table: undefined, value, node, via })];
    });
}

function route(what: {
  readonly table: number | undefined;
  readonly value: string;
  readonly node: KernelNode;
  readonly via: string;
}): Fact {
  const { table, value, node, via } = what;
  const device = / dev (\S+)/.exec(` ${via}`)?.[1] ?? "";
  const underlay = / dst (\S+)/.exec(via)?.[1];
  const where = underlay === undefined ? device : `${device} to ${underlay}`;
  const named = table === undefined ? "main" : String(table);
  const metric = metricOf(node.id);
  return {
    kind: "route",
    key: `${value} table ${named} ${where}`,
    add: `route replace ${value}/32 ${via} table ${named} metric ${metric}`,
  };
}

function rule(text: string): Fact {
  return { kind: "rule", key: text, add: `rule add ${text}` };
}

function hostOf({ dataAddress }: Backend): string {
  return dataAddress.replace(/:\d+$/, "");
}

/** What is made once inside a task's namespace, as lines of `ip -n NAMESPACE`. */
export function insideTask(
  node: KernelNode,
  task: KernelTask,
  subnets: ReadonlyMap<NetworkId, string>,
): readonly string[] {
  const own = [task.address, ...task.networks.map((one) => one.address)];
  return [
    "link set lo up",
    "link set eth0 up",
    ...own.map((value) => `addr add ${value}/32 dev eth0`),
    `route add ${node.gateway} dev eth0 scope link src ${task.address}`,
    `route add default via ${node.gateway} src ${task.address}`,
    // The address on the network it speaks to: by it the others know who speaks.
    ...task.networks.flatMap(({ networkId, address: value }) => {
      const subnet = subnets.get(networkId);
      return subnet === undefined ? [] : [`route add ${subnet} via ${node.gateway} src ${value}`];
    }),
  ];
}
