/** A container's output: logs, and attach, which is logs over the raw connection. */
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Checked } from "@skein/common/api/api-error";
import { badRequest } from "@skein/common/api/api-error";
import type { LogQuery } from "@skein/common/api/log-frame";
import { logFrame, parseLogQuery } from "@skein/common/api/log-frame";
import { compareVersions } from "@skein/common/api/match-route";
import { isSet } from "@skein/common/api/query";
import { ok } from "@skein/common/result";
import { HIJACK_PAUSE_MS } from "../../limits.ts";
import { beginStream, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts, LocalContainer } from "./container-ports.ts";
import { findLocal } from "./local-containers.ts";

export const RAW_STREAM = "application/vnd.docker.raw-stream";

export function framedType(apiVersion: string): string {
  const framed = compareVersions(apiVersion, "1.42") >= 0;
  return framed ? "application/vnd.docker.multiplexed-stream" : RAW_STREAM;
}

export function logs(ports: ContainerPorts, call: Call): void {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const query = parseLogQuery(call.query);
  if (!query.ok) return sendRefusal(call.response, query.error);
  if (found.value.spec.log?.name === "none") {
    const message = "configured logging driver does not support reading";
    return sendRefusal(call.response, { status: 501, code: "unsupported", message });
  }
  beginStream(call.response, framedType(call.match.apiVersion));
  // `details` are what a log driver adds; ours adds nothing.
  stream(ports, call.response, {
    container: found.value,
    query: { ...query.value, details: false },
  });
}

/** A task has no standard input: what the client sends is read and dropped. */
export async function attach(ports: ContainerPorts, call: Call): Promise<void> {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const query = attachQuery(call.query);
  if (!query.ok) return sendRefusal(call.response, query.error);
  const io = call.hijack(framedType(call.match.apiVersion));
  io.resume();
  await sleep(HIJACK_PAUSE_MS);
  stream(ports, io, { container: found.value, query: query.value });
}

function attachQuery(query: URLSearchParams): Checked<LogQuery> {
  const flag = (name: string): boolean => isSet(query.get(name) ?? undefined);
  if (!flag("stream") && !flag("logs")) {
    return badRequest("Bad parameters: either the stream or the logs parameter must be set");
  }
  return ok({
    follow: flag("stream"),
    stdout: flag("stdout"),
    stderr: flag("stderr"),
    details: false,
    timestamps: false,
    tail: flag("logs") ? undefined : 0,
    since: undefined,
    until: undefined,
  });
}

interface Wanted {
  readonly container: LocalContainer;
  readonly query: LogQuery;
}

/** A slow reader is waited for: the session reads on only when little is queued. */
function stream(ports: ContainerPorts, out: Writable, { container, query }: Wanted): void {
  const { follow, stdout, stderr, tail, since, until } = query;
  const { taskId, serviceId, nodeId } = container;
  const request = {
    taskIds: [taskId],
    ...{ follow, stdout, stderr },
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  const session = ports.worker.readLogs(request, {
    send: (message) => {
      if (out.destroyed || out.writableEnded) return false;
      if (message.kind === "line")
        out.write(logFrame(message, { nodeId, serviceId, taskId }, query));
      else out.end();
      return true;
    },
    queuedBytes: () => out.writableLength,
  });
  out.once("close", () => session.close());
}
