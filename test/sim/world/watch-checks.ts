/**
 * Watches the watches: what `Store.onChange` tells at each manager process. Changes come in the
 * order of their index, each once, none is left out, equal indexes tell the same at every manager,
 * and a watch that resumes from an index is told exactly what came behind it.
 */
import { assert } from "@skein/common/assert";
import { logIndex } from "@skein/common/ids";
import { slotKey } from "@skein/common/model/task";
import type { Manager } from "@skein/manager/shell/manager";
import type { Change, ClusterView } from "@skein/manager/store/view";

/** Versions of rows by "table id". */
type Versions = Map<string, number>;

interface Watched {
  readonly name: string;
  readonly manager: Manager;
  /** Grown by changes alone, from what was there when the process began. */
  readonly copy: Versions;
  /** Since the process began or a snapshot replaced its state. */
  told: readonly Change[][];
  /** Resuming from here on must be possible. */
  since: number;
  last: number;
  /** A snapshot is replacing the state just now. */
  isRestoring: boolean;
}

export class WatchChecks {
  readonly #toldAt = new Map<number, string>();
  readonly #watched = new Map<string, Watched>();
  #deliveries = 0;

  /** A manager process begins; one of this name before it is gone. */
  follow(name: string, manager: Manager): void {
    const { view, store } = manager;
    const copy = versionsOf(view);
    const at = { since: view.index, last: view.index };
    const watched: Watched = { name, manager, copy, told: [], ...at, isRestoring: false };
    this.#watched.set(name, watched);
    hearRestores(watched);
    store.onChange((changes) => this.#told(watched, changes));
  }

  /** For the end: every copy equals the state it followed, and every index can be resumed from. */
  checkComplete(): void {
    for (const watched of this.#watched.values()) {
      const { name, manager, copy } = watched;
      const [grown, held] = [textOf(copy), textOf(versionsOf(manager.view))];
      assert(grown === held, `${name}: a watch holds\n${grown}\nand the store\n${held}`);
      checkResume(watched);
    }
  }

  counts(): { readonly deliveries: number } {
    return { deliveries: this.#deliveries };
  }

  #told(watched: Watched, changes: readonly Change[]): void {
    const { name } = watched;
    const index = changes[0]?.index ?? 0;
    assert(index > watched.last, `${name}: a watch was told ${index} after ${watched.last}`);
    const mixed = changes.some((change) => change.index !== index);
    assert(!mixed, `${name}: changes of several indexes in one delivery at ${index}`);
    watched.last = index;
    this.#deliveries += 1;
    for (const change of changes) follow(watched, change);
    if (watched.isRestoring) return;
    watched.told = [...watched.told, [...changes]];
    const text = changes.map(describe).join(", ");
    const known = this.#toldAt.get(index) ?? text;
    assert(known === text, `${name} tells of ${index}: ${text}; another manager told: ${known}`);
    this.#toldAt.set(index, text);
  }
}

/** The store tells nobody that a snapshot replaced its state when that changed no row. */
function hearRestores(watched: Watched): void {
  const { store } = watched.manager;
  const restore = store.restore.bind(store);
  store.restore = (index, bytes) => {
    watched.isRestoring = true;
    const restored = restore(index, bytes);
    watched.isRestoring = false;
    // Nothing before it can be resumed from.
    watched.told = [];
    watched.since = index;
    return restored;
  };
}

function follow({ name, copy, isRestoring }: Watched, change: Change): void {
  const key = `${change.table} ${change.id}`;
  const [held, before, after] = [copy.get(key), versionOf(change.before), versionOf(change.after)];
  const what = `${name}: ${describe(change)} at ${change.index}`;
  assert(held === before, `${what}: it was at version ${before}, the watch knows ${held}`);
  const written = after ?? change.index;
  const isNew = isRestoring ? written <= change.index : written === change.index;
  assert(isNew, `${what}: it has version ${after}`);
  if (after === undefined) copy.delete(key);
  else copy.set(key, after);
}

/** From the beginning, the end, and somewhere between. */
function checkResume({ name, manager, told, since, last }: Watched): void {
  const middle = told[Math.floor(told.length / 2)]?.[0]?.index ?? last;
  for (const from of [since, middle, last]) {
    const expected = told.flat().filter((change) => change.index > from);
    const resumed = manager.store.changesSince(logIndex(from));
    const same =
      resumed?.length === expected.length && resumed.every((c, at) => c === expected[at]);
    assert(same, `${name}: resumed from ${from}: ${resumed?.length} of ${expected.length} changes`);
  }
}

function versionsOf(view: ClusterView): Versions {
  const versions: Versions = new Map();
  if (view.cluster !== undefined) versions.set(`cluster ${view.cluster.id}`, view.cluster.version);
  for (const { id, version } of view.nodes.list()) versions.set(`node ${id}`, version);
  for (const { id, version } of view.services.list()) versions.set(`service ${id}`, version);
  for (const { id, version } of view.tasks.list()) versions.set(`task ${id}`, version);
  for (const { id, version } of view.configs.list()) versions.set(`config ${id}`, version);
  for (const { serviceId, slot, version } of view.slots.list()) {
    versions.set(`slot ${slotKey(serviceId, slot)}`, version);
  }
  return versions;
}

/** Every row of every table has a version. */
function versionOf(row: unknown): number | undefined {
  if (typeof row !== "object" || row === null || !("version" in row)) return undefined;
  return Number(row.version);
}

function describe({ action, table, id }: Change): string {
  return `${action} ${table} ${id}`;
}

function textOf(versions: Versions): string {
  return [...versions]
    .map(([key, version]) => `${key} v${version}`)
    .toSorted()
    .join("\n");
}
