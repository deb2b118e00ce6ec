/** /skein/v1: what Docker has no word for. An unknown parameter is refused by name. */

import { nodeToEngine } from "../../control/engine/node.ts";
import { serviceToEngine } from "../../control/engine/service.ts";
import { readServiceSpec } from "../../control/engine/service-spec.ts";
import { taskToEngine } from "../../control/engine/task.ts";
import { explain } from "../../control/explain.ts";
import { rowsAt } from "../../control/past.ts";
import { plan } from "../../control/plan.ts";
import { resolveService } from "../../control/resolve.ts";
import { serviceHistory } from "../../control/service-history.ts";
import { timeline } from "../../control/timeline.ts";
import { networkTarget } from "../../control/write-network.ts";
import type { Handler } from "./handler.ts";
import { reading } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { failure, json, listed, replyTo } from "./reply.ts";
import type { ApiRequest } from "./request.ts";
import { jsonBody, parameter } from "./request.ts";

const explained = ours("explain", [], (port, request) =>
  replyTo(explain({ view: port.view, now: nowOf(port) }, request.subject), json),
);

const planned = ours("plan", ["service"], (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const name = parameter(request, "service");
  const current = name === undefined ? undefined : resolveService(port.view, name);
  if (current?.ok === false) return { kind: "error", error: current.error };
  const { defaultDirectory } = port.config;
  const read = readServiceSpec(body.value, {
    verb: "plan",
    defaultName: current?.value.spec.name ?? "planned",
    defaultDirectory,
    network: networkTarget(port.view),
  });
  const context = { view: port.view, now: nowOf(port) };
  return replyTo(read, ({ spec }) => json(plan(context, spec, current?.value)));
});

const history = ours("show the history", [], (port, request) =>
  replyTo(resolveService(port.view, request.subject), (service) => json(serviceHistory(service))),
);

const past = ours("show the past", ["time"], (port, request) => {
  const wall = Number(parameter(request, "time"));
  if (!Number.isSafeInteger(wall) || wall <= 0) {
    return failure(
      400,
      "bad-request",
      "Cannot show the past: time must be milliseconds since 1970",
    );
  }
  const rows = rowsAt(port.view, port.changes?.() ?? [], wall);
  return replyTo(rows, ({ nodes, services, tasks }) => {
    const { view } = port;
    switch (request.subject) {
      case "nodes":
        return listed(nodes, (node) =>
          nodeToEngine(node, { leader: undefined, reachable: new Map(), roots: new Map() }),
        );
      case "services":
        return listed(services, (service) => {
          const counts = { running: 0, desired: 0, completed: 0 };
          for (const { serviceId, desired, status } of tasks) {
            if (serviceId !== service.id || desired !== "running") continue;
            counts.desired += 1;
            if (status.state === "running") counts.running += 1;
          }
          return serviceToEngine(service, { listed: true, insertDefaults: false, counts, view });
        });
      case "tasks":
        return listed(tasks, (task) => taskToEngine(task, view));
      default:
        return failure(404, "not-found", "Cannot show that: there are nodes, services and tasks");
    }
  });
});

const happened = ours("show the timeline", ["object", "limit"], (port, request) => {
  const limit = Number(parameter(request, "limit") ?? TIMELINE_DEFAULT);
  if (!Number.isInteger(limit) || limit < 1) {
    return failure(400, "bad-request", "Cannot show the timeline: limit must be a number");
  }
  const object = parameter(request, "object");
  return json(timeline(port.view, port.changes?.() ?? [], { object, limit }));
});

/** What fits a screen or two. */
const TIMELINE_DEFAULT = 100;

export const SKEIN_HANDLERS = {
  "skein-timeline": happened,
  "skein-explain": explained,
  "skein-plan": planned,
  "skein-history": history,
  "skein-at": past,
} as const;

function nowOf(port: ManagerPort) {
  return port.storeNow?.() ?? port.view.time;
}

/** `verb` completes "Cannot …: unknown parameter". */
export function ours(
  verb: string,
  known: readonly string[],
  handler: (port: ManagerPort, request: ApiRequest) => Reply | Promise<Reply>,
): Handler {
  return reading((port, request) => {
    const unknown = [...request.query.keys()].find((key) => !known.includes(key));
    if (unknown === undefined) return handler(port, request);
    const have = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
    return failure(400, "bad-request", `Cannot ${verb}: unknown parameter ${unknown}: ${have}`);
  });
}
