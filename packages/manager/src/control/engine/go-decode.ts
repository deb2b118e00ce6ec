/**
 * Decodes a parsed JSON value into a Go struct described as data, the way dockerd would: struct
 * keys match without regard to case (docker-py sends `replicated`), map keys do not; null, missing
 * and zero mean the same; unknown keys are ignored, but collected, so that the answer can name
 * them. The result is what Go would write back: fields in struct order, `omitempty` fields without
 * zeros.
 *
 * Invariants:
 *   G1. Total: any JSON value gives a value of the shape or Go's own error text.
 *   G2. Decoding its own result gives an equal result.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

export interface Text {
  readonly kind: "text";
}
export interface Flag {
  readonly kind: "flag";
}
export interface Numeric {
  readonly kind: "number";
  /** Go's type, for the error text; integers unless it starts with "float". */
  readonly type: string;
}
/** Kept as sent: fields that are refused unless empty, and the like. */
export interface Raw {
  readonly kind: "raw";
}
export interface List<Of extends Shape = Shape> {
  readonly kind: "list";
  readonly of: Of;
}
export interface Dictionary<Of extends Shape = Shape> {
  readonly kind: "map";
  readonly of: Of;
}
export interface Struct<Fields extends FieldTable = FieldTable> {
  readonly kind: "struct";
  /** Go's name, for the error text: "ServiceSpec". */
  readonly type: string;
  readonly fields: Fields;
}
export type Shape = Text | Flag | Numeric | Raw | List | Dictionary | Struct;

/** `always`: no omitempty. `nonzero`: omitempty. `present`: a pointer, kept when not null. */
export type Keep = "always" | "nonzero" | "present";
export type Field<S extends Shape = Shape> = readonly [shape: S, keep: Keep];
// `unknown` would lose the field's shape, and a recursive alias needs the indirection.
export interface FieldTable {
  readonly [name: string]: Field;
}

export type Decoded<S extends Shape> = S extends Text
  ? string
  : S extends Flag
    ? boolean
    : S extends Numeric
      ? number
      : S extends List<infer Of>
        ? readonly Decoded<Of>[]
        : S extends Dictionary<infer Of>
          ? Readonly<Record<string, Decoded<Of>>>
          : S extends Struct<infer Fields>
            ? { readonly [Name in keyof Fields]?: Decoded<Fields[Name][0]> }
            : unknown;

export const text: Text = { kind: "text" };
export const flag: Flag = { kind: "flag" };
export const raw: Raw = { kind: "raw" };
export const int64: Numeric = { kind: "number", type: "int64" };
export const uint64: Numeric = { kind: "number", type: "uint64" };
export const uint32: Numeric = { kind: "number", type: "uint32" };
export const duration: Numeric = { kind: "number", type: "time.Duration" };
export const float32: Numeric = { kind: "number", type: "float32" };

export function list<Of extends Shape>(of: Of): List<Of> {
  return { kind: "list", of };
}
export function map<Of extends Shape>(of: Of): Dictionary<Of> {
  return { kind: "map", of };
}
export function struct<Fields extends FieldTable>(type: string, fields: Fields): Struct<Fields> {
  return { kind: "struct", type, fields };
}

export interface GoDecoded<S extends Shape> {
  readonly value: Decoded<S>;
  /**
   * Dotted paths of keys the shape does not know, in the order found, at most `UNKNOWN_KEYS_MAX`.
   */
  readonly unknown: readonly string[];
}

/** Enough to find one's typing mistake; a hostile body must not grow the answer. */
const UNKNOWN_KEYS_MAX = 20;

export function decodeGo<S extends Struct>(shape: S, input: unknown): Result<GoDecoded<S>, string> {
  const context: Context = { root: shape.type, unknown: [], error: undefined };
  const value = decodeValue(context, shape, { value: input, path: "" });
  if (context.error !== undefined) return fail(context.error);
  // The value was built along the shape, field by field; the compiler cannot follow that.
  const decoded = (value ?? zero(shape)) as Decoded<S>;
  return ok({ value: decoded, unknown: context.unknown });
}

interface Context {
  readonly root: string;
  readonly unknown: string[];
  /** The first error; Go reports one. */
  error: string | undefined;
}

interface Input {
  readonly value: unknown;
  readonly path: string;
}

