/**
 * GET /services/{id}/logs and /tasks/{id}/logs: one stream, gathered from every node that has or
 * had the tasks. Of a node that does not answer the lines are missing, and the stream says so: at
 * its end with Docker's frame for errors, by which the CLI fails; while it follows with a line on
 * stderr under the name of a task of that node, since such a frame would end it.
 */
import type { ServerResponse } from "node:http";
import { compareVersions } from "@skein/common/api/match-route";
import { isSet } from "@skein/common/api/query";
import { nodeId as asNodeId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import type { Task } from "@skein/common/model/task";
import type { LogMessage } from "@skein/common/wire/log-messages";
import type { LogQuery } from "../../control/engine/log-frame.ts";
import { frameOf, logFrame, parseLogQuery } from "../../control/engine/log-frame.ts";
import { resolveService, resolveTask } from "../../control/resolve.ts";
import { FOLLOW_LOOK_MS, LOG_OPEN_MS, STREAM_QUEUE_BYTES_MAX } from "../../limits.ts";
import { AccessStream } from "./access-stream.ts";
import type { Handler } from "./handler.ts";
import { reading } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import type { ApiRequest } from "./request.ts";

const serviceLogs: Handler = reading((port, request) => {
  const query = parseLogQuery(request.query);
  if (!query.ok) return { kind: "error", error: query.error };
  const service = resolveService(port.view, request.subject);
  if (!service.ok) return { kind: "error", error: service.error };
  if (isSet(request.query.get("access") ?? undefined)) {
    const { id, spec } = service.value;
    const wanted = { query: query.value, service: { id, name: spec.name } };
    const run = (response: ServerResponse) => new AccessStream(port, response, wanted).start();
    return { kind: "stream", contentType: MULTIPLEXED, run };
  }
  return streamLogs(port, request, { query: query.value, tasks: tasksOf(port, service.value) });
});

const taskLogs: Handler = reading((port, request) => {
  const query = parseLogQuery(request.query);
  if (!query.ok) return { kind: "error", error: query.error };
  const task = resolveTask(port.view, request.subject);
  if (!task.ok) return { kind: "error", error: task.error };
  const { id } = task.value;
  const tasks = (): readonly Task[] => {
    const row = port.view.tasks.get(id);
    return row === undefined ? [] : [row];
  };
  return streamLogs(port, request, { query: query.value, tasks });
});

const MULTIPLEXED = "application/vnd.docker.multiplexed-stream";

export const LOG_HANDLERS = { "service-logs": serviceLogs, "task-logs": taskLogs } as const;

function tasksOf(port: ManagerPort, service: Service): () => readonly Task[] {
  return () => port.view.tasksOfService(service.id);
}

interface Wanted {
  readonly query: LogQuery;
  /** Asked again while following: a service gets new tasks. */
  readonly tasks: () => readonly Task[];
}

function streamLogs(port: ManagerPort, request: ApiRequest, wanted: Wanted): Reply {
  const framed = compareVersions(request.apiVersion, "1.42") >= 0;
  return {
    kind: "stream",
    contentType: `application/vnd.docker.${framed ? "multiplexed" : "raw"}-stream`,
    run: (response) => new LogStream(port, response, wanted).start(),
  };
}

interface Source {
  cancel(): void;
  readonly silence: NodeJS.Timeout | undefined;
}

class LogStream {
  readonly #port: ManagerPort;
  readonly #response: ServerResponse;
  readonly #wanted: Wanted;
  readonly #tasks = new Map<string, Task>();
  readonly #sources = new Set<Source>();
  /** Why lines are missing. */
  readonly #reasons: string[] = [];
  #look: NodeJS.Timeout | undefined;

  constructor(port: ManagerPort, response: ServerResponse, wanted: Wanted) {
    this.#port = port;
    this.#response = response;
    this.#wanted = wanted;
  }

  start(): void {
    this.#response.on("close", () => this.#stop());
    this.#response.on("error", () => this.#stop());
    this.#openNew(this.#wanted.query);
    if (this.#wanted.query.follow) {
      const { tail: _tail, since: _since, ...rest } = this.#wanted.query;
      // A task that appears later is shown from its first line.
      const fromStart = { ...rest, tail: undefined, since: undefined };
      this.#look = setInterval(() => this.#openNew(fromStart), FOLLOW_LOOK_MS);
    } else {
      this.#endWhenDone();
    }
  }

  /** Asks the nodes of tasks that are not asked for yet. */
  #openNew(query: LogQuery): void {
    const byNode = new Map<string, Task[]>();
    for (const task of this.#wanted.tasks()) {
      if (task.nodeId === undefined || this.#tasks.has(task.id)) continue;
      this.#tasks.set(task.id, task);
      byNode.set(task.nodeId, [...(byNode.get(task.nodeId) ?? []), task]);
    }
    for (const [nodeId, tasks] of byNode) this.#open(nodeId, tasks, query);
  }

  #open(nodeId: string, tasks: readonly Task[], query: LogQuery): void {
    const { follow, stdout, stderr, tail, since, until } = query;
    let isClosed = false;
    const close = (reason: string | undefined): void => {
      if (isClosed) return;
      isClosed = true;
      source.silence?.close();
      this.#sources.delete(source);
      if (reason !== undefined) this.#missing(nodeId, reason);
      this.#endWhenDone();
    };
    const stream = this.#port.workerLogs(
      nodeId,
      {
        taskIds: tasks.map((task) => task.id),
        follow,
        stdout,
        stderr,
        ...(tail === undefined ? {} : { tail }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      },
      (message) => {
        source.silence?.refresh();
        if (message.kind === "end") close(undefined);
        else this.#line(nodeId, message);
      },
      (reason) => close(reason),
    );
    const giveUp = (): void => {
      stream.cancel();
      close(`no answer in ${LOG_OPEN_MS} ms`);
    };
    const silence = follow ? undefined : setTimeout(giveUp, LOG_OPEN_MS);
    const source: Source = { cancel: () => stream.cancel(), silence };
    this.#sources.add(source);
  }

  #line(nodeId: string, line: Extract<LogMessage, { kind: "line" }>): void {
    const serviceId = this.#tasks.get(line.taskId)?.serviceId;
    if (serviceId === undefined) return;
    const origin = { nodeId, serviceId, taskId: line.taskId };
    this.#response.write(logFrame(line, origin, this.#wanted.query));
    if (this.#response.writableLength <= STREAM_QUEUE_BYTES_MAX) return;
    // Cut in the middle the client notices; ended cleanly it would take a part for the whole.
    const fields = { queuedBytes: this.#response.writableLength };
    this.#port.log.write("warn", "log stream cut: its reader is too slow", fields);
    this.#response.destroy();
    this.#stop();
  }

  #missing(nodeId: string, reason: string): void {
    this.#port.metrics.count("skein_api_log_nodes_missing_total");
    this.#port.log.write("warn", "log stream without a node", { nodeId, reason });
    const name = this.#port.view.nodes.get(asNodeId(nodeId))?.description.hostname ?? nodeId;
    const said = `node ${name} is not available: ${reason}`;
    if (!this.#wanted.query.follow) {
      this.#reasons.push(said);
      return;
    }
    const task = [...this.#tasks.values()].find((row) => row.nodeId === nodeId);
    if (task === undefined || this.#response.writableEnded) return;
    const origin = { nodeId, serviceId: task.serviceId, taskId: task.id };
    const text = `skein: incomplete log stream: ${said}\n`;
    const atNs = `${this.#port.wall()}000000`;
    const line = { kind: "line", taskId: task.id, stream: "stderr", atNs } as const;
    const frame = logFrame({ ...line, line: Buffer.from(text) }, origin, this.#wanted.query);
    this.#response.write(frame);
  }

  #endWhenDone(): void {
    if (this.#wanted.query.follow || this.#sources.size > 0) return;
    if (this.#response.writableEnded) return;
    if (this.#reasons.length > 0) {
      const message =
        "Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log stream. " +
        "some logs could not be retrieved for the following reasons: ";
      const text = `${message}${this.#reasons.join(", ")}\n`;
      this.#response.write(frameOf("system-error", Buffer.from(text)));
    }
    this.#response.end();
  }

  #stop(): void {
    clearInterval(this.#look);
    for (const source of this.#sources) {
      clearTimeout(source.silence);
      source.cancel();
    }
    this.#sources.clear();
  }
}
