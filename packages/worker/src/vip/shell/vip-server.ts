/**
 * Listens on virtual addresses and carries each connection to a task, by stream if it is on
 * another node. Agents that share a machine share its addresses too: the first to bind serves, the
 * others try again until it is gone.
 */
import type { NodeId, TaskId } from "@skein/common/ids";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Backend } from "@skein/common/model/routes";
import type { Conn, Dial, Listening, Tcp } from "../../dataplane/shell/conn.ts";
import { DEAF } from "../../dataplane/shell/conn.ts";
import { splice } from "../../dataplane/shell/splice.ts";
import type { StreamDialer } from "../../dataplane/shell/stream-dialer.ts";
import { dialUpstream } from "../../dataplane/shell/upstream.ts";
import { CONNECT_TIMEOUT_MS, OVERLAY_RETRY_MS, VIP_TRIES_MAX } from "../../limits.ts";
import type { VipPort } from "../vip-table.ts";

export interface VipServerOptions {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly tcp: Tcp;
  readonly dialer: StreamDialer;
  readonly next: (key: string, tried: ReadonlySet<TaskId>) => Backend | undefined;
  /** Where a task of this node listens; undefined: it is gone, or drains. */
  readonly local: (taskId: TaskId) => string | undefined;
}

interface Socket {
  listening: Listening | undefined;
  serves: boolean;
  retry: Timer | undefined;
}

export class VipServer {
  readonly #options: VipServerOptions;
  readonly #sockets = new Map<string, Socket>();
  readonly #clients = new Set<VipClient>();

  constructor(options: VipServerOptions) {
    this.#options = options;
  }

  reconcile(wanted: readonly VipPort[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const key of this.#sockets.keys()) if (!keys.has(key)) this.#close(key);
    for (const port of wanted) if (!this.#sockets.has(port.key)) this.#open(port);
  }

  /** How many this agent serves; the others of the machine serve the rest. */
  count(): number {
    return [...this.#sockets.values()].filter(({ serves }) => serves).length;
  }

  shut(): void {
    for (const key of this.#sockets.keys()) this.#close(key);
    for (const client of this.#clients) client.reset();
  }

  #open(port: VipPort): void {
    const socket: Socket = { listening: undefined, serves: false, retry: undefined };
    this.#sockets.set(port.key, socket);
    this.#listen(port, socket);
  }

  #listen(port: VipPort, socket: Socket): void {
    const { tcp, clock } = this.#options;
    const current = (): boolean => this.#sockets.get(port.key) === socket;
    const at = { host: port.address, port: port.port };
    socket.listening = tcp.listen(at, {
      listening: () => {
        socket.serves = true;
      },
      failed: () => {
        socket.listening = undefined;
        socket.serves = false;
        if (!current()) return;
        socket.retry = clock.after(OVERLAY_RETRY_MS, () => this.#listen(port, socket));
      },
      accepted: (conn) => this.#accept(port, conn),
    });
  }

  #close(key: string): void {
    const socket = this.#sockets.get(key);
    this.#sockets.delete(key);
    socket?.listening?.close();
    socket?.retry?.cancel();
  }

  #accept(port: VipPort, conn: Conn): void {
    const client = new VipClient(this.#options, port, conn, () => this.#clients.delete(client));
    this.#clients.add(client);
    client.begin();
  }
}

/** One connection: the next task is tried until one answers, before a byte is read. */
class VipClient {
  readonly #options: VipServerOptions;
  readonly #port: VipPort;
  readonly #conn: Conn;
  readonly #over: () => void;
  readonly #tried = new Set<TaskId>();
  #dial: Dial | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(options: VipServerOptions, port: VipPort, conn: Conn, over: () => void) {
    this.#options = options;
    this.#port = port;
    this.#conn = conn;
    this.#over = over;
  }

  begin(): void {
    this.#conn.listen({ ...DEAF, closed: () => this.#end() });
    this.#attempt();
  }

  reset(): void {
    this.#conn.reset();
    this.#end();
  }

  #attempt(): void {
    if (this.#isOver) return;
    const { next, clock } = this.#options;
    const isLast = this.#tried.size >= VIP_TRIES_MAX;
    const backend = isLast ? undefined : next(this.#port.key, this.#tried);
    // Nobody answers: said at once, and as TCP says it.
    if (backend === undefined) return this.reset();
    this.#tried.add(backend.taskId);
    const target = this.#targetOf(backend);
    if (target === undefined) return this.#attempt();
    this.#timer = clock.after(CONNECT_TIMEOUT_MS, () => {
      this.#dial?.cancel();
      this.#attempt();
    });
    this.#dial = dialUpstream(this.#options, target, (result) => {
      this.#timer?.cancel();
      this.#dial = undefined;
      if ("error" in result) return this.#attempt();
      splice(this.#conn, result, { over: () => this.#end() });
    });
  }

  #targetOf({ taskId, nodeId, dataAddress }: Backend) {
    const { port } = this.#port;
    if (nodeId !== this.#options.self) {
      return { kind: "remote", dataAddress, nodeId, taskId, port } as const;
    }
    const address = this.#options.local(taskId);
    return address === undefined ? undefined : ({ kind: "local", address, port } as const);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#dial?.cancel();
    this.#over();
  }
}
