/**
 * One client of a published port whose bytes are passed on as they are, if it does not turn out to
 * speak HTTP: where a port may serve that, who speaks first decides. A client that is silent for a
 * moment gets its task, whose protocol may want the task to begin; until one of them spoke nothing
 * is settled.
 */
import { looksLikeHttp } from "../../ingress/http-head.ts";
import { SNIFF_MS, SPLICE_QUEUE_BYTES_MAX } from "../../limits.ts";
import { proxyHeader } from "../proxy-header.ts";
import type { Conn } from "./conn.ts";
import { DEAF } from "./conn.ts";
import { HttpClient } from "./http-client.ts";
import type { Client, IngressContext } from "./ingress.ts";
import { splice } from "./splice.ts";
import type { Asking, Connect, Reached, Reject } from "./tries.ts";
import { Tries } from "./tries.ts";

const NOTHING = Buffer.alloc(0);

export class TcpClient implements Asking, Client {
  readonly #context: IngressContext;
  readonly #conn: Conn;
  readonly #port: number;
  readonly #tries: Tries;
  readonly #id: number;
  /** True until it is known that this is no HTTP. */
  #sniffs: boolean;
  #asked = false;
  #early: Buffer = NOTHING;
  #earlyEnd = false;
  #reached: Reached | undefined;
  #patience: NodeJS.Timeout | undefined;
  #service = "";
  #reportedIn = 0;
  #reportedOut = 0;

  constructor(context: IngressContext, conn: Conn, to: { port: number; sniffs: boolean }) {
    this.#context = context;
    this.#conn = conn;
    this.#port = to.port;
    this.#sniffs = to.sniffs;
    this.#tries = new Tries(context, context.submit);
    this.#id = context.register(this);
    context.add(this);
    conn.listen({
      data: (bytes) => this.#spoke(bytes),
      end: () => {
        this.#earlyEnd = true;
        this.#isTcp();
      },
      drained: () => undefined,
      closed: () => this.#over(),
    });
    if (to.sniffs) {
      this.#patience = setTimeout(() => this.#ask(), SNIFF_MS);
      conn.resume();
    } else this.#ask();
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
    this.#service = reached.connect.service;
    this.#reached = reached;
    if (this.#context.options(this.#service).proxyProtocol) {
      const served = { address: this.#context.address, port: this.#port };
      reached.conn.write(proxyHeader(this.#conn.peer(), served));
    }
    if (!this.#sniffs) return this.#splice(NOTHING);
    reached.conn.listen({
      data: (bytes) => this.#splice(bytes),
      end: () => {
        this.#splice(NOTHING);
        this.#conn.end();
      },
      drained: () => undefined,
      closed: () => this.#conn.reset(),
    });
    reached.conn.resume();
  }

  reject(_reject: Reject): void {
    this.#conn.reset();
  }

  reportBytes(): void {
    const bytesIn = this.#conn.bytesRead - this.#reportedIn;
    const bytesOut = this.#conn.bytesWritten - this.#reportedOut;
    if (this.#service === "" || (bytesIn === 0 && bytesOut === 0)) return;
    this.#reportedIn += bytesIn;
    this.#reportedOut += bytesOut;
    this.#context.submit({ kind: "carried", service: this.#service, bytesIn, bytesOut });
  }

  tick(): void {
    // Silence is a client's right.
  }

  shut(): void {
    this.#tries.abortAll();
    this.#conn.reset();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    clearTimeout(this.#patience);
    const source = this.#conn.peer().address;
    this.#context.submit({ kind: "asked", id: this.#id, publishedPort: this.#port, source });
  }

  #spoke(bytes: Buffer): void {
    this.#early = this.#early.length === 0 ? bytes : Buffer.concat([this.#early, bytes]);
    if (this.#early.length > SPLICE_QUEUE_BYTES_MAX) this.#conn.pause();
    if (!this.#sniffs) return;
    const isHttp = looksLikeHttp(this.#early);
    if (isHttp === true) this.#becomeHttp();
    else if (isHttp === false) this.#isTcp();
  }

  #isTcp(): void {
    this.#sniffs = false;
    this.#ask();
    if (this.#reached !== undefined) this.#splice(NOTHING);
  }

  #splice(fromTask: Buffer): void {
    const reached = this.#reached;
    if (reached === undefined) return;
    this.#sniffs = false;
    if (fromTask.length > 0) this.#conn.write(fromTask);
    if (this.#early.length > 0) reached.conn.write(this.#early);
    this.#early = NOTHING;
    if (this.#earlyEnd) reached.conn.end();
    splice(this.#conn, reached.conn, {
      ended: this.#earlyEnd,
      over: () => this.#over(),
    });
  }

  #becomeHttp(): void {
    const [early, reached] = [this.#early, this.#reached];
    this.#conn.listen(DEAF);
    this.#leave();
    if (reached !== undefined) {
      reached.conn.listen(DEAF);
      const { proxyProtocol } = this.#context.options(this.#service);
      if (proxyProtocol) reached.conn.destroy();
      else this.#context.pool.put(reached.connect, reached.conn);
    }
    new HttpClient(this.#context, this.#conn, this.#port).start(early);
  }

  #over(): void {
    this.reportBytes();
    this.#leave();
    if (this.#reached !== undefined) this.#reached.conn.reset();
  }

  #leave(): void {
    clearTimeout(this.#patience);
    this.#tries.abortAll();
    this.#context.remove(this);
    this.#context.forget(this.#id);
    if (this.#asked) this.#context.submit({ kind: "closed", id: this.#id });
  }
}
