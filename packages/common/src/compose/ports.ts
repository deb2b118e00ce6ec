/** `ports`: `[[host:]published:]target[/protocol]` with ranges, or the long form. */
import type { Place } from "./findings.ts";
import { isMap, kindOf, scalarText } from "./tree.ts";

export interface EnginePort {
  readonly Name?: string;
  readonly Protocol: string;
  readonly TargetPort: number;
  readonly PublishedPort?: number;
  readonly PublishMode: string;
}

const LONG_KEYS = ["name", "mode", "target", "published", "protocol", "app_protocol", "host_ip"];
const PROTOCOLS = ["tcp", "udp", "sctp"];
/** A range of a file is written out; nobody publishes more of one service. */
const RANGE_MAX = 1000;

const SHORT = new RegExp(
  "^(?:(?<host>\\[[^\\]]*\\]|[^:]*):)??(?:(?<published>[\\d-]*):)?" +
    "(?<target>[\\d-]+)(?:/(?<protocol>\\w+))?$",
);

/** Sorted as `docker stack deploy` sorts them, so that order in the file changes nothing. */
export function readPorts(place: Place): readonly EnginePort[] {
  const ports = place.list().flatMap((item) => {
    return isMap(item.tree) ? longForm(item) : shortForm(item);
  });
  return ports.sort(
    (a, b) =>
      (a.PublishedPort ?? 0) - (b.PublishedPort ?? 0) ||
      a.TargetPort - b.TargetPort ||
      (a.Protocol < b.Protocol ? -1 : Number(a.Protocol > b.Protocol)),
  );
}

function shortForm(place: Place): readonly EnginePort[] {
  const written = scalarText(place.tree);
  if (written === undefined) {
    place.refuse(`must be a port or a map, not ${kindOf(place.tree)}`);
    return [];
  }
  const found = SHORT.exec(written);
  const { host = "", published = "", target = "", protocol = "tcp" } = found?.groups ?? {};
  const targets = range(target);
  if (targets === undefined || !PROTOCOLS.includes(protocol)) {
    place.refuse(`must look like 8080:80, 8080:80/udp or 8000-8003:80-83, not ${written}`);
    return [];
  }
  if (host !== "") {
    place.refuse(`a published port answers on every address of every node: leave ${host}: out`);
    return [];
  }
  return pair(place, { targets, published, protocol, mode: "ingress" });
}

function longForm(place: Place): readonly EnginePort[] {
  place.onlyKeys(LONG_KEYS, "a port");
  const target = place.at("target").count();
  const published = place.at("published").text() ?? "";
  const mode = place.at("mode").oneOf(["ingress", "host"]) ?? "ingress";
  const protocol = place.at("protocol").oneOf(["tcp", "udp", "sctp"]) ?? "tcp";
  const name = place.at("name").text();
  if (!place.at("host_ip").isAbsent) {
    place.at("host_ip").refuse("a published port answers on every address of every node");
  }
  if (target === undefined || target < 1 || target > 65_535) {
    place.at("target").refuse("must be a port from 1 to 65535");
    return [];
  }
  const named = name === undefined ? {} : { Name: name };
  const ports = pair(place, { targets: [target], published, protocol, mode });
  return ports.map((port) => ({ ...named, ...port }));
}

interface Pairing {
  readonly targets: readonly number[];
  readonly published: string;
  readonly protocol: string;
  readonly mode: string;
}

function pair(
  place: Place,
  { targets, published, protocol, mode }: Pairing,
): readonly EnginePort[] {
  const outside = published === "" ? [] : range(published);
  if (outside === undefined || (outside.length > 0 && outside.length !== targets.length)) {
    place.refuse(`published ${published} does not pair with ${targets.length} target ports`);
    return [];
  }
  return targets.map((target, at) => {
    const port = outside[at];
    return {
      Protocol: protocol,
      TargetPort: target,
      ...(port === undefined ? {} : { PublishedPort: port }),
      PublishMode: mode,
    };
  });
}

/** `80` or `80-83`; undefined when it is none of ports. */
function range(text: string): readonly number[] | undefined {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (found === null) return undefined;
  const first = Number(found[1]);
  const last = Number(found[2] ?? found[1]);
  if (first < 1 || last > 65_535 || last < first || last - first >= RANGE_MAX) return undefined;
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
