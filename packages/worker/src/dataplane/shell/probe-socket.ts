/** One probe: a connection that is closed at once, and a look at whether the program took it. */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PROBE_TAKEN_MS, PROBE_TIMEOUT_MS } from "../../limits.ts";
import type { ProbeEffect, ProbeOutcome, ProbeResult } from "../probe.ts";
import { waitingAt } from "./proc-sockets.ts";

type Probe = Extract<ProbeEffect, { kind: "probe" }>;

export async function probe(what: Probe): Promise<ProbeResult> {
  const { taskId, address, port, watch } = what;
  const outcome = what.connect ? await tryConnection(address, port) : "accepted";
  if (watch === undefined || outcome !== "accepted") return { taskId, port, outcome };
  await sleep(PROBE_TAKEN_MS);
  const waiting = await waitingAt(watch, address, port);
  return { taskId, port, outcome, ...(waiting === undefined ? {} : { waiting }) };
}

function tryConnection(host: string, port: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      // An orderly end: a reset makes some servers log an error for every probe.
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish("silent"), PROBE_TIMEOUT_MS);
    socket.once("connect", () => finish("accepted"));
    socket.on("error", (error) => {
      const refused = "code" in error && error.code === "ECONNREFUSED";
      finish(refused ? "refused" : "silent");
    });
  });
}
