/**
 * A Compose file and what the cluster holds -> the one command that brings both together, and
 * what it will do, said before it is done.
 *
 * Invariants:
 *   K1. Deciding again on the result decides nothing: a file deployed twice restarts nothing.
 *   K2. Only what carries the stack's label is changed or removed.
 *   K3. No value of a secret is in a revision: revisions are shown, secrets are not.
 */
import { readStack } from "@skein/common/compose/stack";
import type { Finding, Tree } from "@skein/common/compose/tree";
import { isMap } from "@skein/common/compose/tree";
import { stackId } from "@skein/common/ids";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { badRequest, refuse } from "./api-error.ts";
import type { StackChange, StackContext, StackRequest, Step } from "./stack/part.ts";
import { isOf, stackByName } from "./stack/part.ts";
import { planFiles } from "./stack/plan-files.ts";
import { planNetworks } from "./stack/plan-networks.ts";
import { planServices } from "./stack/plan-services.ts";
import { shelfOf } from "./stack/shelf.ts";

export interface StackDeployment {
  /** Undefined: everything is as the file asks. */
  readonly command: CommandOf<"write-stack"> | undefined;
  readonly changes: readonly StackChange[];
  readonly ignored: readonly Finding[];
  readonly warnings: readonly string[];
  /** Published ports that must be free. */
  readonly newPorts: readonly number[];
}

export function deployStack(
  request: StackRequest,
  context: StackContext,
): Checked<StackDeployment> {
  const what = `Cannot deploy stack ${request.name}`;
  if (!/^[a-z0-9][a-z0-9_-]{0,40}$/.test(request.name)) {
    return badRequest(`${what}: a name has lower-case letters, digits, - and _, at most 41`);
  }
  const read = readStack(request.compose);
  if (!read.ok) {
    const lines = read.error.map(({ path, reason }) => `\n  ${path}: ${reason}`);
    return badRequest(`${what}: the file asks for what cannot be done:${lines.join("")}`);
  }
  const stack = read.value;
  const networks = planNetworks(stack.networks, request, context);
  if (!networks.ok) return networks;
  const files = planFiles(stack.files, request, context);
  if (!files.ok) return files;
  const names = { network: networks.value.names, file: files.value.names };
  const services = planServices(stack.services, { request, context, names });
  if (!services.ok) return services;
  const steps = [
    ...networks.value.before.steps,
    ...files.value.before.steps,
    ...services.value.steps,
    ...networks.value.after.steps,
    ...files.value.after.steps,
  ];
  const changes = [
    ...networks.value.before.changes,
    ...files.value.before.changes,
    ...services.value.changes,
    ...networks.value.after.changes,
    ...files.value.after.changes,
  ];
  const { warnings, newPorts } = services.value;
  const revision = {
    note: request.note,
    compose: JSON.stringify(withoutSecrets(request.compose)),
    files: files.value.rows,
  };
  const command = commandFor({ request, context, steps, revision });
  return ok({ command, changes, ignored: stack.ignored, warnings, newPorts });
}

/** K3: contents that stand in the file itself. */
function withoutSecrets(compose: Tree): Tree {
  const secrets = isMap(compose) ? compose["secrets"] : undefined;
  if (!isMap(compose) || !isMap(secrets)) return compose;
  const shown = Object.entries(secrets).map(([key, secret]) => {
    const has = isMap(secret) && secret["content"] !== undefined;
    return [key, has ? { ...secret, content: "(kept secret)" } : secret] as const;
  });
  return { ...compose, secrets: Object.fromEntries(shown) };
}

interface Written {
  readonly request: StackRequest;
  readonly context: StackContext;
  readonly steps: readonly Step[];
  readonly revision: NonNullable<CommandOf<"write-stack">["revision"]>;
}

function commandFor({
  request,
  context,
  steps,
  revision,
}: Written): CommandOf<"write-stack"> | undefined {
  const found = stackByName(context.view, request.name);
  const last = found?.revisions.at(-1);
  if (steps.length === 0 && last?.compose === revision.compose) return undefined;
  return {
    kind: "write-stack",
    stackId: found?.id ?? stackId(context.newId()),
    name: request.name,
    version: found?.version ?? 0,
    revision,
    steps,
  };
}

/**
 * Everything that carries the stack's label goes, in one entry; a stack of a client that knows no
 * stacks has no row, only the label.
 */
export function removeStack(
  name: string,
  context: StackContext,
): Checked<{
  readonly command: CommandOf<"write-stack">;
  readonly changes: readonly StackChange[];
}> {
  const { view } = context;
  const found = stackByName(view, name);
  const services = view.services.list().filter((service) => {
    return service.removed !== true && isOf(name, service.spec.labels);
  });
  const networks = view.networks.list().filter((network) => {
    return network.removedAt === undefined && isOf(name, network.spec.labels);
  });
  const files = (["configs", "secrets"] as const).flatMap((kind) => {
    const shelf = shelfOf(kind, context);
    const own = shelf.list().filter(({ labels }) => isOf(name, labels));
    return own.map((one) => ({ ...one, shelf }));
  });
  if (found === undefined && services.length + networks.length + files.length === 0) {
    return refuse(404, "stack-not-found", `stack ${name} not found`);
  }
  const gone = (kind: StackChange["kind"], object: string) =>
    ({ kind, name: object, action: "remove" }) as const;
  return ok({
    command: {
      kind: "write-stack",
      stackId: found?.id ?? stackId(context.newId()),
      name,
      version: found?.version ?? 0,
      ...(found === undefined ? { isLabelOnly: true } : {}),
      steps: [
        ...services.map(({ id }): Step => ({ kind: "remove-service", serviceId: id })),
        ...networks.map(({ id }): Step => ({ kind: "remove-network", networkId: id })),
        ...files.map(({ id, shelf }) => shelf.remove(id)),
      ],
    },
    changes: [
      ...services.map(({ spec }) => gone("service", spec.name)),
      ...networks.map(({ spec }) => gone("network", spec.name)),
      ...files.map((file) => gone(file.shelf.noun, file.name)),
    ],
  });
}
