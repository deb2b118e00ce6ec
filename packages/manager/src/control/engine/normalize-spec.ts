/**
 * What dockerd itself fills in before it stores a spec, and no more: clients compare what they read
 * back with what they sent (Ansible, docker-py). The defaults people see with `insertDefaults` are
 * in insert-defaults.ts.
 */
import { assert } from "@skein/common/assert";
import { decodeGo } from "./go-decode.ts";
import { normalizeMode } from "./service-mode.ts";
import type { EnginePort, EngineServiceSpec, EngineUpdateConfig } from "./service-shape.ts";
import { serviceSpecShape } from "./service-shape.ts";
import type { SpecContext } from "./service-spec.ts";

export function normalizeSpec(spec: EngineServiceSpec, context: SpecContext): EngineServiceSpec {
  const filled = fill(spec, context);
  // Once more through the shape: what was filled in takes its place in the struct's order, so that
  // reading back and sending again gives the same text.
  const ordered = decodeGo(serviceSpecShape, filled);
  assert(ordered.ok, `a normalized spec does not decode: ${ordered.ok || ordered.error}`);
  return ordered.value.value;
}

function fill(spec: EngineServiceSpec, context: SpecContext): EngineServiceSpec {
  const task = spec.TaskTemplate ?? {};
  const { UpdateConfig: update, RollbackConfig: rollback, EndpointSpec: endpoint } = spec;
  return {
    ...spec,
    Name: spec.Name === undefined || spec.Name === "" ? context.defaultName : spec.Name,
    Labels: spec.Labels ?? {},
    TaskTemplate: {
      ...task,
      ...(task.ContainerSpec === undefined
        ? {}
        : { ContainerSpec: containerSpec(task.ContainerSpec, context.defaultDirectory) }),
      ForceUpdate: task.ForceUpdate ?? 0,
      Runtime: task.Runtime ?? "container",
    },
    Mode: normalizeMode(spec.Mode ?? {}),
    ...(update === undefined ? {} : { UpdateConfig: updateConfig(update) }),
    ...(rollback === undefined ? {} : { RollbackConfig: updateConfig(rollback) }),
    ...(endpoint === undefined
      ? {}
      : {
          EndpointSpec: {
            Mode: endpoint.Mode ?? "vip",
            ...(endpoint.Ports === undefined ? {} : { Ports: endpoint.Ports.map(port) }),
          },
        }),
  };
}

type Container = NonNullable<NonNullable<EngineServiceSpec["TaskTemplate"]>["ContainerSpec"]>;

function containerSpec(container: Container, directory: string | undefined): Container {
  const isolated = { ...container, Isolation: container.Isolation ?? "default" };
  if (container.Dir !== undefined || directory === undefined) return isolated;
  return { ...isolated, Dir: directory };
}

function updateConfig(config: EngineUpdateConfig): EngineUpdateConfig {
  return {
    ...config,
    FailureAction: config.FailureAction ?? "pause",
    Order: config.Order === undefined || config.Order === "" ? "stop-first" : config.Order,
  };
}

function port(sent: EnginePort): EnginePort {
  return {
    ...(sent.Name === undefined ? {} : { Name: sent.Name }),
    Protocol: sent.Protocol ?? "tcp",
    ...(sent.TargetPort === undefined ? {} : { TargetPort: sent.TargetPort }),
    ...(sent.PublishedPort === undefined ? {} : { PublishedPort: sent.PublishedPort }),
    PublishMode: sent.PublishMode ?? "ingress",
  };
}
