/** Networks in the Engine API's shape: the built-in one, and those users made. */
import type { Cluster } from "@skein/common/model/cluster";
import type { Network, NetworkSpec } from "@skein/common/model/network";
import { ok } from "@skein/common/result";
import type { ClusterView } from "../../store/view.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, refuse, unsupported } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import type { EngineNetworkCreate } from "./service-shape.ts";
import { networkCreateShape } from "./service-shape.ts";
import { formatWall } from "./time.ts";

export const INGRESS = "ingress";

/** Stable over restarts and unlike any other id: made from the cluster's. */
export function ingressNetworkId(cluster: Cluster): string {
  return `ingress${cluster.id.slice(7)}`;
}

export function ingressNetwork(cluster: Cluster): object {
  return {
    Name: INGRESS,
    Id: ingressNetworkId(cluster),
    Created: formatWall(cluster.createdAt),
    Scope: "swarm",
    Driver: "overlay",
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [{ Subnet: cluster.taskPool }] },
    Internal: false,
    Attachable: false,
    Ingress: true,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: { "skein.plane": cluster.plane },
    Labels: {},
  };
}

export function networkToEngine(network: Network): object {
  const { spec } = network;
  return {
    Name: spec.name,
    Id: network.id,
    Created: formatWall(network.createdAt),
    Scope: "swarm",
    Driver: "overlay",
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: [{ Subnet: network.subnet, Gateway: network.gateway }],
    },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: null,
    Options: {
      "com.docker.network.driver.overlay.vxlanid_list": `${network.vni}`,
      ...spec.options,
    },
    // As Docker: null where there are none.
    Labels: Object.keys(spec.labels).length === 0 ? null : spec.labels,
  };
}

/** `inspect --verbose`: who is on it, by service. */
export function networkMembers(view: ClusterView, network: Network): object {
  const services: Record<string, object> = {};
  for (const service of view.services.list()) {
    if (service.removed === true) continue;
    if (!service.spec.task.networks?.some(({ networkId }) => networkId === network.id)) continue;
    const tasks = view.tasksOfService(service.id).flatMap((task) => {
      const on = task.networks?.find(({ networkId }) => networkId === network.id);
      if (on === undefined || task.status.state !== "running") return [];
      return [
        {
          Name: `${task.serviceName}.${task.slot}.${task.id}`,
          EndpointID: task.id,
          EndpointIP: on.address,
          Info: task.nodeId === undefined ? {} : { "Host ID": task.nodeId },
        },
      ];
    });
    const vip = service.vips?.find(({ networkId }) => networkId === network.id);
    services[service.spec.name] = {
      VIP: vip?.address ?? "",
      Ports: service.ports.map((port) => `Target: ${port.targetPort}`),
      LocalLBIndex: 0,
      Tasks: tasks,
    };
  }
  return { ...networkToEngine(network), Services: services };
}

/** "10.65.128.2/23": clients read an address with its prefix length. */
export function withPrefix(address: string, subnet: string): string {
  return `${address}/${subnet.split("/")[1] ?? "16"}`;
}

export interface ReadNetwork {
  readonly spec: NetworkSpec;
  readonly warnings: readonly string[];
}

/** What the body asks for; what cannot be honoured is refused with the reason. */
export function readNetworkSpec(body: unknown, plane: Cluster["plane"]): Checked<ReadNetwork> {
  const decoded = decodeGo(networkCreateShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const sent = decoded.value.value;
  const { Name: name = "", Options: options = {}, Labels: labels = {} } = sent;
  if (name === "") return badRequest("network name cannot be empty");
  if (name.length > 64 || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    return badRequest(`invalid network name ${name}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  if (["bridge", "host", "none", "default"].includes(name)) {
    const text = `operation is not permitted on predefined ${name} network `;
    return refuse(403, "predefined-network", text);
  }
  if (name === INGRESS) {
    return refuse(409, "network-name-taken", `network with name ${name} already exists`);
  }
  const reason = whyNot(sent, plane);
  if (reason !== undefined) return unsupported(`Cannot create network ${name}: ${reason}`);
  const [config, ...more] = sent.IPAM?.Config ?? [];
  if (more.length > 0) {
    return unsupported(`Cannot create network ${name}: more than one subnet is not supported yet`);
  }
  const spec = {
    name,
    labels,
    options,
    internal: sent.Internal ?? false,
    attachable: sent.Attachable ?? false,
    encrypted: "encrypted" in options && options["encrypted"] !== "false",
    ...(isAbsent(config?.Subnet) ? {} : { subnet: config?.Subnet ?? "" }),
    ...(isAbsent(config?.Gateway) ? {} : { gateway: config?.Gateway ?? "" }),
  };
  const warnings = decoded.value.unknown.map((key) => `unknown field ${key} ignored`);
  return ok({ spec, warnings });
}

function whyNot(sent: EngineNetworkCreate, plane: Cluster["plane"]): string | undefined {
  const { Driver: driver = "overlay", Options: options = {} } = sent;
  const [config] = sent.IPAM?.Config ?? [];
  if (!["overlay", "default", ""].includes(driver)) {
    return `the driver ${driver} is not supported, use overlay`;
  }
  if (sent.Ingress === true) return "there is one ingress network already, named ingress";
  if (sent.ConfigOnly === true || !isAbsent(sent.ConfigFrom?.Network)) {
    return "configuration networks (--config-only, --config-from) are for drivers of one node";
  }
  if (sent.EnableIPv6 === true) return "IPv6 (--ipv6) is not supported yet: addresses are IPv4";
  if (sent.EnableIPv4 === false) return "a network without IPv4 (--ipv4=false) has no addresses";
  if (!["default", ""].includes(sent.IPAM?.Driver ?? "")) {
    return `the address driver ${sent.IPAM?.Driver} is not supported: leave --ipam-driver out`;
  }
  if (!isAbsent(config?.IPRange)) return "address ranges (--ip-range) are not supported yet";
  if (Object.keys(config?.AuxiliaryAddresses ?? {}).length > 0) {
    return "auxiliary addresses (--aux-address) are not supported yet";
  }
  const unknown = Object.keys(options).find((key) => !KNOWN_OPTIONS.includes(key));
  if (unknown !== undefined) return `the option ${unknown} is not supported (--opt ${unknown})`;
  return planeRefusal(sent, plane);
}

const KNOWN_OPTIONS = ["encrypted"];

/** What a plane cannot do is not pretended: both flags are promises about security. */
function planeRefusal(sent: EngineNetworkCreate, plane: Cluster["plane"]): string | undefined {
  if (sent.Internal === true && plane === "loopback") {
    return (
      "tasks of the loopback plane share their node's network, so nothing can be kept inside " +
      "(--internal): use the kernel plane"
    );
  }
  const isEncrypted = sent.Options !== undefined && "encrypted" in sent.Options;
  if (!isEncrypted || plane !== "kernel") return undefined;
  return "the kernel plane's frames are not encrypted (--opt encrypted): use the loopback plane";
}

function isAbsent(text: string | undefined): boolean {
  return text === undefined || text === "";
}
