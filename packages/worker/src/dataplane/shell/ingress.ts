/** Listening sockets of published ports, and the clients they take. Decides nothing. */
import { closeSync } from "node:fs";
import type { Log } from "@skein/common/io/log";
import type { IngressOptions } from "@skein/common/model/ingress-options";
import { DEFAULT_INGRESS } from "@skein/common/model/ingress-options";
import type { DataPlaneInput, ServingPlan } from "../dataplane.ts";
import type { Conn, ListenAt, Listening, Tcp } from "./conn.ts";
import type { StreamDialer } from "./stream-dialer.ts";
import { TcpClient } from "./tcp-client.ts";
import type { Asking, Connect, Reject } from "./tries.ts";

export interface IngressPorts {
  /** The node's own address, on which every published port is served. */
  readonly address: string;
  readonly tcp: Tcp;
  readonly dialer: StreamDialer;
  readonly log: Log;
  /** Ids shared with the stream server. */
  readonly nextId: () => number;
  readonly submit: (input: DataPlaneInput) => void;
}

/** One client's connection. */
export interface Client {
  /** Tells the bytes carried since the last time, for the figures. */
  reportBytes(): void;
  shut(): void;
}

/** What a client needs of the ingress. */
export interface IngressContext extends Pick<IngressPorts, "address" | "tcp" | "dialer"> {
  readonly submit: (input: DataPlaneInput) => void;
  /** Gives who asks the machine an id; until `forget` it hears what is decided. */
  register(asking: Asking): number;
  forget(id: number): void;
  add(client: Client): void;
  remove(client: Client): void;
  options(service: string): IngressOptions;
}

export class Ingress {
  readonly #ports: IngressPorts;
  readonly #context: IngressContext;
  readonly #own = new Map<number, Listening>();
  readonly #handed = new Map<number, Listening>();
  readonly #asking = new Map<number, Asking>();
  readonly #clients = new Set<Client>();
  #plan: ServingPlan = {
    ports: new Map(),
    services: new Map(),
    tasks: new Set(),
    nodes: new Set(),
  };

  constructor(ports: IngressPorts) {
    this.#ports = ports;
    const { address, tcp, dialer, submit, nextId } = ports;
    this.#context = {
      address,
      tcp,
      dialer,
      submit,
      register: (asking) => {
        const id = nextId();
        this.#asking.set(id, asking);
        return id;
      },
      forget: (id) => void this.#asking.delete(id),
      add: (client) => void this.#clients.add(client),
      remove: (client) => void this.#clients.delete(client),
      options: (service) => this.#plan.services.get(service) ?? DEFAULT_INGRESS,
    };
  }

  serve(plan: ServingPlan): void {
    this.#plan = plan;
  }

  open(publishedPort: number): void {
    const { address: host, submit } = this.#ports;
    let listening: Listening | undefined;
    const current = (): boolean => this.#own.get(publishedPort) === listening;
    listening = this.#listen({ host, port: publishedPort }, publishedPort, {
      listening: () => {
        if (current()) submit({ kind: "port-opened", publishedPort });
      },
      failed: (error) => {
        if (!current()) return;
        this.#own.delete(publishedPort);
        listening?.close();
        submit({ kind: "port-failed", publishedPort, error });
      },
    });
    this.#own.set(publishedPort, listening);
  }

  close(publishedPort: number): void {
    this.#own.get(publishedPort)?.close();
    this.#own.delete(publishedPort);
  }

  /** Serves a listening socket that the launcher bound; it is ours from here on. */
  adopt(publishedPort: number, fd: number): void {
    const listening = this.#listen({ fd }, publishedPort, {
      listening: () => undefined,
      failed: (error) => {
        this.#ports.log.write("warn", "Cannot serve the handed socket", { publishedPort, error });
      },
    });
    this.#handed.set(publishedPort, listening);
  }

  closeHanded(publishedPort: number): void {
    this.#handed.get(publishedPort)?.close();
    this.#handed.delete(publishedPort);
  }

  drop(fd: number): void {
    try {
      closeSync(fd);
    } catch (error) {
      this.#ports.log.write("warn", "Cannot close a handed socket", { fd, error });
    }
  }

  connect(connect: Connect): void {
    this.#asking.get(connect.id)?.connect(connect);
  }

  abort(id: number, attempt: number): void {
    this.#asking.get(id)?.abort(attempt);
  }

  pipe(id: number, attempt: number): void {
    this.#asking.get(id)?.pipe(attempt);
  }

  reject(reject: Reject): void {
    this.#asking.get(reject.id)?.reject(reject);
  }

  /** Reports the bytes of connections that are still open, for the figures. */
  reportBytes(): void {
    for (const client of this.#clients) client.reportBytes();
  }

  shut(): void {
    for (const listening of [...this.#own.values(), ...this.#handed.values()]) listening.close();
    this.#own.clear();
    this.#handed.clear();
    for (const client of [...this.#clients]) client.shut();
  }

  #listen(
    at: ListenAt,
    publishedPort: number,
    told: { readonly listening: () => void; readonly failed: (error: string) => void },
  ): Listening {
    const accepted = (conn: Conn): void => this.#accepted(publishedPort, conn);
    return this.#ports.tcp.listen(at, { ...told, accepted });
  }

  #accepted(publishedPort: number, conn: Conn): void {
    new TcpClient(this.#context, conn, publishedPort);
  }
}
