/** `volumes` and `tmpfs` of a service, as the Engine API's mounts. */
import type { Place } from "./findings.ts";
import { isMap, kindOf, scalarText } from "./tree.ts";

type Json = Readonly<Record<string, unknown>>;
const LONG_KEYS = ["type", "source", "target", "read_only", "bind", "tmpfs", "consistency"];

export function readMounts(service: Place): readonly Json[] {
  const mounts = service
    .at("volumes")
    .list()
    .flatMap((item) => {
      return isMap(item.tree) ? longForm(item) : shortForm(item);
    });
  const temporary = service
    .at("tmpfs")
    .texts()
    .map((written) => {
      const [target = "", options = ""] = written.split(":");
      const size = /(?:^|,)size=(\w+)/.exec(options)?.[1];
      return { Type: "tmpfs", Target: target, ...(size === undefined ? {} : tmpfsSize(size)) };
    });
  return [...mounts, ...temporary];
}

function shortForm(place: Place): readonly Json[] {
  const written = scalarText(place.tree);
  if (written === undefined) {
    place.refuse(`must be SOURCE:TARGET or a map, not ${kindOf(place.tree)}`);
    return [];
  }
  const [source = "", target, mode = "rw", ...more] = written.split(":");
  if (target === undefined || more.length > 0) {
    place.refuse(`must look like /data:/data or /data:/data:ro, not ${written}`);
    return [];
  }
  if (!isPath(source)) {
    place.refuse(`${source} is a named volume: volumes are not kept, mount a directory`);
    return [];
  }
  const options = mode.split(",");
  const unknown = options.find((option) => !["ro", "rw", "z", "Z"].includes(option));
  if (unknown !== undefined) {
    place.refuse(`mount option ${unknown} is not known: ro and rw are`);
    return [];
  }
  const readOnly = options.includes("ro") ? { ReadOnly: true } : {};
  return [{ Type: "bind", Source: source, Target: target, ...readOnly }];
}

function longForm(place: Place): readonly Json[] {
  place.onlyKeys(LONG_KEYS, "a mount");
  const type = place.at("type").oneOf(["bind", "tmpfs", "volume"]);
  const target = place.at("target").text();
  if (type === "volume") {
    place.refuse("volumes are not kept: mount a directory with type: bind");
    return [];
  }
  if (type === undefined || target === undefined) {
    place.refuse("must have a type and a target");
    return [];
  }
  const readOnly = place.at("read_only").flag() === true ? { ReadOnly: true } : {};
  if (type === "tmpfs") {
    const size = place.at("tmpfs").at("size").text();
    return [
      { Type: type, Target: target, ...readOnly, ...(size === undefined ? {} : tmpfsSize(size)) },
    ];
  }
  const source = place.at("source").text();
  if (source !== undefined && isPath(source)) {
    return [{ Type: type, Source: source, Target: target, ...readOnly }];
  }
  place.refuse("a bind mount must have a source that is a path");
  return [];
}

function tmpfsSize(written: string): Json {
  const bytes = /^\d+$/.test(written) ? Number(written) : undefined;
  return bytes === undefined ? {} : { TmpfsOptions: { SizeBytes: bytes } };
}

function isPath(source: string): boolean {
  return /^(\/|\.|~)/.test(source);
}
