/** The tries of one connection or request at its backends; the machine says which one it gets. */
import type { ConnectionEffect } from "../connection-effect.ts";
import type { DataPlaneInput } from "../dataplane.ts";
import type { Conn, Dial } from "./conn.ts";
import { DEAF } from "./conn.ts";
import type { UpstreamPorts } from "./upstream.ts";
import { dialUpstream } from "./upstream.ts";

export type Connect = Extract<ConnectionEffect, { kind: "connect" }>;
export type Reject = Extract<ConnectionEffect, { kind: "reject" }>;

/** Who asked the machine for a backend, and hears what it decides. */
export interface Asking {
  connect(connect: Connect): void;
  abort(attempt: number): void;
  pipe(attempt: number): void;
  reject(reject: Reject): void;
}

/** A backend that answered. */
export interface Reached {
  readonly conn: Conn;
  readonly connect: Connect;
}

interface Try {
  readonly connect: Connect;
  dial: Dial | undefined;
  conn: Conn | undefined;
}

export class Tries {
  readonly #ports: UpstreamPorts;
  readonly #submit: (input: DataPlaneInput) => void;
  readonly #tries = new Map<number, Try>();

  constructor(ports: UpstreamPorts, submit: (input: DataPlaneInput) => void) {
    this.#ports = ports;
    this.#submit = submit;
  }

  /** `kept`: a connection to the task that is open already. */
  begin(connect: Connect, kept?: Conn): void {
    const { id, attempt } = connect;
    const one: Try = { connect, dial: undefined, conn: kept };
    this.#tries.set(attempt, one);
    if (kept !== undefined) return this.#submit({ kind: "connected", id, attempt });
    one.dial = dialUpstream(this.#ports, connect.target, (result) => {
      if ("error" in result) {
        this.#tries.delete(attempt);
        return this.#submit({ kind: "connect-failed", id, attempt });
      }
      one.conn = result;
      this.#submit({ kind: "connected", id, attempt });
    });
  }

  abort(attempt: number): void {
    const one = this.#tries.get(attempt);
    this.#tries.delete(attempt);
    if (one?.conn === undefined) return one?.dial?.cancel();
    one.conn.listen(DEAF);
    one.conn.destroy();
  }

  /** The connection of the try that won. */
  take(attempt: number): Reached | undefined {
    const one = this.#tries.get(attempt);
    this.#tries.delete(attempt);
    if (one?.conn === undefined) return undefined;
    return { conn: one.conn, connect: one.connect };
  }

  abortAll(): void {
    for (const attempt of [...this.#tries.keys()]) this.abort(attempt);
  }
}
