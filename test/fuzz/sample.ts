/** Values that a valibot schema takes, drawn from it: the fuzzer's right frames. */
import type * as v from "valibot";
import type { Rng } from "./fuzzer.ts";

/** What is looked at of a schema; each kind has some of it. */
interface Shape {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly options?: readonly (Shape | string)[];
  readonly literal?: unknown;
  readonly item?: Shape;
  readonly items?: readonly Shape[];
  readonly value?: Shape;
  readonly wrapped?: Shape;
  readonly pipe?: readonly (Shape & { readonly requirement?: unknown })[];
}

const TEXTS = ["", "a", "10.0.0.1:2377", "web", "__proto__", "ünï", "aGVsbG8="];
const NAME = "n1";

export function sample(schema: v.GenericSchema, random: Rng): unknown {
  // The schemas' own fields are not part of valibot's generic type.
  return draw(schema as unknown as Shape, random);
}

function draw(shape: Shape, random: Rng): unknown {
  const pattern = shape.pipe?.find(({ requirement }) => requirement instanceof RegExp);
  switch (shape.type) {
    case "object":
      return Object.fromEntries(fields(shape, random));
    case "variant":
    case "union":
      return draw(pick(shape.options ?? [], random) as Shape, random);
    case "picklist":
      return pick(shape.options ?? [], random);
    case "literal":
      return shape.literal;
    case "array":
      return Array.from({ length: random.below(3) }, () => draw(must(shape.item), random));
    case "tuple":
      return (shape.items ?? []).map((item) => draw(item, random));
    case "record":
      return { [NAME]: draw(must(shape.value), random) };
    case "string":
      return pattern === undefined ? pick(TEXTS, random) : NAME;
    case "number":
      return random.below(random.below(2) === 0 ? 4 : 100_000);
    case "boolean":
      return random.below(2) === 0;
    case "instance":
      return Uint8Array.from({ length: random.below(40) }, () => random.below(256));
    case "exact_optional":
    case "optional":
    case "nullable":
      return draw(must(shape.wrapped), random);
    default:
      return null;
  }
}

function fields(shape: Shape, random: Rng): readonly (readonly [string, unknown])[] {
  return Object.entries(shape.entries ?? {}).flatMap(([key, field]) => {
    const isLeftOut = field.type.endsWith("optional") && random.below(3) === 0;
    return isLeftOut ? [] : [[key, draw(field, random)] as const];
  });
}

function pick<T>(values: readonly T[], random: Rng): T | undefined {
  return values[random.below(values.length)];
}

function must(shape: Shape | undefined): Shape {
  if (shape === undefined) throw new Error("a schema without its parts");
  return shape;
}
