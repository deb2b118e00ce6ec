/**
 * Total decoders. Whatever comes from a peer, a disk or a user is checked once, here at the edge,
 * and trusted inside. Unknown keys are dropped, so that a newer peer may add optional fields.
 */
import * as v from "valibot";
import type { LogIndex, Term } from "../ids.ts";
import { logIndex, term } from "../ids.ts";
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

export type Schema<T> = v.GenericSchema<unknown, T>;

export type DeepReadonly<T> = T extends string | number | boolean | bigint | undefined | Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? number extends T["length"]
      ? readonly DeepReadonly<Item>[]
      : { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };

/** The type a schema decodes to: the schema is the single source of both. */
export type Decoded<S extends v.GenericSchema> = DeepReadonly<v.InferOutput<S>>;

export interface DecodeError {
  readonly code: "malformed";
  /** Where and what, such as `entries.3.term: Expected number but received "x"`. */
  readonly reason: string;
}

export function decodeWith<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
): Result<Decoded<S>, DecodeError> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return ok(result.output as Decoded<S>);
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  const what = issue.message.replace(/^Invalid type: /, "");
  const reason = path === null ? what : `${path}: ${what}`;
  return fail({ code: "malformed", reason });
}

/** A non-negative safe integer: the only number in replicated state. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const text = v.string();
export const shortText = v.pipe(v.string(), v.maxLength(1024));
export const flag = v.boolean();
/** Any buffer backs it: what `encode` returns, a slice of a frame, a file. */
export const bytes: v.GenericSchema<Uint8Array> = v.instance(Uint8Array);
export const strings = v.array(v.string());
/**
 * Labels and other string maps; the key order is the writer's and never reaches a digest unsorted.
 */
export const stringMap = v.record(v.string(), v.string());

/** An identifier of brand `Id`: 1 to 64 printable characters. */
export function id<Id extends string>() {
  return v.pipe(
    v.string(),
    v.regex(/^[\w.:-]{1,64}$/),
    v.transform((value) => value as Id),
  );
}
export const termNumber = v.pipe(
  count,
  v.transform((value): Term => term(value)),
);
export const indexNumber = v.pipe(
  count,
  v.transform((value): LogIndex => logIndex(value)),
);
