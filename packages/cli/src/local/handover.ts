/**
 * 127.0.0.1:<published> of a local cluster. The launcher binds it once and hands the listening socket to
 * every node, so that all accept and none is needed: nodes and the launcher may die in any order and no
 * connection is refused. The launcher accepts as well and passes what it gets to a node's own address.
 */
import type { ChildProcess } from "node:child_process";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";

export interface Holder {
  /** Where this node serves the port itself: "127.0.1.4". */
  readonly address: string;
  readonly child: ChildProcess;
}

interface Port {
  readonly server: Server;
  bound: boolean;
  error: string | undefined;
  /** Children that were given the socket. */
  readonly given: Set<ChildProcess>;
}

export class Handover {
  readonly #ports = new Map<number, Port>();
  /** What each node says it serves. */
  readonly #served = new Map<ChildProcess, { holder: Holder; ports: ReadonlySet<number> }>();

  /** A node serves exactly these published ports now. */
  published(holder: Holder, ports: readonly number[]): void {
    this.#served.set(holder.child, { holder, ports: new Set(ports) });
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
    for (const { server } of this.#ports.values()) server.close();
    this.#ports.clear();
  }

  #offer(port: number, child: ChildProcess): void {
    const known = this.#ports.get(port) ?? this.#bind(port);
    if (known.error !== undefined) {
      this.#ports.delete(port);
      tell(child, { kind: "port-failed", publishedPort: port, error: known.error });
    } else if (known.bound && !known.given.has(child)) {
      this.#give(port, known, child);
    }
  }

  #bind(port: number): Port {
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#pass(port, socket));
    const entry: Port = { server, bound: false, error: undefined, given: new Set() };
    this.#ports.set(port, entry);
    server.on("error", (error) => {
      entry.error = error.message;
      this.#toEveryServer(port, (child) => this.#offer(port, child));
    });
    server.listen({ host: "127.0.0.1", port, backlog: 1024 }, () => {
      entry.bound = true;
      this.#toEveryServer(port, (child) => this.#offer(port, child));
    });
    return entry;
  }

  #toEveryServer(port: number, what: (child: ChildProcess) => void): void {
    for (const [child, { ports }] of this.#served) if (ports.has(port)) what(child);
  }

  #give(port: number, entry: Port, child: ChildProcess): void {
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
      const wanted = [...this.#served.values()].some(({ ports }) => ports.has(port));
      if (wanted) continue;
      entry.server.close();
      this.#ports.delete(port);
    }
  }
}

function tell(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => undefined);
}
