/** What `insertDefaults=true` adds to a spec that does not say: the values that are in effect. */
import type { EngineServiceSpec } from "./service-shape.ts";
import { toNanoseconds } from "./time.ts";

export function insertDefaults(spec: EngineServiceSpec): EngineServiceSpec {
  const task = spec.TaskTemplate ?? {};
  const { Mode: endpointMode = "vip", ...endpoint } = spec.EndpointSpec ?? {};
  return {
    ...spec,
    TaskTemplate: {
      ...task,
      ContainerSpec: {
        ...task.ContainerSpec,
        StopGracePeriod: task.ContainerSpec?.StopGracePeriod ?? toNanoseconds(10_000),
        DNSConfig: task.ContainerSpec?.DNSConfig ?? {},
      },
      Resources: { Limits: {}, Reservations: {}, ...task.Resources },
      RestartPolicy: {
        Condition: "any",
        Delay: toNanoseconds(5000),
        MaxAttempts: 0,
        ...task.RestartPolicy,
      },
    },
    UpdateConfig: { ...UPDATE_DEFAULTS, ...spec.UpdateConfig },
    RollbackConfig: { ...UPDATE_DEFAULTS, ...spec.RollbackConfig },
    EndpointSpec: { Mode: endpointMode, ...endpoint },
  };
}

const UPDATE_DEFAULTS = {
  Parallelism: 1,
  FailureAction: "pause",
  Monitor: toNanoseconds(5000),
  MaxFailureRatio: 0,
  Order: "stop-first",
} as const;
