/** The value of a member's key in the store's namespace: written and read here alone. */
import * as v from "valibot";
import type { NodeId } from "../ids.ts";
import { decodeWith, shortText } from "../wire/schema.ts";
import type { Fact, MemberFacts } from "./protocol.ts";

const schema = v.strictTuple([shortText, v.picklist(["manager", "worker"]), shortText]);

export function memberFact(nodeId: NodeId, { name, role, address }: MemberFacts): Fact {
  return { key: nodeId, value: JSON.stringify([name, role, address]) };
}

/** Undefined: not a value this version can read. */
export function memberFactsOf(value: string): MemberFacts | undefined {
  const facts = decodeJson(schema, value);
  if (facts === undefined) return undefined;
  const [name, role, address] = facts;
  return { name, role, address };
}

/** Total: text that is no JSON, or not of the schema, is undefined. */
export function decodeJson<S extends v.GenericSchema>(
  valueSchema: S,
  text: string,
): v.InferOutput<S> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const decoded = decodeWith(valueSchema, value);
  // The cast undoes the read-only view of `Decoded`.
  return decoded.ok ? (decoded.value as v.InferOutput<S>) : undefined;
}
