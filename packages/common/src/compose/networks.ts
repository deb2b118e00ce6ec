/** `networks`: those of a service (a list or a map by name), and those of the stack. */
import type { Place } from "./findings.ts";
import { readLabels } from "./pairs.ts";
import { isList } from "./tree.ts";

type Json = Readonly<Record<string, unknown>>;

export interface NetworkUse {
  readonly network: string;
  readonly aliases: readonly string[];
}

/** The stack's own network, for services that name none. */
export const DEFAULT_NETWORK = "default";

export function readNetworkUses(place: Place): readonly NetworkUse[] {
  if (place.isAbsent) return [{ network: DEFAULT_NETWORK, aliases: [] }];
  if (isList(place.tree)) return place.texts().map((network) => ({ network, aliases: [] }));
  return place.entries().map(([network, item]) => {
    item.onlyKeys(["aliases", ...PINNED, "priority", "gw_priority"], "a network of a service");
    for (const key of PINNED) {
      if (!item.at(key).isAbsent) item.at(key).refuse("the cluster gives tasks their addresses");
    }
    return { network, aliases: item.at("aliases").texts() };
  });
}

const PINNED = ["ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "interface_name"];

export interface StackNetwork {
  readonly key: string;
  /** Not made by the stack: it must be there. */
  readonly external: boolean;
  /** As asked for; absent: `<stack>_<key>`. */
  readonly name: string | undefined;
  /** The Engine API's body of `POST /networks/create`, without the name. */
  readonly engine: Json;
}

const NETWORK_KEYS = [
  "name",
  "driver",
  "driver_opts",
  "attachable",
  "internal",
  "enable_ipv4",
  "enable_ipv6",
  "ipam",
  "labels",
  "external",
];

export function readNetwork(key: string, place: Place): StackNetwork {
  place.onlyKeys(NETWORK_KEYS, "a network");
  const external = readExternal(place);
  const driver = place.at("driver").text() ?? "overlay";
  if (driver !== "overlay") place.at("driver").refuse(`only overlay networks span nodes`);
  const options = readLabels(place.at("driver_opts"));
  const ipam = readIpam(place.at("ipam"));
  return {
    key,
    external: external.external,
    name: place.at("name").text() ?? external.name,
    engine: {
      Driver: driver,
      Labels: readLabels(place.at("labels")),
      ...(Object.keys(options).length === 0 ? {} : { Options: options }),
      ...(place.at("attachable").flag() === true ? { Attachable: true } : {}),
      ...(place.at("internal").flag() === true ? { Internal: true } : {}),
      ...(place.at("enable_ipv6").flag() === true ? { EnableIPv6: true } : {}),
      ...(ipam === undefined ? {} : { IPAM: ipam }),
    },
  };
}

/** `external: true`, or version 3's `external: {name: …}`. */
export function readExternal(place: Place): {
  readonly external: boolean;
  readonly name: string | undefined;
} {
  const external = place.at("external");
  if (typeof external.tree !== "object" || external.tree === null) {
    return { external: external.flag() ?? false, name: undefined };
  }
  external.onlyKeys(["name"], "external");
  return { external: true, name: external.at("name").text() };
}

function readIpam(place: Place): Json | undefined {
  if (place.isAbsent) return undefined;
  place.onlyKeys(["driver", "config", "options"], "ipam");
  const driver = place.at("driver").text() ?? "default";
  if (driver !== "default") place.at("driver").refuse("there is only the default driver");
  const pools = place
    .at("config")
    .list()
    .map((item) => {
      item.onlyKeys(["subnet", "gateway", "ip_range", "aux_addresses"], "an address pool");
      for (const key of ["ip_range", "aux_addresses"]) {
        if (!item.at(key).isAbsent) item.at(key).refuse("the cluster gives tasks their addresses");
      }
      const [subnet, gateway] = [item.at("subnet").text(), item.at("gateway").text()];
      return {
        ...(subnet === undefined ? {} : { Subnet: subnet }),
        ...(gateway === undefined ? {} : { Gateway: gateway }),
      };
    });
  return { Driver: "default", ...(pools.length === 0 ? {} : { Config: pools }) };
}
