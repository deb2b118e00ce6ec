/** What the container endpoints of a node need, and the form of each of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Checked } from "@skein/common/api/api-error";
import type { ContainerFacts } from "@skein/common/api/container";
import type { Match } from "@skein/common/api/match-route";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { Assignment } from "@skein/common/wire/dispatch-messages";
import type { TaskDefaults } from "../../agent/run-spec.ts";
import type { AgentTask } from "../../agent/task.ts";
import type { ProcessEngine } from "../../engine/process-engine.ts";
import type { Worker } from "../worker.ts";

export interface ContainerPorts {
  readonly config: NodeConfig;
  readonly worker: Pick<Worker, "watchTasks" | "readLogs"> & { tasks(): readonly LocalTask[] };
  readonly engine: Pick<ProcessEngine, "signal" | "members" | "directory">;
  /** What this node's gossip member knows. */
  readonly gossip: () => object;
  /** Every metric of this node's worker, the data plane's included. */
  readonly metricsText: () => Promise<string>;
  readonly defaults: TaskDefaults;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A request handler that threw: logged and counted by the owner. */
  readonly bug: (error: unknown) => void;
}

/** What is needed of an agent's task. */
export type LocalTask = Pick<AgentTask, "taskId" | "assignment" | "status">;

/** A task of this node, with all that is known of it here. */
export interface LocalContainer extends ContainerFacts {
  readonly assignment: Assignment;
}

/** One request, whether it came as such or asked for the raw connection. */
export interface Call {
  readonly match: Match;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The whole body, read once. */
  body(): Promise<Checked<Buffer>>;
  /**
   * Answers with success and gives the connection: both ways when the client asked for an upgrade,
   * else only out.
   */
  hijack(type: string): Duplex;
}
