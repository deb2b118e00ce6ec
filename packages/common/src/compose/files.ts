/** `configs` and `secrets` of a service: which file of the stack, under which name, for whom. */
import type { Place } from "./findings.ts";
import { isMap } from "./tree.ts";

export interface FileUse {
  /** The key in the stack's `configs` or `secrets`. */
  readonly source: string;
  readonly target: string;
  readonly uid: string;
  readonly gid: string;
  /** Permission bits, such as 0o444. */
  readonly mode: number;
}

const KEYS = ["source", "target", "uid", "gid", "mode"];
const READABLE = 0o444;

/** Configs stand at the root of a file system unless told otherwise, secrets in their directory. */
export function readFileUses(place: Place, kind: "configs" | "secrets"): readonly FileUse[] {
  return place.list().flatMap((item): readonly FileUse[] => {
    if (!isMap(item.tree)) {
      const source = item.text();
      return source === undefined ? [] : [use(source, kind)];
    }
    item.onlyKeys(KEYS, `an item of ${kind}`);
    const source = item.at("source").text();
    if (source === undefined) {
      item.refuse("must have a source");
      return [];
    }
    const plain = use(source, kind);
    return [
      {
        source,
        target: item.at("target").text() ?? plain.target,
        uid: item.at("uid").text() ?? plain.uid,
        gid: item.at("gid").text() ?? plain.gid,
        mode: readMode(item.at("mode")) ?? plain.mode,
      },
    ];
  });
}

function use(source: string, kind: "configs" | "secrets"): FileUse {
  const target = kind === "configs" ? `/${source}` : source;
  return { source, target, uid: "0", gid: "0", mode: READABLE };
}

/** `0440`, `0o440` and `"0440"` mean the same: YAML 1.1 and 1.2 differ in what they read. */
function readMode(place: Place): number | undefined {
  if (place.isAbsent) return undefined;
  const written = place.text() ?? "";
  if (/^0o?[0-7]{1,4}$/.test(written)) return Number.parseInt(written.replace("o", ""), 8);
  // A reader of YAML 1.2 has made 0o440 the number 288 already.
  const value = typeof place.tree === "number" ? place.tree : Number.NaN;
  if (Number.isInteger(value) && value >= 0 && value <= 0o7777) return value;
  return place.refuse(`must be permissions such as 0440, not ${written}`);
}
