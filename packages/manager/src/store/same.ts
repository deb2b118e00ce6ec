/** Comparisons that several commands share. */
import { canonicalJson } from "@skein/common/wire/codec";

/** Deep equality of plain values, whatever the order of their keys. */
export function isSame(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b);
}

/**
 * Whether an update that read `version` may write the spec: nobody wrote the spec since. Status
 * writes move the row's version and do not stand in the way; a version nobody can have read does.
 */
export function isReadVersion(
  version: number,
  row: { readonly version: number; readonly specIndex: number },
): boolean {
  return row.specIndex <= version && version <= row.version;
}
