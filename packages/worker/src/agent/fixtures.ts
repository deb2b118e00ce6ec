/** Builders for the tests of this folder; nothing in production imports them. */
import { nodeId, serviceId, taskId } from "@skein/common/ids";
import type { NodeDescription } from "@skein/common/model/node";
import type { PortSpec, ProcessSpec } from "@skein/common/model/service";
import type { DesiredState } from "@skein/common/model/task-state";
import type { Assignment } from "@skein/common/wire/dispatch-messages";

export const NODE = nodeId("node1");

export const DESCRIPTION: NodeDescription = {
  hostname: "worker-1",
  architecture: "x86_64",
  os: "linux",
  nanoCpus: 2e9,
  memoryBytes: 1e9,
  engineVersion: "0.1.0",
  address: "127.0.1.4",
  controlAddress: "127.0.1.4:7946",
  dataAddress: "127.0.1.4:4789",
  hostKey: "boot:net",
};

export interface AssignmentOptions {
  readonly desired?: DesiredState;
  readonly slot?: number;
  readonly address?: string;
  readonly ports?: readonly number[];
  readonly process?: Partial<ProcessSpec>;
  readonly labels?: Readonly<Record<string, string>>;
}

export function assignment(id: string, options: AssignmentOptions = {}): Assignment {
  const process: ProcessSpec = {
    image: "host:latest",
    command: [],
    args: ["sleep", "100"],
    env: [],
    labels: {},
    ...options.process,
  };
  return {
    taskId: taskId(id),
    serviceId: serviceId("svc1"),
    serviceName: "web",
    slot: options.slot ?? 1,
    spec: { process, constraints: [], spread: [], forceUpdate: 0 },
    ports: (options.ports ?? []).map(port),
    desired: options.desired ?? "running",
    ...(options.address === undefined ? {} : { address: options.address }),
    nodeId: NODE,
    nodeHostname: "worker-1",
    nodeLabels: options.labels ?? {},
  };
}

function port(targetPort: number): PortSpec {
  return { protocol: "tcp", targetPort, publishedPort: 8080, mode: "ingress" };
}
