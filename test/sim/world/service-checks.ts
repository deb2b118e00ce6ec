/**
 * What must hold of services whatever happens to their cluster. At every look:
 *
 *   a slot has one wanted task, but where its update keeps the former one until the new one serves,
 *   where its node is drained, and where a former set stands by; what a leader left half done is
 *   put in order within `ORDER_MS` of any leader's work
 *   no deadline passes unheard, and none begins anew with a leader: within `LATE_MS` of it, with
 *   somebody leading, and not longer after it was first seen than it was to last
 *
 * At the end (`isAsAsked`): what runs is what was asked for, or the reason is shown.
 */
import { assert } from "@skein/common/assert";
import type { Service } from "@skein/common/model/service";
import { replicasOf } from "@skein/common/model/service-mode";
import type { Slot, Task } from "@skein/common/model/task";
import { isTerminal } from "@skein/common/model/task-state";
import type { Manager } from "@skein/manager/shell/manager";
import type { ClusterView } from "@skein/manager/store/view";
import type { World } from "./world.ts";

const LOOK_MS = 25;
const ORDER_MS = 5000;
const LATE_MS = 3000;

interface Due {
  /** By the world's clock. */
  readonly at: number;
  /** What was lost to changes of leaders by then. */
  readonly lost: number;
}

export class ServiceChecks {
  readonly #world: World;
  #leader: Manager | undefined;
  #leadsSince = 0;
  #lastLook = 0;
  /** Time in which nobody led, and what each new leader may need. */
  #lost = 0;
  /** Disorder, and since when some leader could have put it in order. */
  readonly #disorder = new Map<string, number>();
  readonly #due = new Map<string, Due>();

  constructor(world: World) {
    this.#world = world;
    this.#look();
  }

  #look(): void {
    const now = this.#world.clock.now();
    const manager = this.#world.leader()?.liveManager;
    if (manager !== this.#leader) this.#changed(manager, now);
    if (manager === undefined) this.#lost += now - this.#lastLook;
    else this.#check(manager, now);
    this.#lastLook = now;
    this.#world.clock.after(LOOK_MS, () => this.#look());
  }

  #changed(manager: Manager | undefined, now: number): void {
    this.#leader = manager;
    this.#leadsSince = now;
    this.#lost += LATE_MS;
    this.#disorder.clear();
  }

  #check(manager: Manager, now: number): void {
    const { view } = manager;
    const seen = new Set<string>();
    for (const service of view.services.list()) {
      if (service.removed === true) continue;
      for (const slot of view.slotsOfService(service.id)) {
        for (const text of disorderIn(view, service, slot)) {
          seen.add(text);
          const since = this.#disorder.get(text) ?? now;
          this.#disorder.set(text, since);
          assert(now - since <= ORDER_MS, `${text} for ${now - since} ms`);
        }
      }
    }
    for (const text of [...this.#disorder.keys()]) if (!seen.has(text)) this.#disorder.delete(text);
    this.#checkDeadlines(manager, now);
  }

  #checkDeadlines(manager: Manager, now: number): void {
    const time = manager.storeNow();
    const open = new Map(
      manager.view.services.list().flatMap((one) => deadlinesOf(manager.view, one)),
    );
    for (const [what, deadline] of open) {
      const late = time - deadline;
      const isHeard = late <= LATE_MS || now - this.#leadsSince <= LATE_MS;
      assert(isHeard, `${what}: its deadline passed ${late} ms ago`);
      const due = this.#due.get(what) ?? { at: now + (deadline - time), lost: this.#lost };
      this.#due.set(what, due);
      const over = now - due.at - (this.#lost - due.lost);
      assert(over <= LATE_MS, `${what}: it lasts ${over} ms longer than it was to`);
    }
    for (const what of [...this.#due.keys()]) if (!open.has(what)) this.#due.delete(what);
  }
}

/** More wanted tasks in a slot than there should be. */
function disorderIn(view: ClusterView, service: Service, slot: Slot): readonly string[] {
  const wanted = tasksOf(view, slot).filter(isWanted);
  if (wanted.length <= 1 || slot.servesUntil !== undefined) return [];
  const versions = new Set(wanted.map(({ taskIndex }) => taskIndex));
  const name = `slot ${slot.slot} of ${service.spec.name}`;
  if (versions.size < wanted.length) return [`${name}: two wanted tasks of one version`];
  const { update, rollback } = service.spec;
  const isGentle = [update?.order, rollback?.order].some((order) => order === "start-first");
  const isAllowed = versions.size === 2 && (isGentle || service.traffic !== undefined);
  return isAllowed ? [] : [`${name}: ${wanted.length} wanted tasks`];
}

/** Stored times at which something is to happen, by a name that says whose. */
function deadlinesOf(view: ClusterView, service: Service): readonly (readonly [string, number])[] {
  if (service.removed === true) return [];
  const { standby, standbyUntil, since } = service.traffic ?? {};
  const isUnswitched = service.traffic?.taskIndex !== service.taskIndex;
  return view.slotsOfService(service.id).flatMap((slot): (readonly [string, number])[] => {
    const { taskId, startAt, servesUntil, generation } = slot;
    const others = tasksOf(view, slot).filter((task) => task.id !== taskId && isWanted(task));
    const current = taskId === undefined ? undefined : view.tasks.get(taskId);
    const name = `${service.spec.name}.${slot.slot} of generation ${generation}`;
    const stands = others.some(
      (task) => task.taskIndex === standby && task.status.state === "running",
    );
    return [
      ...(startAt !== undefined && current?.desired === "ready"
        ? [[`${name} is held`, startAt] as const]
        : []),
      ...(servesUntil !== undefined && others.length > 0 && service.traffic === undefined
        ? [[`the task before ${name} serves`, servesUntil] as const]
        : []),
      ...(standbyUntil !== undefined && stands && !isUnswitched
        ? [[`the task before ${name} stands by since ${since}`, standbyUntil] as const]
        : []),
    ];
  });
}

/** All its slots run as asked, or say why they do not; nothing of the past is left. */
export function isAsAsked(view: ClusterView, service: Service): boolean {
  if (service.removed === true) return false;
  const slots = view.slotsOfService(service.id);
  if (slots.length !== replicasOf(service.spec.mode)) return false;
  const state = service.updateStatus?.state ?? "completed";
  const isPaused = state.endsWith("paused");
  if (!isPaused && !state.endsWith("completed")) return false;
  return slots.every((slot) => {
    const task = slot.taskId === undefined ? undefined : view.tasks.get(slot.taskId);
    if (task === undefined) return false;
    if (isPaused) return true;
    const isAlone = tasksOf(view, slot).filter(isWanted).length <= 1;
    return isAlone && (runs(view, service, task) || isExplained(task));
  });
}

function runs(view: ClusterView, service: Service, task: Task): boolean {
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  return (
    task.status.state === "running" &&
    task.desired === "running" &&
    task.taskIndex === service.taskIndex &&
    (service.ports.length === 0 || task.status.inRotation === true) &&
    node?.status.state === "ready"
  );
}

function isExplained({ status }: Task): boolean {
  return status.state === "pending" && status.error !== undefined;
}

function isWanted({ desired, status }: Task): boolean {
  return (desired === "running" || desired === "ready") && !isTerminal(status.state);
}

function tasksOf(view: ClusterView, slot: Slot): readonly Task[] {
  return view.tasksOfService(slot.serviceId).filter((task) => task.slot === slot.slot);
}
