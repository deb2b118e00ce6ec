/**
 * What must hold in a simulated cluster. Safety after every event that could break it; agreement
 * and service at the end, when the faults are over.
 */

import { assert } from "@skein/common/assert";
import { storeFaults } from "@skein/manager/store/invariants";
import type { ClusterView } from "@skein/manager/store/view";
import { isAsAsked } from "./service-checks.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

/** Remembers what was once true and must stay true. */
export class SafetyChecks {
  readonly #leaderOfTerm = new Map<number, string>();
  readonly #digestAt = new Map<number, string>();
  /** By process: a restarted manager may know of fewer commits than before, never of other ones. */
  readonly #commitOf = new WeakMap<object, number>();

  check(world: World): void {
    for (const node of world.managers) {
      if (node.manager !== undefined) this.#checkManager(node);
    }
  }

  #checkManager(node: SimNode): void {
    const { manager } = node;
    if (manager === undefined) return;
    const { raft } = manager.status();
    if (raft.role === "leader") {
      const known = this.#leaderOfTerm.get(raft.term) ?? node.name;
      assert(known === node.name, `two leaders in term ${raft.term}: ${known} and ${node.name}`);
      this.#leaderOfTerm.set(raft.term, node.name);
    }
    const former = this.#commitOf.get(manager) ?? 0;
    assert(raft.commit >= former, `${node.name}: commit went from ${former} to ${raft.commit}`);
    this.#commitOf.set(manager, raft.commit);
  }

  /** Equal applied index, equal state: the store is deterministic. */
  checkDigests(world: World): void {
    for (const node of world.managers) {
      const { manager } = node;
      if (manager === undefined) continue;
      const { applied } = manager.status();
      const faults = storeFaults(manager.view);
      const { count, last } = manager.store.bugs;
      assert(count === 0, `${node.name}: apply met ${count} bugs, the last: ${last?.error}`);
      assert(faults.length === 0, `${node.name}: ${faults.join("; ")}`);
      const digest = manager.store.digest();
      const known = this.#digestAt.get(applied) ?? digest;
      assert(known === digest, `${node.name}: another state at index ${applied}`);
      this.#digestAt.set(applied, digest);
    }
  }
}

/** Every service is as it was asked to be, or says why it is not. */
function converged(view: ClusterView): boolean {
  return view.services.list().every((service) => isAsAsked(view, service));
}

/** By what the leader knows, and by what runs. */
export function served(world: World): boolean {
  const view = world.leader()?.manager?.view;
  return view !== undefined && converged(view) && machinesAgree(world, view);
}

/** What processes really run equals what the store wants to run, on every machine that is there. */
function machinesAgree(world: World, view: ClusterView): boolean {
  return living(world).every((node) => {
    const running = node.machine.running().map((process) => String(process.spec.taskId));
    const wanted = view
      .tasksOfNode(node.config.nodeId)
      .filter((task) => task.desired === "running" && task.status.state === "running")
      .map((task) => String(task.id));
    return running.join() === wanted.join();
  });
}

/** Every node serves the same backends for each published port, all of them on nodes that live. */
export function routesAgree(world: World): boolean {
  const tables = living(world).map((node) =>
    (node.dataPlane?.routes ?? [])
      .map(
        ({ name, backends }) =>
          `${name}:${backends
            .map((one) => one.taskId)
            .toSorted()
            .join()}`,
      )
      .toSorted()
      .join(";"),
  );
  const view = world.leader()?.manager?.view;
  const addresses = new Set(living(world).map((node) => node.config.nodeId));
  const backends = living(world).flatMap((node) =>
    (node.dataPlane?.routes ?? []).flatMap((route) => route.backends),
  );
  const areThere = backends.every(({ taskId, nodeId }) => {
    return addresses.has(nodeId) && view?.tasks.get(taskId)?.desired === "running";
  });
  return new Set(tables).size === 1 && areThere;
}

function living(world: World): readonly SimNode[] {
  return world.nodes.filter((node) => node.workerLives);
}

/** Every manager has applied the same, and nothing is under way. */
export function managersAgree(world: World): boolean {
  const lives = world.managers.filter((node) => node.managerLives);
  const applied = lives.map((node) => node.manager?.status().applied);
  return applied.every((index) => index !== undefined && index === applied[0]);
}
