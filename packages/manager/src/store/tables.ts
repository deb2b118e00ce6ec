/**
 * The replicated state and its secondary indexes. Only `commit`, `advance` and `load` change it,
 * and only the store calls them.
 *
 * Invariants, checked against a full scan by store.property.test.ts:
 *   T1. Every index holds exactly the rows a scan of its table would give, in the same order.
 *   T2. A name or published port belongs to at most one service that is not removed; a removed
 *       service holds neither, though its row and tasks may still be there.
 *   T3. An address is held by at most one task, from the task's creation until its row goes. A
 *       virtual one is a service's until it is removed or leaves the network.
 */
import { unreachable } from "@skein/common/assert";
import type {
  ConfigId,
  LogIndex,
  NetworkId,
  NodeId,
  SecretId,
  ServiceId,
  StackId,
  TaskId,
} from "@skein/common/ids";
import { compareIds, logIndex } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Config } from "@skein/common/model/config";
import type { Network, NetworkAddress } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { PortSpec, Service } from "@skein/common/model/service";
import type { Stack } from "@skein/common/model/stack";
import type { Slot, Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { storeTime } from "@skein/common/time";
import { AddressHolders } from "./network-addresses.ts";
import { portKey } from "./ports.ts";
import { GroupedRows, RowSet, readOnly } from "./row-set.ts";
import type { ClusterView } from "./view.ts";
import type { RowWrite, Write } from "./write.ts";

/** What handlers see beyond the readers' view. */
export interface StoreView extends ClusterView {
  /** Where the search for a free task address goes on. */
  readonly addressCursor: number;
  readonly addressesHeld: number;
  addressHolder(address: string): TaskId | undefined;
  /** The task or service that holds an address of an overlay network. */
  networkAddressHolder(address: string): string | undefined;
  /** Tasks in `new`: made when no address was free, sorted by id. */
  newTasks(): readonly Task[];
  /** The services that are not removed and publish this port, sorted by id, with the mode. */
  portHolders(port: PortSpec): readonly Service[];
}

const byId = <Id extends string, Row extends { readonly id: Id }>() =>
  new RowSet<Id, Row>((row) => row.id, compareIds);
const tasksById = () => byId<TaskId, Task>();
const slotsByNumber = () =>
  new RowSet<number, Slot>(
    (slot) => slot.slot,
    (a, b) => a - b,
  );

export class Tables implements StoreView {
  #index = logIndex(0);
  #time = storeTime(0);
  #addressCursor = 0;
  #cluster: Cluster | undefined;
  readonly #nodes = byId<NodeId, Node>();
  readonly #services = byId<ServiceId, Service>();
  readonly #slots = new RowSet<string, Slot>(
    (slot) => slotKey(slot.serviceId, slot.slot),
    compareIds,
  );
  readonly #tasks = tasksById();
  readonly #configs = byId<ConfigId, Config>();
  readonly #networks = byId<NetworkId, Network>();
  readonly #stacks = byId<StackId, Stack>();
  readonly #secrets = byId<SecretId, Secret>();
  readonly #tasksOfService = new GroupedRows<ServiceId, TaskId, Task>(tasksById);
  readonly #tasksOfNode = new GroupedRows<NodeId, TaskId, Task>(tasksById);
  readonly #slotsOfService = new GroupedRows<ServiceId, number, Slot>(slotsByNumber);
  readonly #pending = tasksById();
  readonly #new = tasksById();
  readonly #serviceNames = new Map<string, ServiceId>();
  readonly #configNames = new Map<string, ConfigId>();
  readonly #secretNames = new Map<string, SecretId>();
  readonly #networkNames = new Map<string, NetworkId>();
  readonly #networkHolders = new AddressHolders();
  readonly #ports = new GroupedRows<string, ServiceId, Service>(() => byId<ServiceId, Service>());
  readonly #addresses = new Map<string, TaskId>();

  readonly nodes = readOnly(this.#nodes);
  readonly services = readOnly(this.#services);
  readonly slots = readOnly(this.#slots);
  readonly tasks = readOnly(this.#tasks);
  readonly configs = readOnly(this.#configs);
  readonly networks = readOnly(this.#networks);
  readonly stacks = readOnly(this.#stacks);
  readonly secrets = readOnly(this.#secrets);

  get index(): LogIndex {
    return this.#index;
  }
  get time(): StoreTime {
    return this.#time;
  }
  get cluster(): Cluster | undefined {
    return this.#cluster;
  }
  get addressCursor(): number {
    return this.#addressCursor;
  }
  get addressesHeld(): number {
    return this.#addresses.size;
  }

  tasksOfService(id: ServiceId): readonly Task[] {
    return this.#tasksOfService.list(id);
  }
  tasksOfNode(id: NodeId): readonly Task[] {
    return this.#tasksOfNode.list(id);
  }
  slotsOfService(id: ServiceId): readonly Slot[] {
    return this.#slotsOfService.list(id);
  }
  pendingTasks(): readonly Task[] {
    return this.#pending.list();
  }
  newTasks(): readonly Task[] {
    return this.#new.list();
  }
  serviceByName(name: string): Service | undefined {
    const id = this.#serviceNames.get(name);
    return id === undefined ? undefined : this.#services.get(id);
  }
  configByName(name: string): Config | undefined {
    const id = this.#configNames.get(name);
    return id === undefined ? undefined : this.#configs.get(id);
  }
  secretByName(name: string): Secret | undefined {
    const id = this.#secretNames.get(name);
    return id === undefined ? undefined : this.#secrets.get(id);
  }
  networkByName(name: string): Network | undefined {
    const id = this.#networkNames.get(name);
    return id === undefined ? undefined : this.#networks.get(id);
  }
  networkHeld(id: NetworkId): number {
    return this.#networkHolders.held(id);
  }
  networkAddressHolder(address: string): string | undefined {
    return this.#networkHolders.holder(address);
  }
  portHolders(port: PortSpec): readonly Service[] {
    return this.#ports.list(portKey(port));
  }
  addressHolder(address: string): TaskId | undefined {
    return this.#addresses.get(address);
  }

  /** Index and time of the command just applied, refused or not. */
  advance(index: LogIndex, time: StoreTime): void {
    this.#index = index;
    this.#time = time;
  }

  setAddressCursor(cursor: number): void {
    this.#addressCursor = cursor;
  }

  /**
   * Writes one row and its index entries. Cannot fail: whatever may be refused was refused before.
   */
  commit(write: Write): void {
    switch (write.table) {
      case "cluster":
        this.#cluster = write.after;
        return;
      case "node":
        writeRow(this.#nodes, write);
        return;
      case "service":
        this.#commitService(write);
        return;
      case "slot":
        this.#commitSlot(write);
        return;
      case "task":
        this.#commitTask(write);
        return;
      case "config":
        this.#commitConfig(write);
        return;
      case "secret":
        this.#commitSecret(write);
        return;
      case "network":
        this.#commitNetwork(write);
        return;
      case "stack":
        writeRow(this.#stacks, write);
        return;
      default:
        unreachable(write);
    }
  }

  #commitService({ before, after }: RowWrite<Service>): void {
    if (before !== undefined && before.removed !== true) {
      release(this.#serviceNames, before.spec.name, before.id);
      for (const port of before.ports) this.#ports.delete(portKey(port), before.id);
      this.#release(before.id, before.vips);
    }
    if (after !== undefined && after.removed !== true) {
      this.#serviceNames.set(after.spec.name, after.id);
      for (const port of after.ports) {
        if (port.publishedPort !== 0) this.#ports.put(portKey(port), after);
      }
      this.#hold(after.id, after.vips);
    }
    writeRow(this.#services, { before, after });
  }

  #commitSlot({ before, after }: RowWrite<Slot>): void {
    if (after !== undefined) {
      this.#slots.put(after);
      this.#slotsOfService.put(after.serviceId, after);
    } else if (before !== undefined) {
      this.#slots.delete(slotKey(before.serviceId, before.slot));
      this.#slotsOfService.delete(before.serviceId, before.slot);
    }
  }

  #commitTask({ before, after }: RowWrite<Task>): void {
    writeRow(this.#tasks, { before, after });
    if (before !== undefined) this.#forgetTask(before, after);
    this.#release(before?.id, before?.networks);
    this.#hold(after?.id, after?.networks);
    if (after === undefined) return;
    this.#tasksOfService.put(after.serviceId, after);
    if (after.nodeId !== undefined) this.#tasksOfNode.put(after.nodeId, after);
    if (isPending(after)) this.#pending.put(after);
    if (after.status.state === "new") this.#new.put(after);
    if (after.address !== undefined) this.#addresses.set(after.address, after.id);
  }

  /** Takes the old row out of the indexes the new one is not in. */
  #forgetTask(before: Task, after: Task | undefined): void {
    if (after === undefined) this.#tasksOfService.delete(before.serviceId, before.id);
    if (before.nodeId !== undefined && after?.nodeId !== before.nodeId) {
      this.#tasksOfNode.delete(before.nodeId, before.id);
    }
    if (after === undefined || !isPending(after)) this.#pending.delete(before.id);
    if (after?.status.state !== "new") this.#new.delete(before.id);
    if (before.address !== undefined && after?.address !== before.address) {
      release(this.#addresses, before.address, before.id);
    }
  }

  #commitNetwork({ before, after }: RowWrite<Network>): void {
    if (before !== undefined) release(this.#networkNames, before.spec.name, before.id);
    if (after !== undefined && after.removedAt === undefined) {
      this.#networkNames.set(after.spec.name, after.id);
    }
    writeRow(this.#networks, { before, after });
  }

  #hold(holder: string | undefined, addresses: readonly NetworkAddress[] = []): void {
    for (const { networkId, address } of addresses) {
      if (holder !== undefined) this.#networkHolders.take(networkId, address, holder);
    }
  }

  #release(holder: string | undefined, addresses: readonly NetworkAddress[] = []): void {
    for (const { networkId, address } of addresses) {
      if (holder !== undefined) this.#networkHolders.release(networkId, address, holder);
    }
  }

  #commitSecret({ before, after }: RowWrite<Secret>): void {
    if (before !== undefined) release(this.#secretNames, before.spec.name, before.id);
    if (after !== undefined) this.#secretNames.set(after.spec.name, after.id);
    writeRow(this.#secrets, { before, after });
  }

  #commitConfig({ before, after }: RowWrite<Config>): void {
    if (before !== undefined) release(this.#configNames, before.spec.name, before.id);
    if (after !== undefined) this.#configNames.set(after.spec.name, after.id);
    writeRow(this.#configs, { before, after });
  }
}

function isPending(task: Task): boolean {
  return task.status.state === "new" || task.status.state === "pending";
}

function writeRow<Id extends string, Row extends { readonly id: Id }>(
  rows: RowSet<Id, Row>,
  write: { readonly before: Row | undefined; readonly after: Row | undefined },
): void {
  if (write.after !== undefined) rows.put(write.after);
  else if (write.before !== undefined) rows.delete(write.before.id);
}

/** Only by the holder: in one commit its successor's row may come before its own. */
function release<Id extends string>(holders: Map<string, Id>, what: string, id: Id): void {
  if (holders.get(what) === id) holders.delete(what);
}
