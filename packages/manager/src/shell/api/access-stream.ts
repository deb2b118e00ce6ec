/**
 * GET /services/{id}/logs?access=1: who asked for what at the service's published ports, gathered
 * from every node, since each serves them. Lines of one node are in order; those of several come as
 * they are read. Of a node that does not answer the stream says so.
 */
import type { ServerResponse } from "node:http";
import type { LogQuery } from "../../control/engine/log-frame.ts";
import { frameOf, logFrame } from "../../control/engine/log-frame.ts";
import { LOG_OPEN_MS, STREAM_QUEUE_BYTES_MAX } from "../../limits.ts";
import type { ManagerPort } from "./port.ts";

export interface AccessWanted {
  readonly query: LogQuery;
  readonly service: { readonly id: string; readonly name: string };
}

interface Source {
  cancel(): void;
  readonly silence: NodeJS.Timeout | undefined;
}

export class AccessStream {
  readonly #port: ManagerPort;
  readonly #response: ServerResponse;
  readonly #wanted: AccessWanted;
  readonly #sources = new Set<Source>();
  readonly #missing: string[] = [];
  #opening = true;

  constructor(port: ManagerPort, response: ServerResponse, wanted: AccessWanted) {
    this.#port = port;
    this.#response = response;
    this.#wanted = wanted;
  }

  start(): void {
    this.#response.on("close", () => this.#stop());
    this.#response.on("error", () => this.#stop());
    for (const node of this.#port.view.nodes.list()) {
      if (node.status.state === "ready") this.#open(node.id, node.description.hostname);
    }
    this.#opening = false;
    this.#endWhenDone();
  }

  #open(nodeId: string, name: string): void {
    const { query, service } = this.#wanted;
    const { follow, tail } = query;
    let isClosed = false;
    const close = (reason: string | undefined): void => {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(silence);
      this.#sources.delete(source);
      if (reason !== undefined) this.#missing.push(`node ${name} is not available: ${reason}`);
      this.#endWhenDone();
    };
    const last = tail === undefined ? {} : { tail };
    const what = {
      taskIds: [],
      follow,
      stdout: true,
      stderr: false,
      access: service.name,
      ...last,
    };
    const stream = this.#port.workerLogs(
      nodeId,
      what,
      (message) => {
        silence?.refresh();
        if (message.kind === "end") return close(undefined);
        const origin = { nodeId, serviceId: service.id, taskId: message.taskId };
        this.#write(logFrame(message, origin, query));
      },
      (reason) => close(reason),
    );
    const giveUp = (): void => {
      stream.cancel();
      close(`no answer in ${LOG_OPEN_MS} ms`);
    };
    const silence = follow ? undefined : setTimeout(giveUp, LOG_OPEN_MS);
    const source: Source = { cancel: () => stream.cancel(), silence };
    if (!isClosed) this.#sources.add(source);
  }

  /** Cut in the middle a slow reader notices; ended cleanly it would take a part for the whole. */
  #write(frame: Uint8Array): void {
    this.#response.write(frame);
    if (this.#response.writableLength <= STREAM_QUEUE_BYTES_MAX) return;
    this.#response.destroy();
    this.#stop();
  }

  #endWhenDone(): void {
    if (this.#opening || this.#sources.size > 0 || this.#response.writableEnded) return;
    if (this.#wanted.query.follow && this.#missing.length === 0) return;
    if (this.#missing.length > 0) {
      const text = `incomplete access log: ${this.#missing.join(", ")}\n`;
      this.#response.write(frameOf("system-error", Buffer.from(text)));
    }
    this.#response.end();
  }

  #stop(): void {
    for (const source of this.#sources) {
      clearTimeout(source.silence);
      source.cancel();
    }
    this.#sources.clear();
  }
}
