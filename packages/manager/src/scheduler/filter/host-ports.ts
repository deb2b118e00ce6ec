/** A host-mode port can be held by one task of a node, until that task has ended. */
import type { Filter } from "../filter.ts";
import { nodesText } from "../filter.ts";

export const hostPortsFilter: Filter = {
  name: "host-ports",
  applies: ({ hostPorts }) => hostPorts.length > 0,
  admits: ({ hostPorts }, { info }) => hostPorts.every((key) => !info.hostPorts.has(key)),
  explain: (count) => `host-mode port already in use on ${nodesText(count)}`,
};
