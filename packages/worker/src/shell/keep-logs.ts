/** Bounds the output of what runs, as each task's service says; it ends with the process. */
import { keptBytes } from "@skein/common/model/log-options";
import type { KeptTask } from "../logs/shell/log-keeper.ts";
import { LogKeeper } from "../logs/shell/log-keeper.ts";
import type { Adapters } from "./adapters.ts";
import type { Worker } from "./worker.ts";

export function keepLogs(
  ports: Pick<Adapters, "clock" | "log" | "metrics" | "engine"> & { readonly directory: string },
  worker: Worker,
): void {
  const keeper = new LogKeeper({
    ...ports,
    tasks: () =>
      worker
        .tasks()
        .filter((task) => !task.isTerminal())
        .map((task) => keptTask(task)),
  });
  keeper.start();
}

function keptTask(task: ReturnType<Worker["tasks"]>[number]): KeptTask {
  const { taskId } = task;
  const keepBytes = keptBytes(task.assignment()?.spec.log?.options ?? {});
  return keepBytes === undefined ? { taskId } : { taskId, keepBytes };
}
