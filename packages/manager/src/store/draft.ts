/**
 * What one command has written so far, over the state it found. A handler reads its own writes
 * here, and returns them; nothing reaches the tables unless the handler ends with `accept`.
 *
 * Invariants:
 *   D1. Every row written carries the command's log index as version, and its wall time where it
 *       has one.
 *   D2. Writes come out by table, then in the order in which the handler first touched the row: the
 *       same on every replica, since a handler walks nothing but sorted lists and its command's
 *       items.
 */
import type { LogIndex, NetworkId, TaskId } from "@skein/common/ids";
import type { Cluster } from "@skein/common/model/cluster";
import type { Config } from "@skein/common/model/config";
import type { Network, NetworkAddress, NetworkWish } from "@skein/common/model/network";
import type { Node } from "@skein/common/model/node";
import type { Secret } from "@skein/common/model/secret";
import type { Service } from "@skein/common/model/service";
import type { Stack } from "@skein/common/model/stack";
import type { Slot, Task } from "@skein/common/model/task";
import { slotKey } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { StoreTime } from "@skein/common/time";
import { nextAddress, parsePool } from "./addresses.ts";
import type { Accepted, Refusal } from "./command.ts";
import { exhausted, lease, rest } from "./network-addresses.ts";
import { taskRange } from "./subnets.ts";
import type { StoreView } from "./tables.ts";
import type { RowWrite, Write } from "./write.ts";

/** What the envelope and the log say of the command being applied. */
export interface Facts {
  readonly index: LogIndex;
  /** Store time: the later of the state's and the envelope's. */
  readonly time: StoreTime;
  readonly wall: number;
  /** Version of the command: what a handler does for it is frozen once released. */
  readonly commandVersion: number;
}

/** What a handler answers: everything it wants written, and what the caller is told. */
export interface Applied {
  readonly writes: readonly Write[];
  readonly addressCursor: number;
  readonly accepted: Accepted;
}

export interface TaskAddresses {
  readonly address: string;
  readonly networks?: readonly NetworkAddress[];
}

export type Outcome = Result<Applied, Refusal>;

/** One table's rows as the command sees them. */
class Overlay<Id extends string, Row extends object> {
  readonly #base: (id: Id) => Row | undefined;
  readonly #idOf: (row: Row) => Id;
  readonly #stamp: (row: Row) => Row;
  /** In order of first touch (D2); undefined: removed. */
  readonly #written = new Map<Id, Row | undefined>();

  constructor(base: (id: Id) => Row | undefined, idOf: (row: Row) => Id, stamp: (row: Row) => Row) {
    this.#base = base;
    this.#idOf = idOf;
    this.#stamp = stamp;
  }

  get(id: Id): Row | undefined {
    return this.#written.has(id) ? this.#written.get(id) : this.#base(id);
  }

  put(row: Row): void {
    this.#written.set(this.#idOf(row), this.#stamp(row));
  }

  remove(id: Id): void {
    this.#written.set(id, undefined);
  }

  writes(): readonly RowWrite<Row>[] {
    const writes: RowWrite<Row>[] = [];
    for (const [id, after] of this.#written) {
      const before = this.#base(id);
      if (before !== undefined || after !== undefined) writes.push({ id, before, after });
    }
    return writes;
  }
}

export class Draft {
  readonly view: StoreView;
  readonly facts: Facts;
  readonly nodes: Overlay<Node["id"], Node>;
  readonly services: Overlay<Service["id"], Service>;
  readonly slots: Overlay<string, Slot>;
  readonly tasks: Overlay<TaskId, Task>;
  readonly configs: Overlay<Config["id"], Config>;
  readonly networks: Overlay<NetworkId, Network>;
  readonly stacks: Overlay<Stack["id"], Stack>;
  readonly secrets: Overlay<Secret["id"], Secret>;
  readonly #skipped: { readonly item: string; readonly reason: string }[] = [];
  readonly #taken = new Set<string>();
  readonly #released = new Set<string>();
  /** Addresses on overlay networks, likewise. */
  readonly #leased = new Map<string, NetworkId>();
  #cluster: Cluster | undefined;
  #addressCursor: number;
  /** How many of the tasks that wait for an address were looked at (one pass per command). */
  #waitingSeen = 0;

  constructor(view: StoreView, facts: Facts) {
    const stamp = { version: facts.index, updatedAt: facts.wall };
    this.view = view;
    this.facts = facts;
    this.#addressCursor = view.addressCursor;
    this.nodes = new Overlay(view.nodes.get, idOf, (row) => ({ ...row, ...stamp }));
    this.services = new Overlay(view.services.get, idOf, (row) => ({ ...row, ...stamp }));
    this.tasks = new Overlay(view.tasks.get, idOf, (row) => ({ ...row, ...stamp }));
    this.configs = new Overlay(view.configs.get, idOf, (row) => ({ ...row, ...stamp }));
    this.networks = new Overlay(view.networks.get, idOf, (row) => ({ ...row, ...stamp }));
    this.stacks = new Overlay(view.stacks.get, idOf, (row) => ({ ...row, ...stamp }));
    this.secrets = new Overlay(view.secrets.get, idOf, (row) => ({ ...row, ...stamp }));
    // A slot has no times: it is not shown by itself.
    this.slots = new Overlay(
      view.slots.get,
      (slot) => slotKey(slot.serviceId, slot.slot),
      (row) => ({ ...row, version: facts.index }),
    );
  }

