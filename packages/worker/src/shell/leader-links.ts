/** The agent's links to managers, by the agent's own numbers. */
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Link, Network } from "@skein/common/io/network";
import { decode } from "@skein/common/wire/codec";
import { toWorkerSchema } from "@skein/common/wire/dispatch-messages";
import type { AgentInput } from "../agent/protocol.ts";

export interface LeaderLinksPorts {
  readonly network: Network;
  readonly log: Log;
  readonly metrics: Metrics;
}

export class LeaderLinks {
  readonly #ports: LeaderLinksPorts;
  readonly #submit: (input: AgentInput) => void;
  readonly #links = new Map<number, { readonly dial: { cancel(): void }; link?: Link }>();

  constructor(ports: LeaderLinksPorts, submit: (input: AgentInput) => void) {
    this.#ports = ports;
    this.#submit = submit;
  }

  dial(number: number, address: string): void {
    const target = { address, path: "/dispatch", expectRole: "manager" } as const;
    const dial = this.#ports.network.dial(target, {
      opened: (link) => {
        const entry = this.#links.get(number);
        if (entry === undefined) return link.close("no longer wanted");
        entry.link = link;
        this.#submit({ kind: "opened", link: number });
      },
      message: (bytes) => this.#received(number, bytes),
      closed: (end) => {
        if (!this.#links.delete(number)) return;
        this.#ports.log.write("debug", "link to manager ended", { address, ...end });
        this.#submit({ kind: "closed", link: number, end });
      },
    });
    this.#links.set(number, { dial });
  }

  send(number: number, bytes: Uint8Array): void {
    // False: the link is closed or over its limit; `closed` follows and tells the agent.
    this.#links.get(number)?.link?.send(bytes);
  }

  close(number: number, reason: string): void {
    const entry = this.#links.get(number);
    this.#links.delete(number);
    if (entry?.link === undefined) entry?.dial.cancel();
    else entry.link.close(reason);
  }

  closeAll(reason: string): void {
    for (const number of [...this.#links.keys()]) this.close(number, reason);
  }

  #received(number: number, bytes: Uint8Array): void {
    const entry = this.#links.get(number);
    if (entry === undefined) return;
    const message = decode(toWorkerSchema, bytes);
    if (message.ok) return this.#submit({ kind: "received", link: number, message: message.value });
    this.#ports.metrics.count("skein_frames_refused_total", 1, { path: "/dispatch" });
    this.#ports.log.write("warn", "refused a message", { reason: message.error.reason });
    entry.link?.close(`malformed message: ${message.error.reason}`);
  }
}
