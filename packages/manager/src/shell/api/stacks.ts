/** /skein/v1/stacks: deploy, list, inspect, roll back, remove. */
import type { Tree } from "@skein/common/compose/tree";
import { isMap } from "@skein/common/compose/tree";
import { ok } from "@skein/common/result";
import type { Checked } from "../../control/api-error.ts";
import { badRequest, refuse } from "../../control/api-error.ts";
import type { StackDeployment } from "../../control/deploy-stack.ts";
import { deployStack, removeStack } from "../../control/deploy-stack.ts";
import { listStacks, stackToJson } from "../../control/list-stacks.ts";
import { parseBool } from "../../control/query.ts";
import type { StackContents, StackContext, StackRequest } from "../../control/stack/part.ts";
import { stackByName } from "../../control/stack/part.ts";
import { alreadyRemoved, reading, write } from "./handler.ts";
import { keyringOf, secretBox } from "./keep-secret.ts";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { json, replyTo } from "./reply.ts";
import type { ApiRequest } from "./request.ts";
import { jsonBody, parameter } from "./request.ts";
import { refuseBusyPorts } from "./services.ts";

const stackList = reading((port) => json(listStacks(port.view)));

const stackInspect = reading((port, { subject }) => {
  const stack = stackByName(port.view, subject);
  if (stack !== undefined) return json(stackToJson(stack));
  return replyTo(notFound(subject), json);
});

const stackDeploy = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const dry = parseBool("dry-run", parameter(request, "dry-run"));
  if (!dry.ok) return { kind: "error", error: dry.error };
  const read = readDeployment(request.subject, body.value);
  if (!read.ok) return { kind: "error", error: read.error };
  return carryOut(port, request, { asked: read.value, dry: dry.value });
});

const stackRollback = reading(async (port, request) => {
  const stack = stackByName(port.view, request.subject);
  if (stack === undefined) return replyTo(notFound(request.subject), json);
  const what = `Cannot roll back stack ${stack.name}`;
  const to = parameter(request, "to");
  const number = to === undefined ? undefined : Number(to);
  const revision =
    number === undefined
      ? stack.revisions.at(-2)
      : stack.revisions.find((one) => one.number === number);
  if (revision === undefined) {
    const kept = stack.revisions.map((one) => one.number).join(", ");
    const asked = to === undefined ? "there is no revision before this one" : `no revision ${to}`;
    return replyTo(badRequest(`${what}: ${asked}; kept are ${kept}`), json);
  }
  const asked: StackRequest = {
    name: stack.name,
    // The store holds what `JSON.stringify` made of a tree.
    compose: JSON.parse(revision.compose) as Tree,
    contents: undefined,
    revision,
    note: `rolled back to ${revision.number}`,
  };
  return carryOut(port, request, { asked, dry: false });
});

const stackRemove = reading(async (port, request) => {
  const removal = removeStack(request.subject, contextOf(port));
  if (!removal.ok) {
    return alreadyRemoved(port, request)
      ? json({ Changes: [] })
      : { kind: "error", error: removal.error };
  }
  const { command, changes } = removal.value;
  const operation = `removal of stack ${request.subject}`;
  const written = await write(port, request, { command, operation });
  return written.ok ? json({ Changes: changes.map(changeToJson) }) : written.error;
});

export const STACK_HANDLERS = {
  "stack-list": stackList,
  "stack-inspect": stackInspect,
  "stack-deploy": stackDeploy,
  "stack-rollback": stackRollback,
  "stack-remove": stackRemove,
} as const;

interface Asked {
  readonly asked: StackRequest;
  /** Say what would be done, and do nothing. */
  readonly dry: boolean;
}

async function carryOut(
  port: ManagerPort,
  request: ApiRequest,
  { asked, dry }: Asked,
): Promise<Reply> {
  const deployment = deployStack(asked, contextOf(port));
  if (!deployment.ok) return { kind: "error", error: deployment.error };
  const { command, newPorts } = deployment.value;
  if (command === undefined || dry) return json(deploymentToJson(port, asked, deployment.value));
  const busy = await refuseBusyPorts(port, newPorts);
  if (busy !== undefined) return busy;
  const operation = `deployment of stack ${asked.name}`;
  const written = await write(port, request, { command, operation });
  if (!written.ok) return written.error;
  return json(deploymentToJson(port, asked, deployment.value));
}

function deploymentToJson(port: ManagerPort, asked: StackRequest, done: StackDeployment): object {
  const revisions = stackByName(port.view, asked.name)?.revisions ?? [];
  return {
    Name: asked.name,
    Revision: revisions.at(-1)?.number ?? 0,
    Changed: done.command !== undefined,
    Changes: done.changes.map(changeToJson),
    Ignored: done.ignored.map(({ path, reason }) => ({ Path: path, Reason: reason })),
    Warnings: done.warnings,
  };
}

function changeToJson(change: StackDeployment["changes"][number]): object {
  return { Kind: change.kind, Name: change.name, Action: change.action };
}

function contextOf(port: ManagerPort): StackContext {
  const { defaultDirectory } = port.config;
  const secrets = secretBox(keyringOf(port));
  return { view: port.view, newId: () => port.newId(), secrets, defaultDirectory };
}

const KEYS = ["Compose", "Configs", "Secrets", "Note"];

function readDeployment(name: string, body: unknown): Checked<StackRequest> {
  const what = `Cannot deploy stack ${name}`;
  // Parsed from JSON: maps, lists and scalars only.
  const tree = body as Tree;
  if (!isMap(tree)) return badRequest(`${what}: the body must be a JSON object`);
  const odd = Object.keys(tree).find((key) => !KEYS.includes(key));
  if (odd !== undefined) return badRequest(`${what}: unknown key ${odd}: ${KEYS.join(", ")} are`);
  const configs = readContents(tree["Configs"]);
  const secrets = readContents(tree["Secrets"]);
  if (configs === undefined || secrets === undefined) {
    return badRequest(`${what}: Configs and Secrets must be maps of base64 texts`);
  }
  const note = tree["Note"];
  return ok({
    name,
    compose: tree["Compose"] ?? null,
    contents: { configs, secrets },
    note: typeof note === "string" ? note.slice(0, NOTE_LENGTH_MAX) : "deployed",
  });
}

const NOTE_LENGTH_MAX = 200;

function readContents(tree: Tree | undefined): StackContents["configs"] | undefined {
  if (tree === undefined || tree === null) return new Map();
  if (!isMap(tree)) return undefined;
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value !== "string") return undefined;
    found.set(key, Buffer.from(value, "base64"));
  }
  return found;
}

function notFound(name: string): Checked<never> {
  return refuse(404, "stack-not-found", `stack ${name} not found`);
}
