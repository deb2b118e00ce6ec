/**
 * A stack's services as the Engine API's ServiceSpecs: what the stack deployment proposes, and what
 * `docker stack deploy` would have sent.
 */
import type { FileUse } from "./files.ts";
import type { StackService } from "./service.ts";
import { withoutAbsent } from "./service.ts";

type Json = Readonly<Record<string, unknown>>;

export const STACK_LABEL = "com.docker.stack.namespace";
export const IMAGE_LABEL = "com.docker.stack.image";
/** `db=service_healthy,migrate=service_completed_successfully`: full names of services. */
export const DEPENDS_LABEL = "skein.depends_on";

/** What the names in the file stand for in the cluster. */
export interface StackNames {
  readonly stack: string;
  /** Service of the stack by key -> its name; undefined when the stack has none. */
  readonly service: (key: string) => string | undefined;
  readonly network: (key: string) => string;
  readonly file: (
    kind: "configs" | "secrets",
    key: string,
  ) => { readonly id: string; readonly name: string };
}

export function engineSpec(service: StackService, names: StackNames): Json {
  const { deploy } = service;
  return withoutAbsent({
    Name: `${names.stack}_${service.key}`,
    Labels: { ...deploy.labels, ...stackLabels(service, names) },
    TaskTemplate: withoutAbsent({
      ContainerSpec: containerSpec(service, names),
      Resources: deploy.resources,
      RestartPolicy: deploy.restart,
      Placement: deploy.placement,
      LogDriver: service.logDriver,
      Networks: service.networks.map(({ network, aliases }) => ({
        Target: names.network(network),
        Aliases: [...new Set([service.key, ...aliases])],
      })),
    }),
    Mode: deploy.mode,
    UpdateConfig: deploy.update,
    RollbackConfig: deploy.rollback,
    EndpointSpec: withoutAbsent({
      Mode: deploy.endpointMode,
      Ports: service.ports.length === 0 ? undefined : service.ports,
    }),
  });
}

function stackLabels(service: StackService, names: StackNames): Readonly<Record<string, string>> {
  const waits = service.dependsOn.flatMap(({ service: key, condition }) => {
    const name = names.service(key);
    return name === undefined ? [] : [`${name}=${condition}`];
  });
  return {
    [STACK_LABEL]: names.stack,
    [IMAGE_LABEL]: service.image,
    ...(waits.length === 0 ? {} : { [DEPENDS_LABEL]: waits.sort().join(",") }),
  };
}

function containerSpec(service: StackService, names: StackNames): Json {
  const labels = service.container["Labels"];
  return withoutAbsent({
    ...service.container,
    // `readLabels` made it: a record of texts.
    Labels: { ...(labels as Readonly<Record<string, string>>), [STACK_LABEL]: names.stack },
    Configs: references(service.configs, "Config", (key) => names.file("configs", key)),
    Secrets: references(service.secrets, "Secret", (key) => names.file("secrets", key)),
  });
}

function references(
  uses: readonly FileUse[],
  what: "Config" | "Secret",
  named: (key: string) => { readonly id: string; readonly name: string },
): readonly Json[] | undefined {
  if (uses.length === 0) return undefined;
  return uses.map((use) => {
    const { id, name } = named(use.source);
    return {
      File: { Name: use.target, UID: use.uid, GID: use.gid, Mode: use.mode },
      [`${what}ID`]: id,
      [`${what}Name`]: name,
    };
  });
}
