/** One probe: a TCP connection that is closed at once. */
import { connect } from "node:net";
import { PROBE_TIMEOUT_MS } from "../../limits.ts";
import type { ProbeOutcome } from "../probe.ts";

export function probe(address: string, port: number, done: (outcome: ProbeOutcome) => void): void {
  const socket = connect({ host: address, port });
  const timer = setTimeout(() => finish("silent"), PROBE_TIMEOUT_MS);
  let open = true;
  function finish(outcome: ProbeOutcome): void {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    // An orderly end: a reset makes some servers log an error for every probe.
    socket.destroy();
    done(outcome);
  }
  socket.once("connect", () => finish("accepted"));
  socket.on("error", (error) => {
    const refused = "code" in error && error.code === "ECONNREFUSED";
    finish(refused ? "refused" : "silent");
  });
}
