/** /nodes, /tasks and /configs. */
import { badRequest } from "../../control/api-error.ts";
import { configToEngine } from "../../control/engine/config.ts";
import { nodeName, nodeToEngine } from "../../control/engine/node.ts";
import { taskToEngine } from "../../control/engine/task.ts";
import { CONFIG_FILTERS, listConfigs } from "../../control/list-configs.ts";
import { listNodes, NODE_FILTERS } from "../../control/list-nodes.ts";
import { listTasks, TASK_FILTERS } from "../../control/list-tasks.ts";
import { isSet, parseVersion } from "../../control/query.ts";
import { resolveConfig, resolveNode, resolveTask } from "../../control/resolve.ts";
import { quorumLoss, updateNode } from "../../control/update-node.ts";
import { createConfig, updateConfig } from "../../control/write-config.ts";
import { knownRoots } from "../trust/known-roots.ts";
import type { Handler } from "./handler.ts";
import { alreadyRemoved, reading, write } from "./handler.ts";
import type { ManagerPort } from "./port.ts";
import { empty, json, listed, replyTo } from "./reply.ts";
import { filtersOf, jsonBody, parameter } from "./request.ts";

const nodeList = reading((port, request) => {
  const filters = filtersOf(request, NODE_FILTERS);
  if (!filters.ok) return { kind: "error", error: filters.error };
  const reach = reachOf(port);
  return replyTo(listNodes(port.view, filters.value), (nodes) =>
    listed(nodes, (node) => nodeToEngine(node, reach)),
  );
});

const nodeInspect = reading((port, request) =>
  replyTo(resolveNode(port.view, request.subject), (node) =>
    json(nodeToEngine(node, reachOf(port))),
  ),
);

const nodeUpdate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const version = parseVersion("node", parameter(request, "version"));
  if (!version.ok) return { kind: "error", error: version.error };
  const node = resolveNode(port.view, request.subject);
  if (!node.ok) return { kind: "error", error: node.error };
  const command = updateNode(node.value, body.value, version.value, managersOf(port));
  if (!command.ok) return { kind: "error", error: command.error };
  const operation = `update of node ${nodeName(node.value)}`;
  const written = await write(port, request, { command: command.value, operation });
  return written.ok ? empty() : written.error;
});

const nodeRemove = reading(async (port, request) => {
  const node = resolveNode(port.view, request.subject);
  if (!node.ok) {
    return alreadyRemoved(port, request) ? empty() : { kind: "error", error: node.error };
  }
  const loss = quorumLoss(node.value, managersOf(port));
  if (loss !== undefined) return replyTo(badRequest(loss), json);
  const written = await write(port, request, {
    command: {
      kind: "remove-node",
      nodeId: node.value.id,
      force: isSet(parameter(request, "force")),
    },
    operation: `removal of node ${nodeName(node.value)}`,
  });
  return written.ok ? empty() : written.error;
});

const taskList = reading((port, request) => {
  const filters = filtersOf(request, TASK_FILTERS);
  if (!filters.ok) return { kind: "error", error: filters.error };
  return replyTo(listTasks(port.view, filters.value), (tasks) =>
    listed(tasks, (task) => taskToEngine(task, port.view)),
  );
});

const taskInspect = reading((port, request) =>
  replyTo(resolveTask(port.view, request.subject), (task) => json(taskToEngine(task, port.view))),
);

const configList = reading((port, request) => {
  const filters = filtersOf(request, CONFIG_FILTERS);
  if (!filters.ok) return { kind: "error", error: filters.error };
  return replyTo(listConfigs(port.view, filters.value), (configs) =>
    listed(configs, configToEngine),
  );
});

const configInspect = reading((port, request) =>
  replyTo(resolveConfig(port.view, request.subject), (config) => json(configToEngine(config))),
);

const configCreate: Handler = async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const command = createConfig(body.value, port.newId());
  if (!command.ok) return { kind: "error", error: command.error };
  const operation = `creation of config ${command.value.spec.name}`;
  const written = await write(port, request, { command: command.value, operation });
  if (!written.ok) return written.error;
  return json({ ID: written.value.id ?? command.value.configId }, 201);
};

const configUpdate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const version = parseVersion("config", parameter(request, "version"));
  if (!version.ok) return { kind: "error", error: version.error };
  const config = resolveConfig(port.view, request.subject);
  if (!config.ok) return { kind: "error", error: config.error };
  const command = updateConfig(config.value, body.value, version.value);
  if (!command.ok) return { kind: "error", error: command.error };
  const operation = `update of config ${config.value.spec.name}`;
  const written = await write(port, request, { command: command.value, operation });
  return written.ok ? empty() : written.error;
});

const configRemove = reading(async (port, request) => {
  const config = resolveConfig(port.view, request.subject);
  if (!config.ok) {
    return alreadyRemoved(port, request) ? empty(204) : { kind: "error", error: config.error };
  }
  const written = await write(port, request, {
    command: { kind: "remove-config", configId: config.value.id },
    operation: `removal of config ${config.value.spec.name}`,
  });
  return written.ok ? empty(204) : written.error;
});

function managersOf(port: ManagerPort) {
  const { members, reachable } = port.status();
  const voters = members.filter((member) => member.voter).map((member) => member.nodeId);
  return { voters, reachable };
}

function reachOf(port: ManagerPort) {
  const { leader, reachable } = port.status();
  return { leader: leader?.nodeId, reachable, roots: knownRoots(port.view.cluster?.trust) };
}

export const OBJECT_HANDLERS = {
  "node-list": nodeList,
  "node-inspect": nodeInspect,
  "node-update": nodeUpdate,
  "node-remove": nodeRemove,
  "task-list": taskList,
  "task-inspect": taskInspect,
  "config-list": configList,
  "config-inspect": configInspect,
  "config-create": configCreate,
  "config-update": configUpdate,
  "config-remove": configRemove,
} as const;