/** Undefined for null, and after an error. */
function decodeValue(context: Context, shape: Shape, input: Input): unknown {
  const { value } = input;
  if (value === null || value === undefined || context.error !== undefined) return undefined;
  switch (shape.kind) {
    case "raw":
      return value;
    case "text":
      return typeof value === "string" ? value : mismatch(context, input, "string");
    case "flag":
      return typeof value === "boolean" ? value : mismatch(context, input, "bool");
    case "number":
      return decodeNumber(context, shape, input);
    case "list":
      return decodeList(context, shape, input);
    case "map":
      return decodeMap(context, shape, input);
    case "struct":
      return decodeStruct(context, shape, input);
  }
}

function decodeNumber(context: Context, shape: Numeric, input: Input): unknown {
  const { value } = input;
  if (typeof value !== "number") return mismatch(context, input, shape.type);
  if (shape.type.startsWith("float")) return value;
  const top = shape.type === "uint32" ? 2 ** 32 - 1 : shape.type === "uint64" ? 2 ** 64 : 2 ** 63;
  const bottom = shape.type.startsWith("u") ? 0 : -(2 ** 63);
  if (Number.isInteger(value) && value >= bottom && value <= top) return value;
  return mismatch(context, input, shape.type, `number ${value}`);
}

function decodeList(context: Context, shape: List, input: Input): unknown {
  if (!Array.isArray(input.value)) return mismatch(context, input, goType(shape));
  return input.value.map(
    (item: unknown) =>
      decodeValue(context, shape.of, { value: item, path: input.path }) ?? zero(shape.of),
  );
}

function decodeMap(context: Context, shape: Dictionary, input: Input): unknown {
  const entries = objectEntries(input.value);
  if (entries === undefined) return mismatch(context, input, goType(shape));
  // `fromEntries` defines properties, so that a key `__proto__` is a key like any other.
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key,
      decodeValue(context, shape.of, { value: item, path: input.path }) ?? zero(shape.of),
    ]),
  );
}

function decodeStruct(context: Context, shape: Struct, input: Input): unknown {
  const entries = objectEntries(input.value);
  if (entries === undefined) return mismatch(context, input, goType(shape));
  const prefix = input.path === "" ? "" : `${input.path}.`;
  const found = new Map<string, unknown>();
  for (const [key, value] of entries) {
    const name = fieldName(shape, key);
    if (name !== undefined) found.set(name, value);
    else if (context.unknown.length < UNKNOWN_KEYS_MAX) context.unknown.push(`${prefix}${key}`);
  }
  const fields: [string, unknown][] = [];
  for (const [name, [of, keep]] of Object.entries(shape.fields)) {
    const value = decodeValue(context, of, { value: found.get(name), path: `${prefix}${name}` });
    if (keep === "always") fields.push([name, value ?? zero(of)]);
    else if (value !== undefined && (keep === "present" || !isZero(value))) {
      fields.push([name, value]);
    }
  }
  return Object.fromEntries(fields);
}

/** Go prefers the exact key and else folds case. */
function fieldName(shape: Struct, key: string): string | undefined {
  if (Object.hasOwn(shape.fields, key)) return key;
  const folded = key.toLowerCase();
  return Object.keys(shape.fields).find((name) => name.toLowerCase() === folded);
}

function objectEntries(value: unknown): [string, unknown][] | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value)
    : undefined;
}

/** True for what Go's omitempty leaves out. */
function isZero(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}

function zero(shape: Shape): unknown {
  switch (shape.kind) {
    case "text":
      return "";
    case "flag":
      return false;
    case "number":
      return 0;
    case "list":
      return [];
    case "map":
      return {};
    case "raw":
      return null;
    case "struct":
      return Object.fromEntries(
        Object.entries(shape.fields)
          .filter(([, [, keep]]) => keep === "always")
          .map(([name, [of]]) => [name, zero(of)]),
      );
  }
}

function goType(shape: Shape): string {
  switch (shape.kind) {
    case "text":
      return "string";
    case "flag":
      return "bool";
    case "number":
      return shape.type;
    case "list":
      return `[]${goType(shape.of)}`;
    case "map":
      return `map[string]${goType(shape.of)}`;
    case "struct":
      return `swarm.${shape.type}`;
    case "raw":
      return "interface {}";
  }
}

function mismatch(
  context: Context,
  input: Input,
  type: string,
  what = jsonKind(input.value),
): undefined {
  const where = input.path === "" ? "Go value" : `Go struct field ${context.root}.${input.path}`;
  context.error = `json: cannot unmarshal ${what} into ${where} of type ${type}`;
  return undefined;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
