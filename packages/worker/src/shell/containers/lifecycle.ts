/**
 * What ends a container. A task is never restarted: the cluster replaces what was stopped, as Swarm
 * does with a task's container that somebody stops.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { badRequest, refuse } from "@skein/common/api/api-error";
import { containerId, containerName, containerState } from "@skein/common/api/container";
import { isSet } from "@skein/common/api/query";
import type { TaskId } from "@skein/common/ids";
import { signalName } from "../../agent/signals.ts";
import { REAP_WAIT_MS, STOP_GRACE_DEFAULT_MS } from "../../limits.ts";
import { beginStream, sendEmpty, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts } from "./container-ports.ts";
import { findLocal, isRunning, lookAgain, whenTasks } from "./local-containers.ts";

/** Status and headers at once: the CLI goes on only when it has them. */
export async function wait(ports: ContainerPorts, call: Call): Promise<void> {
  const condition = call.query.get("condition") ?? "";
  if (!["", "not-running", "next-exit", "removed"].includes(condition)) {
    const refused = badRequest(`invalid condition: ${JSON.stringify(condition)}`);
    return refused.ok ? undefined : sendRefusal(call.response, refused.error);
  }
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  beginStream(call.response, "application/json");
  const gone = new AbortController();
  call.response.once("close", () => gone.abort());
  let exitCode = found.value.status.exitCode ?? 0;
  const ended = (): number | undefined => {
    const now = lookAgain(ports, found.value.taskId);
    exitCode = now?.status.exitCode ?? exitCode;
    const removed = now === undefined;
    return removed || (condition !== "removed" && !isRunning(now)) ? exitCode : undefined;
  };
  const code = await whenTasks(ports, ended, gone.signal);
  if (code !== undefined) {
    call.response.end(`${JSON.stringify({ StatusCode: code, Error: null })}\n`);
  }
}

export async function kill(ports: ContainerPorts, call: Call): Promise<void> {
  const { subject } = call.match;
  const signal = signalOf(call, "SIGKILL");
  const found = findLocal(ports, subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  if (!signal.ok) return sendRefusal(call.response, signal.error);
  const { taskId } = found.value;
  if (isRunning(found.value) && (await ports.engine.signal(taskId, signal.value))) {
    return sendEmpty(call.response, 204);
  }
  const reason = `container ${containerId(taskId)} is not running`;
  const message = `cannot kill container: ${subject}: ${reason}`;
  return sendRefusal(call.response, { status: 409, code: "not-running", message });
}

export async function stop(ports: ContainerPorts, call: Call): Promise<void> {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const { taskId, spec } = found.value;
  const signal = signalOf(call, spec.process.stopSignal ?? "SIGTERM");
  if (!signal.ok) return sendRefusal(call.response, signal.error);
  if (!isRunning(found.value)) return sendEmpty(call.response, 304);
  const asked = call.query.get("t");
  const graceMs = spec.process.stopGraceMs ?? STOP_GRACE_DEFAULT_MS;
  const seconds = Number(asked ?? "");
  await ports.engine.signal(taskId, signal.value);
  // Docker: a negative time waits for ever.
  const limitMs = asked === null ? graceMs : seconds < 0 ? undefined : seconds * 1000;
  if (!(await hasEnded(ports, taskId, limitMs))) {
    await ports.engine.signal(taskId, "SIGKILL");
    await hasEnded(ports, taskId, REAP_WAIT_MS);
  }
  return sendEmpty(call.response, 204);
}

/** Started it is already, or it will not start any more. */
export function start(ports: ContainerPorts, call: Call): void {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  if (isRunning(found.value)) return sendEmpty(call.response, 304);
  const name = containerName(found.value);
  return sendRefusal(call.response, {
    status: 409,
    code: "task-not-restarted",
    message:
      containerState(found.value.status) === "created"
        ? `Cannot start ${name}: the cluster starts it when its turn has come`
        : `Cannot start ${name}: a task runs once, the cluster replaces it`,
  });
}

export async function remove(ports: ContainerPorts, call: Call): Promise<void> {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const { taskId, serviceName } = found.value;
  const name = `/${containerName(found.value)}`;
  if (!isRunning(found.value)) {
    const message =
      `Cannot remove container ${name}: the history of service ${serviceName} keeps it: ` +
      "remove the service, or lower the limit with docker swarm update --task-history-limit";
    return sendRefusal(call.response, { status: 409, code: "task-in-history", message });
  }
  if (!isSet(call.query.get("force") ?? undefined)) {
    const remedy = "stop the container before removing or force remove";
    const message = `cannot remove container "${name}": container is running: ${remedy}`;
    return sendRefusal(call.response, { status: 409, code: "running", message });
  }
  await ports.engine.signal(taskId, "SIGKILL");
  await hasEnded(ports, taskId, REAP_WAIT_MS);
  return sendEmpty(call.response, 204);
}

const UNSUPPORTED: Readonly<Record<string, string>> = {
  restart:
    "a task is never restarted: docker stop it, or docker service update --force its service",
  pause: "processes are not frozen here: docker kill --signal STOP stops them, CONT goes on",
  unpause: "processes are not frozen here: docker kill --signal CONT goes on",
  rename: "the name of a task is its service's, its slot's and its own id",
  update: "a task is immutable: docker service update replaces it",
  changes: "a process uses the node's own files: there is no image to compare with",
  export: "a process uses the node's own files: there is no image to export",
  ws: "attach over a WebSocket is not there: use POST /containers/{id}/attach",
};

/** Where the path's last word is not the CLI's. */
const VERBS: Readonly<Record<string, string>> = { changes: "diff", ws: "attach to" };

export function unsupported(ports: ContainerPorts, call: Call): void {
  const { subject, route } = call.match;
  const found = findLocal(ports, subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const last = route.path.split("/").at(-1) ?? "";
  const reason = UNSUPPORTED[last] ?? "it has no meaning for a process";
  const verb = VERBS[last] ?? last;
  const message = `Cannot ${verb} ${subject}: ${reason}`;
  return sendRefusal(call.response, { status: 501, code: "unsupported", message });
}

/** True when the task ended within the time; undefined: as long as it takes. */
async function hasEnded(
  ports: ContainerPorts,
  taskId: TaskId,
  limitMs: number | undefined,
): Promise<boolean> {
  const timeout = new AbortController();
  if (limitMs !== undefined) {
    sleep(limitMs, undefined, { signal: timeout.signal, ref: false }).then(
      () => timeout.abort(),
      () => undefined,
    );
  }
  const ended = await whenTasks(
    ports,
    () => {
      const now = lookAgain(ports, taskId);
      return now === undefined || !isRunning(now) ? true : undefined;
    },
    timeout.signal,
  );
  timeout.abort();
  return ended === true;
}

function signalOf(call: Call, otherwise: string) {
  const wanted = call.query.get("signal") || otherwise;
  const name = signalName(wanted);
  if (name === undefined) return refuse(400, "bad-request", `Invalid signal: ${wanted}`);
  // The names of signals.ts are all Node's.
  return { ok: true as const, value: name as NodeJS.Signals };
}
