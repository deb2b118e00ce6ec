/** Which of two sets of tasks serves, and until when there is an instant way back (blue-green). */
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import type { StoreTime } from "@skein/common/time";
import { isServing } from "../orchestrator/slot-state.ts";
import { isUnswitched } from "../store/traffic.ts";
import type { ClusterView } from "../store/view.ts";

interface Moment {
  readonly view: ClusterView;
  readonly now: StoreTime;
}

export function explainTraffic({ view, now }: Moment, service: Service): readonly string[] {
  const { traffic, spec, id, taskIndex } = service;
  if (traffic === undefined) return [];
  const tasks = view.tasksOfService(id);
  const standing = ({ desired, status }: Task): boolean =>
    desired === "running" && status.state === "running";
  if (isUnswitched(service)) {
    const [ready, old] = [taskIndex, traffic.taskIndex].map(
      (index) => tasks.filter((task) => task.taskIndex === index && isServing(task)).length,
    );
    return [
      `traffic: ${old} tasks of the former version serve; it goes over to the new one when all ` +
        `of its tasks are in rotation, ${ready} are`,
    ];
  }
  const { standby, standbyUntil = 0 } = traffic;
  const kept = tasks.filter((task) => task.taskIndex === standby && standing(task));
  if (kept.length === 0 || standbyUntil <= now) return [];
  return [
    `${kept.length} tasks of the version before stand by for ${ago(standbyUntil - now)} more: ` +
      `skein service rollback ${spec.name} gives them the traffic at once`,
  ];
}

/** "250 ms", "12 s", "3 min", "2 h". */
export function ago(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
