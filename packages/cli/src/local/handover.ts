/**
 * 127.0.0.1:<published> of a local cluster. The launcher binds it once and hands the listening
 * socket to every node, so that all accept and none is needed: nodes and the launcher may die in
 * any order and no connection is refused. The launcher accepts as well and passes what it gets to a
 * node's own address. A port that another program has is tried again until that program ends.
 */
import type { ChildProcess } from "node:child_process";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { listenersOn, listenerText } from "@skein/common/node/socket-owner";
import { HANDOVER_RETRY_MS } from "../limits.ts";
import { tell } from "./node-process.ts";

export interface Holder {
  /** Where this node serves the port itself: "127.0.1.4". */
  readonly address: string;
  readonly child: ChildProcess;
}

interface Port {
  readonly server: Server;
  bound: boolean;
  /** Children that were given the socket. */
  readonly given: Set<ChildProcess>;
}

const HOST = "127.0.0.1";

export class Handover {
  readonly #ports = new Map<number, Port>();
  /** What each node says it serves. */
  readonly #served = new Map<ChildProcess, { holder: Holder; ports: ReadonlySet<number> }>();
  /** Published ports that are not served here, with the reason. */
  readonly #failed = new Map<number, string>();
  readonly #remark: (line: string) => void;
  #retry: NodeJS.Timeout | undefined;

  constructor(remark: (line: string) => void) {
    this.#remark = remark;
  }

  /** In words, for whoever asks how the cluster is. */
  problems(): readonly string[] {
    return [...this.#failed].map(([port, reason]) => `${HOST}:${port} is not served: ${reason}`);
  }

  /** A node serves exactly these published ports now. */
  published(holder: Holder, ports: readonly number[]): void {
    this.#served.set(holder.child, { holder, ports: new Set(ports) });
    // What it no longer serves it has closed: should it serve it again, it needs the socket again.
    for (const [port, { given }] of this.#ports)
      if (!ports.includes(port)) given.delete(holder.child);
    for (const port of ports) this.#offer(port, holder.child);
    this.#sweep();
  }

  /** A node's process ended: it holds nothing any more. */
  gone(child: ChildProcess): void {
    this.#served.delete(child);
    for (const port of this.#ports.values()) port.given.delete(child);
    // Not swept: its ports stay bound for the nodes that live and for the one that comes back.
  }

  close(): void {
    clearTimeout(this.#retry);
    for (const { server } of this.#ports.values()) server.close();
    this.#ports.clear();
    this.#failed.clear();
  }

  #offer(port: number, child: ChildProcess): void {
    const known = this.#ports.get(port);
    if (known === undefined) {
      if (!this.#failed.has(port)) this.#bind(port);
    } else if (known.bound && !known.given.has(child)) {
      this.#give(port, known, child);
    }
  }

  #bind(port: number): void {
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#pass(port, socket));
    const entry: Port = { server, bound: false, given: new Set() };
    this.#ports.set(port, entry);
    server.on("error", (error) => void this.#refused(port, error));
    server.listen({ host: HOST, port, backlog: 1024 }, () => {
      entry.bound = true;
      if (this.#failed.delete(port)) this.#remark(`${HOST}:${port} is served now`);
      for (const child of this.#serversOf(port)) this.#offer(port, child);
    });
  }

  async #refused(port: number, error: Error): Promise<void> {
    this.#ports.delete(port);
    const told = this.#failed.has(port);
    this.#failed.set(port, error.message);
    for (const child of this.#serversOf(port)) {
      tell(child, { kind: "port-failed", publishedPort: port, error: error.message });
    }
    this.#retry ??= setTimeout(() => this.#tryAgain(), HANDOVER_RETRY_MS).unref();
    if (Reflect.get(error, "code") === "EADDRINUSE") {
      const [holder] = await listenersOn(HOST, port);
      const reason = `${listenerText(holder)} listens there; the nodes' own addresses serve it`;
      if (this.#failed.has(port)) this.#failed.set(port, reason);
    }
    if (!told) this.#remark(`${HOST}:${port} is not served: ${this.#failed.get(port) ?? ""}`);
  }

  #tryAgain(): void {
    this.#retry = undefined;
    for (const port of this.#failed.keys()) {
      if (this.#serversOf(port).length > 0) this.#bind(port);
      else this.#failed.delete(port);
    }
  }

  #serversOf(port: number): readonly ChildProcess[] {
    return [...this.#served].filter(([, { ports }]) => ports.has(port)).map(([child]) => child);
  }

  #give(port: number, entry: Port, child: ChildProcess): void {
    if (!child.connected) return;
    // The raw handle, not the server: the node passes its descriptor on to the data-plane thread.
    const handle: unknown = Reflect.get(entry.server, "_handle");
    entry.given.add(child);
    // `send` accepts a native handle; its type declaration names only servers and sockets.
    child.send({ kind: "port", publishedPort: port }, handle as Server, (error) => {
      if (error !== null) entry.given.delete(child);
    });
  }

  #pass(port: number, client: Socket): void {
    client.on("error", () => undefined);
    const targets = [...this.#served.values()]
      .filter(({ ports }) => ports.has(port))
      .map(({ holder }) => holder.address);
    const attempt = (at: number): void => {
      const address = targets[at];
      if (address === undefined) {
        client.destroy();
        return;
      }
      const upstream = connect({ host: address, port, allowHalfOpen: true });
      upstream.once("error", () => {
        if (upstream.bytesRead === 0 && !upstream.readableEnded) attempt(at + 1);
        else client.destroy();
      });
      upstream.once("connect", () => {
        upstream.removeAllListeners("error");
        upstream.on("error", () => client.destroy());
        client.on("close", () => upstream.destroy());
        client.pipe(upstream).pipe(client);
        client.resume();
      });
    };
    attempt(0);
  }

  /** Unbinds what no living node serves any more. */
  #sweep(): void {
    for (const [port, entry] of [...this.#ports]) {
      if (this.#serversOf(port).length > 0) continue;
      entry.server.close();
      this.#ports.delete(port);
    }
    for (const port of [...this.#failed.keys()]) {
      if (this.#serversOf(port).length === 0) this.#failed.delete(port);
    }
  }
}
