/** Entry of the data plane's thread: `workerData` is `{ config, identityDirectory }`. */
import { dirname, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { must } from "@skein/common/assert";
import { nodeConfigSchema } from "@skein/common/model/node-config";
import { readIdentity } from "@skein/common/node/identity";
import { jsonLog } from "@skein/common/node/json-log";
import { createMetrics } from "@skein/common/node/metrics";
import { systemClock, watchLoopLag } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import { createTlsNetwork } from "@skein/common/node/tls-network";
import { decodeWith, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import { ACCESS_DIRECTORY } from "../logs/log-files.ts";
import type { FromDataPlane, ToThread } from "./protocol.ts";
import { DATA_PLANE_HELP } from "./shell/figures.ts";
import { createDataPlane } from "./shell/plane.ts";
import { bestTcp } from "./shell/tcp.ts";

const workerDataSchema = v.object({ config: nodeConfigSchema, identityDirectory: text });

start();

function start(): void {
  const port = must(parentPort ?? undefined, "the port to the agent");
  const post = (message: FromDataPlane): void => port.postMessage(message);
  const data = decodeWith(workerDataSchema, workerData);
  if (!data.ok) return post({ kind: "failed", error: `Cannot start: ${data.error.reason}` });
  const { config, identityDirectory } = data.value;
  const identity = readIdentity(identityDirectory);
  if (!identity.ok) return post({ kind: "failed", error: identity.error.reason });
  const log = jsonLog({ node: config.name, role: "dataplane", level: "info" });
  const metrics = createMetrics({ labels: { process: "dataplane" }, help: DATA_PLANE_HELP });
  const clock = systemClock();
  const lag = watchLoopLag(metrics);
  const network = createTlsNetwork({
    identity: identity.value,
    log,
    metrics,
    clock,
    host: config.address,
  });
  const renewIdentity = (): void => {
    const renewed = readIdentity(identityDirectory);
    if (renewed.ok) network.setIdentity(renewed.value);
    else log.write("warn", "identity not renewed", { reason: renewed.error.reason });
  };
  const ended = (): void => {
    lag.close();
    port.close();
  };
  const plane = createDataPlane({
    config,
    network,
    tcp: bestTcp(),
    random: systemRandom(),
    accessDirectory: join(dirname(identityDirectory), ACCESS_DIRECTORY),
    clock,
    log,
    metrics,
    post,
    ended,
  });
  port.on("message", (message: ToThread) => {
    if (message.kind === "cut") network.setCut(message.addresses, message.deafTo);
    else if (message.kind === "identity") renewIdentity();
    else if (message.kind === "removed") {
      network.setStanding({ removed: new Set(message.nodes), demoted: new Set() });
    } else plane.handle(message);
  });
}
