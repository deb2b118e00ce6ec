/** POST /skein/v1/rebalance: the moves; with `apply=true` they are made. */
import { rebalance } from "../../control/rebalance.ts";
import { resolveService } from "../../control/resolve.ts";
import { REBALANCE_MOVES_MAX } from "../../limits.ts";
import { write } from "./handler.ts";
import { failure, json } from "./reply.ts";
import { parameter } from "./request.ts";
import { ours } from "./skein.ts";

export const rebalanceHandler = ours(
  "rebalance",
  ["service", "apply", "max"],
  async (port, request) => {
    const movesMax = Number(parameter(request, "max") ?? REBALANCE_MOVES_MAX);
    if (!Number.isInteger(movesMax) || movesMax < 1 || movesMax > REBALANCE_MOVES_MAX) {
      const text = `Cannot rebalance: max must be a number from 1 to ${REBALANCE_MOVES_MAX}`;
      return failure(400, "bad-request", text);
    }
    const name = parameter(request, "service");
    const service = name === undefined ? undefined : resolveService(port.view, name);
    if (service?.ok === false) return { kind: "error", error: service.error };
    const { moves, commands } = rebalance({
      view: port.view,
      now: port.storeNow?.() ?? port.view.time,
      newId: () => port.newId(),
      movesMax,
      ...(service === undefined ? {} : { service: service.value }),
    });
    const isApplied = parameter(request, "apply") === "true";
    for (const command of isApplied ? commands : []) {
      const written = await write(port, request, { command, operation: "rebalance" });
      if (!written.ok) return written.error;
    }
    return json({ moves, applied: isApplied });
  },
);
