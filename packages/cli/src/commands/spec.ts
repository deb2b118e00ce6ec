/** The Engine API's service spec as its JSON, and how flags write into it. */

/** Keys as on the API's wire. */
export type EngineSpec = Record<string, unknown>;

/** A spec of nothing but a command. */
export function emptySpec(image: string, command: readonly string[], name: string): EngineSpec {
  return {
    Name: name,
    Labels: {},
    TaskTemplate: { ContainerSpec: { Image: image, Args: [...command] } },
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: { Mode: "vip", Ports: [] },
  };
}

/** The object at a path, made on the way where there is none. */
export function objectAt(spec: EngineSpec, ...path: readonly string[]): EngineSpec {
  let current = spec;
  for (const key of path) {
    const found = current[key];
    if (typeof found === "object" && found !== null) {
      // Objects of the API's JSON have string keys only.
      current = found as EngineSpec;
      continue;
    }
    const made: EngineSpec = {};
    current[key] = made;
    current = made;
  }
  return current;
}

/** The strings at a path; none where there is no list. */
export function stringsAt(spec: EngineSpec, path: readonly string[], key: string): string[] {
  const found = objectAt(spec, ...path)[key];
  return Array.isArray(found) ? found.map(String) : [];
}

export function containerOf(spec: EngineSpec): EngineSpec {
  return objectAt(spec, "TaskTemplate", "ContainerSpec");
}
