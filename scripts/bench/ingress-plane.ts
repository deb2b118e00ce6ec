/**
 * A node's data plane alone in a process, for the benchmark: what it is told comes by IPC, what it
 * tells goes back. `ingress-plane.ts NAME ADDRESS PORT DIRECTORY`.
 */
import { join } from "node:path";
import { nodeId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { readIdentity } from "@skein/common/node/identity";
import { createMetrics } from "@skein/common/node/metrics";
import { systemClock } from "@skein/common/node/system-clock";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import type { ToDataPlane } from "../../packages/worker/src/dataplane/protocol.ts";
import { createDataPlane } from "../../packages/worker/src/dataplane/shell/plane.ts";
import { bestTcp } from "../../packages/worker/src/dataplane/shell/tcp.ts";

const [name = "", address = "", dataPort = "", directory = ""] = process.argv.slice(2);
const identity = readIdentity(directory);
if (!identity.ok) throw new Error(identity.error.reason);
const clock = systemClock();
const metrics = createMetrics();
const plane = createDataPlane({
  config: { nodeId: nodeId(name), address, dataPort: Number(dataPort) },
  network: createTlsNetwork({ identity: identity.value, log: silentLog, metrics, clock }),
  tcp: bestTcp(),
  accessDirectory: join(directory, "access"),
  clock,
  log: silentLog,
  metrics,
  post: (message) => process.send?.(message),
  ended: () => process.exit(0),
});
process.on("message", (message: ToDataPlane) => plane.handle(message));
process.on("disconnect", () => process.exit(0));
