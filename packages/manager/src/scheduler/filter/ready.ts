/** The node must be ready, and neither paused nor drained. */
import type { Filter } from "../filter.ts";
import { nodesText } from "../filter.ts";

export const readyFilter: Filter = {
  name: "ready",
  applies: () => true,
  admits: (_ask, { info }) => info.isReady,
  explain: (count) => `${nodesText(count)} not available for new tasks`,
};
