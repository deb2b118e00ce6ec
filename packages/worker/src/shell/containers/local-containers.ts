/** The tasks of this node as containers. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Checked } from "@skein/common/api/api-error";
import { refuse } from "@skein/common/api/api-error";
import { containerId, containerState } from "@skein/common/api/container";
import { findContainer } from "@skein/common/api/find-container";
import type { TaskId } from "@skein/common/ids";
import type { ContainerPorts, LocalContainer, LocalTask } from "./container-ports.ts";

export function localContainers(ports: ContainerPorts): readonly LocalContainer[] {
  return ports.worker.tasks().flatMap((task) => containerOf(ports, task) ?? []);
}

export function findLocal(ports: ContainerPorts, reference: string): Checked<LocalContainer> {
  return findContainer(localContainers(ports), reference);
}

/** As it is now: undefined once the task is forgotten. */
export function lookAgain(ports: ContainerPorts, taskId: TaskId): LocalContainer | undefined {
  const task = ports.worker.tasks().find((row) => row.taskId === taskId);
  return task === undefined ? undefined : containerOf(ports, task);
}

export function isRunning(container: LocalContainer): boolean {
  return containerState(container.status) === "running";
}

/** A container that runs, or Docker's refusal. */
export function findRunning(ports: ContainerPorts, reference: string): Checked<LocalContainer> {
  const found = findLocal(ports, reference);
  if (!found.ok || isRunning(found.value)) return found;
  return refuse(409, "not-running", `container ${containerId(found.value.taskId)} is not running`);
}

function containerOf(ports: ContainerPorts, task: LocalTask): LocalContainer | undefined {
  const assignment = task.assignment();
  const status = task.status();
  if (assignment === undefined || containerState(status) === undefined) return undefined;
  const directory = ports.engine.directory(task.taskId);
  const createdAt = timeOf(directory, "birthtimeMs") ?? status.at;
  const startedAt = timeOf(join(directory, "task.json"), "mtimeMs");
  const { serviceId, serviceName, slot, nodeId, spec, address, pinnedTo } = assignment;
  return {
    taskId: task.taskId,
    ...{ assignment, serviceId, serviceName, slot, nodeId, spec, status, createdAt },
    ports: assignment.ports,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(address === undefined ? {} : { address }),
    ...(pinnedTo === undefined ? {} : { pinnedTo }),
  };
}

function timeOf(path: string, field: "birthtimeMs" | "mtimeMs"): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : Math.floor(found[field]);
}

/**
 * Resolves with the first value `look` gives, asked now and whenever tasks may have changed;
 * undefined when `signal` aborts before.
 */
export function whenTasks<T>(
  ports: ContainerPorts,
  look: () => T | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  const first = look();
  if (first !== undefined || signal.aborted) return Promise.resolve(first);
  return new Promise((resolve) => {
    const finish = (value: T | undefined): void => {
      watch.cancel();
      signal.removeEventListener("abort", aborted);
      resolve(value);
    };
    const watch = ports.worker.watchTasks(() => {
      const value = look();
      if (value !== undefined) finish(value);
    });
    const aborted = (): void => finish(undefined);
    signal.addEventListener("abort", aborted);
  });
}
