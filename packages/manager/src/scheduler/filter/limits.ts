/** The node must be able to enforce the limits asked for: a limit is kept or refused. */
import type { Filter } from "../filter.ts";
import { nodesText } from "../filter.ts";

export const limitsFilter: Filter = {
  name: "limits",
  applies: ({ limits }) => limits.length > 0,
  admits: ({ limits }, { info }) =>
    limits.every((kind) => info.node.description.limits?.includes(kind) === true),
  explain: (count) => `limits cannot be enforced on ${nodesText(count)}`,
};