  /** Version and times of a new row; the version is what `put` stamps anyway. */
  born(): { readonly version: number; readonly createdAt: number; readonly updatedAt: number } {
    return {
      version: this.facts.index,
      createdAt: this.facts.wall,
      updatedAt: this.facts.wall,
    };
  }

  putCluster(row: Cluster): void {
    this.#cluster = row;
  }

  /** An item that no longer holds: counted, not refused. */
  skip(item: string, reason: string): void {
    this.#skipped.push({ item, reason });
  }

  /** Undefined when every address of the pool is held. */
  takeAddress(): string | undefined {
    const pool = parsePool(taskRange(this.view.cluster?.taskPool ?? ""));
    if (pool === undefined) return undefined;
    const held = this.view.addressesHeld + this.#taken.size - this.#released.size;
    // Without this every task of a full pool would walk all of it.
    if (held >= pool.usable) return undefined;
    const found = nextAddress(pool, this.#addressCursor, (address) => this.#isHeld(address));
    if (found === undefined) return undefined;
    this.#addressCursor = found.cursor;
    this.#taken.add(found.address);
    return found.address;
  }

  releaseAddress(address: string): void {
    if (!this.#taken.delete(address)) this.#released.add(address);
  }

  /** All addresses of a task (N4), or why there are not enough. */
  takeAddresses(wishes: readonly NetworkWish[]): Result<TaskAddresses, string> {
    const networks = this.takeNetworkAddresses(wishes.map(({ networkId }) => networkId));
    if (!networks.ok) return networks;
    const address = this.takeAddress();
    if (address !== undefined) {
      return ok(wishes.length === 0 ? { address } : { address, networks: networks.value });
    }
    this.#unlease(networks.value);
    return fail(`no address available in ${this.view.cluster?.taskPool ?? "the cluster"}`);
  }

  /** One address on each network, or none and why. */
  takeNetworkAddresses(ids: readonly NetworkId[]): Result<readonly NetworkAddress[], string> {
    const taken: NetworkAddress[] = [];
    for (const id of ids) {
      const network = this.networks.get(id);
      const isHeld = (address: string) =>
        this.#leased.has(address) || this.view.networkAddressHolder(address) !== undefined;
      const found = network === undefined ? undefined : lease(network, this.facts.time, isHeld);
      if (found === undefined) {
        this.#unlease(taken);
        return fail(network === undefined ? `network ${id} is gone` : this.#exhausted(network));
      }
      this.networks.put(found.network);
      this.#leased.set(found.address, id);
      taken.push({ networkId: id, address: found.address });
    }
    return ok(taken);
  }

  /** They rest before anybody else gets them (N2), in this command too. */
  releaseNetworkAddresses(addresses: readonly NetworkAddress[]): void {
    for (const { networkId, address } of addresses) {
      const network = this.networks.get(networkId);
      if (network !== undefined) this.networks.put(rest(network, address, this.facts.time));
    }
  }

  /** Nobody has heard of them: they need no rest. */
  #unlease(addresses: readonly NetworkAddress[]): void {
    for (const { address } of addresses) this.#leased.delete(address);
  }

  #exhausted(network: Network): string {
    const leased = [...this.#leased.values()].filter((id) => id === network.id).length;
    return exhausted(network, this.view.networkHeld(network.id) + leased, this.facts.time);
  }

  /** The next task that was made without an address and still has none, lowest id first. */
  nextWaiting(): Task | undefined {
    const waiting = this.view.newTasks();
    while (this.#waitingSeen < waiting.length) {
      const seen = waiting[this.#waitingSeen];
      this.#waitingSeen += 1;
      const task = seen === undefined ? undefined : this.tasks.get(seen.id);
      if (task?.status.state === "new") return task;
    }
    return undefined;
  }

  accept(id?: string): Outcome {
    const accepted = { warnings: [], skipped: this.#skipped };
    return ok({
      writes: this.#writes(),
      addressCursor: this.#addressCursor,
      accepted: id === undefined ? accepted : { id, ...accepted },
    });
  }

  #isHeld(address: string): boolean {
    if (this.#taken.has(address)) return true;
    return !this.#released.has(address) && this.view.addressHolder(address) !== undefined;
  }

  #writes(): readonly Write[] {
    const writes: Write[] = [];
    if (this.#cluster !== undefined) {
      const { cluster } = this.view;
      writes.push({
        table: "cluster",
        id: this.#cluster.id,
        before: cluster,
        after: this.#cluster,
      });
    }
    for (const write of this.nodes.writes()) writes.push({ table: "node", ...write });
    for (const write of this.services.writes()) writes.push({ table: "service", ...write });
    for (const write of this.slots.writes()) writes.push({ table: "slot", ...write });
    for (const write of this.tasks.writes()) writes.push({ table: "task", ...write });
    for (const write of this.configs.writes()) writes.push({ table: "config", ...write });
    for (const write of this.networks.writes()) writes.push({ table: "network", ...write });
    for (const write of this.stacks.writes()) writes.push({ table: "stack", ...write });
    for (const write of this.secrets.writes()) writes.push({ table: "secret", ...write });
    return writes;
  }
}

function idOf<Id extends string>(row: { readonly id: Id }): Id {
  return row.id;
}
