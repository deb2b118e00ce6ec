/**
 * IPC between the launcher of a local cluster and its node processes (`process.send`), JSON. A
 * process started by anyone else has no channel and works without.
 */
import * as v from "valibot";
import type { Decoded } from "./schema.ts";
import { count, flag, shortText, strings } from "./schema.ts";

/** From a node process to the launcher. */
export const toLauncherSchema = v.variant("kind", [
  /** The process serves: API socket, ports. */
  v.object({ kind: v.literal("ready") }),
  v.object({ kind: v.literal("failed"), error: v.string() }),
  /** A manager was asked to leave its cluster: the worker process, which started it, does it. */
  v.object({ kind: v.literal("leave") }),
  /** This node serves these published ports now: bind 127.0.0.1 and hand the sockets over. */
  v.object({ kind: v.literal("published"), ports: v.array(count) }),
]);
export type ToLauncher = Decoded<typeof toLauncherSchema>;

/** From the launcher to a node process. `port` comes with the raw TCP handle. */
export const fromLauncherSchema = v.variant("kind", [
  v.object({ kind: v.literal("port"), publishedPort: count }),
  v.object({ kind: v.literal("port-failed"), publishedPort: count, error: v.string() }),
  /**
   * Refuse every frame to and from these nodes (a partition without root), and every frame from
   * those in `deafTo`; all others are healed.
   */
  v.object({ kind: v.literal("cut"), addresses: strings, deafTo: v.exactOptional(strings) }),
  /**
   * A planned end. `keepTasks`: a worker leaves its tasks running for the one that comes after it.
   */
  v.object({ kind: v.literal("stop"), reason: shortText, keepTasks: v.exactOptional(flag) }),
]);
export type FromLauncher = Decoded<typeof fromLauncherSchema>;
