/** One client of a published port whose bytes are passed on as they are. */
import { proxyHeader } from "../proxy-header.ts";
import type { Conn } from "./conn.ts";
import type { Client, IngressContext } from "./ingress.ts";
import { splice } from "./splice.ts";
import type { Asking, Connect, Reject } from "./tries.ts";
import { Tries } from "./tries.ts";

export class TcpClient implements Asking, Client {
  readonly #context: IngressContext;
  readonly #conn: Conn;
  readonly #id: number;
  readonly #port: number;
  readonly #tries: Tries;
  #service = "";
  #reportedIn = 0;
  #reportedOut = 0;

  constructor(context: IngressContext, conn: Conn, publishedPort: number) {
    this.#context = context;
    this.#conn = conn;
    this.#tries = new Tries(context, context.submit);
    this.#port = publishedPort;
    this.#id = context.register(this);
    context.add(this);
    conn.listen({
      data: () => undefined,
      end: () => undefined,
      drained: () => undefined,
      closed: () => this.#over(),
    });
    const source = conn.peer().address;
    context.submit({ kind: "asked", id: this.#id, publishedPort, source });
  }

  connect(connect: Connect): void {
    this.#service = connect.service;
    this.#tries.begin(connect);
  }

  abort(attempt: number): void {
    this.#tries.abort(attempt);
  }

  pipe(attempt: number): void {
    const reached = this.#tries.take(attempt);
    if (reached === undefined) return this.#conn.reset();
    this.#service = reached.service;
    if (this.#context.options(reached.service).proxyProtocol) {
      const served = { address: this.#context.address, port: this.#port };
      reached.conn.write(proxyHeader(this.#conn.peer(), served));
    }
    splice(this.#conn, reached.conn, () => this.#over());
  }

  reject(_reject: Reject): void {
    this.#conn.reset();
  }

  reportBytes(): void {
    const bytesIn = this.#conn.bytesRead - this.#reportedIn;
    const bytesOut = this.#conn.bytesWritten - this.#reportedOut;
    if (bytesIn === 0 && bytesOut === 0) return;
    this.#reportedIn += bytesIn;
    this.#reportedOut += bytesOut;
    this.#context.submit({ kind: "carried", service: this.#service, bytesIn, bytesOut });
  }

  shut(): void {
    this.#tries.abortAll();
    this.#conn.reset();
  }

  #over(): void {
    this.reportBytes();
    this.#tries.abortAll();
    this.#context.remove(this);
    this.#context.forget(this.#id);
    this.#context.submit({ kind: "closed", id: this.#id });
  }
}
