/** Every placement constraint must hold. */
import { meets } from "../constraint.ts";
import type { Filter } from "../filter.ts";
import { nodesText } from "../filter.ts";

export const constraintsFilter: Filter = {
  name: "constraints",
  applies: ({ constraints }) => constraints.length > 0,
  admits: ({ constraints }, { info }) =>
    constraints.every((one) => one !== undefined && meets(one, info.node)),
  explain: (count) => `scheduling constraints not satisfied on ${nodesText(count)}`,
};
