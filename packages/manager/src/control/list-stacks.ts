/** GET /skein/v1/stacks: those deployed as one, and those that share Docker's label. */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { Stack } from "@skein/common/model/stack";
import type { ClusterView } from "../store/view.ts";
import { formatWall } from "./engine/time.ts";
import { isOf } from "./stack/part.ts";

export function listStacks(view: ClusterView): readonly object[] {
  const names = new Set(view.stacks.list().map(({ name }) => name));
  for (const service of view.services.list()) {
    const name = service.spec.labels[STACK_LABEL];
    if (name !== undefined && service.removed !== true) names.add(name);
  }
  return [...names].sort().map((name) => summary(view, name));
}

function summary(view: ClusterView, name: string): object {
  const stack = view.stacks.list().find((one) => one.name === name);
  const services = view.services.list().filter((service) => {
    return service.removed !== true && isOf(name, service.spec.labels);
  });
  return {
    Name: name,
    Services: services.length,
    // Deployed by a client that knows no stacks: there is no revision to go back to.
    Revision: stack?.revisions.at(-1)?.number ?? 0,
    UpdatedAt: stack === undefined ? "" : formatWall(stack.updatedAt),
  };
}

export function stackToJson(stack: Stack): object {
  return {
    ID: stack.id,
    Name: stack.name,
    Version: { Index: stack.version },
    CreatedAt: formatWall(stack.createdAt),
    UpdatedAt: formatWall(stack.updatedAt),
    Revisions: stack.revisions.map(({ number, at, note, compose, files }) => ({
      Number: number,
      At: formatWall(at),
      Note: note,
      // The store holds what `JSON.stringify` made.
      Compose: JSON.parse(compose) as unknown,
      Files: files.map(({ kind, key, name }) => ({ Kind: kind, Key: key, Name: name })),
    })),
  };
}
