/** One client of a published port that speaks HTTP: its requests, one after the other. */
import { ownAnswer } from "../../ingress/http-answers.ts";
import type { RequestHead } from "../../ingress/http-head.ts";
import { parseRequestHead } from "../../ingress/http-head.ts";
import {
  HTTP_BODY_PAUSE_MS,
  HTTP_HEAD_WITHIN_MS,
  HTTP_IDLE_MS,
  HTTP_LINGER_MS,
} from "../../limits.ts";
import type { Conn } from "./conn.ts";
import type { ExchangeOwner } from "./http-exchange.ts";
import { HttpExchange } from "./http-exchange.ts";
import type { Client, IngressContext } from "./ingress.ts";
import { splice } from "./splice.ts";

const NOTHING = Buffer.alloc(0);

export class HttpClient implements Client, ExchangeOwner {
  readonly context: IngressContext;
  readonly conn: Conn;
  readonly publishedPort: number;
  readonly peer: { readonly address: string; readonly port: number };
  #unread: Buffer = NOTHING;
  #exchange: HttpExchange | undefined;
  /** When what is waited for began: a head, a pause in a body, an answer. */
  #since: number;
  #ended = false;
  #leaving = false;
  #closed = false;
  #tunnelled = false;
  #service = "";
  #reportedIn = 0;
  #reportedOut = 0;

  constructor(context: IngressContext, conn: Conn, publishedPort: number) {
    this.context = context;
    this.conn = conn;
    this.publishedPort = publishedPort;
    this.peer = conn.peer();
    this.#since = context.now();
    context.add(this);
    conn.listen({
      data: (bytes) => this.#data(bytes),
      end: () => this.#end(),
      drained: () => this.#exchange?.drained(),
      closed: () => this.#close(),
    });
  }

  /** What was read before it was known that this is HTTP. */
  start(bytes: Buffer): void {
    this.conn.resume();
    if (bytes.length > 0) this.#data(bytes);
  }

  serves(service: string): void {
    if (service === this.#service) return;
    this.reportBytes();
    this.#service = service;
  }

  done(keep: boolean): void {
    this.#log();
    this.#exchange = undefined;
    this.#since = this.context.now();
    if (!keep || this.#ended) return this.#leave();
    this.conn.resume();
    this.#next();
  }

  answer(status: number, why: string): void {
    const exchange = this.#exchange;
    const method = exchange?.head.method ?? "GET";
    // What follows of a body that nobody wants would be taken for the next request.
    const keep = exchange !== undefined && status !== 400 && !exchange.wantsBody() && !this.#ended;
    const close = !keep || exchange.head.minor === 0 || exchange.head.connection.includes("close");
    this.conn.write(Buffer.from(ownAnswer(status, why, { close, method }), "latin1"));
    if (exchange !== undefined) this.done(!close);
    else this.#leave();
  }

  tunnel(upstream: Conn, early: Buffer): void {
    this.#tunnelled = true;
    if (early.length > 0) this.conn.write(early);
    if (this.#unread.length > 0) upstream.write(this.#unread);
    this.#unread = NOTHING;
    splice(this.conn, upstream, { over: () => this.#close() });
  }

  tick(now: number): void {
    const waited = now - this.#since;
    const exchange = this.#exchange;
    if (this.#tunnelled) return;
    if (this.#leaving) {
      if (waited > HTTP_LINGER_MS) this.conn.destroy();
    } else if (exchange === undefined) {
      if (this.#unread.length === 0) {
        if (waited > HTTP_IDLE_MS) this.#leave();
      } else if (waited > HTTP_HEAD_WITHIN_MS) this.#refuse(408, "the request takes too long");
    } else if (exchange.wantsBody()) {
      if (waited > HTTP_BODY_PAUSE_MS && !exchange.awaitsAnswer()) this.conn.reset();
    } else if (exchange.awaitsAnswer()) {
      const within = this.context.options(exchange.service).answerWithinMs;
      if (within > 0 && waited > within) exchange.timedOut();
    }
  }

  reportBytes(): void {
    const bytesIn = this.conn.bytesRead - this.#reportedIn;
    const bytesOut = this.conn.bytesWritten - this.#reportedOut;
    if (this.#service === "" || (bytesIn === 0 && bytesOut === 0)) return;
    this.#reportedIn += bytesIn;
    this.#reportedOut += bytesOut;
    this.context.submit({ kind: "carried", service: this.#service, bytesIn, bytesOut });
  }

  shut(): void {
    this.conn.reset();
  }

  #data(bytes: Buffer): void {
    if (this.#leaving) return;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      if (this.#unread.length === 0) this.#since = this.context.now();
      this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
      return this.#next();
    }
    this.#since = this.context.now();
    const taken = this.#unread.length > 0 ? 0 : exchange.body(bytes);
    if (taken === bytes.length || this.#leaving) return;
    // The next request, while this one is under way: it waits, and so does what follows.
    this.#unread = Buffer.concat([this.#unread, bytes.subarray(taken)]);
    this.conn.pause();
  }

  /** Begins the request that is read; those behind it wait for its answer. */
  #next(): void {
    if (this.#exchange !== undefined || this.#leaving || this.#unread.length === 0) return;
    const bytes = skipEmptyLines(this.#unread);
    const parsed = parseRequestHead(bytes);
    if (parsed.kind === "more") {
      this.#unread = bytes;
      return;
    }
    if (parsed.kind === "bad") return this.#refuse(parsed.status, parsed.reason);
    this.#begin(parsed.head, bytes.subarray(parsed.length));
  }

  #begin(head: RequestHead, rest: Buffer): void {
    const exchange = new HttpExchange(this, head);
    this.#exchange = exchange;
    this.#since = this.context.now();
    const taken = rest.length === 0 ? 0 : exchange.body(rest);
    this.#unread = rest.subarray(taken);
    if (this.#unread.length > 0) this.conn.pause();
    if (!exchange.isOver()) exchange.begin();
  }

  #refuse(status: number, why: string): void {
    this.context.refused(status);
    this.#unread = NOTHING;
    this.answer(status, why);
  }

  /** Ends the connection once the client has read what it was told. */
  #leave(): void {
    this.#leaving = true;
    this.#unread = NOTHING;
    this.#since = this.context.now();
    this.conn.resume();
    this.conn.end();
  }

  #end(): void {
    this.#ended = true;
    if (this.#exchange === undefined) return this.#leave();
    if (!this.#exchange.wantsBody()) return;
    this.conn.reset();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#exchange?.abandon();
    if (this.#exchange !== undefined) this.#log();
    this.#exchange = undefined;
    this.reportBytes();
    this.context.remove(this);
  }

  #log(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const { head, status, service, task, retries } = exchange;
    this.context.finished({
      at: Date.now(),
      client: this.peer.address,
      method: head.method,
      target: head.target,
      minor: head.minor,
      host: head.host,
      fields: head.fields,
      status,
      bytes: this.conn.bytesWritten - this.#loggedOut,
      service,
      task,
      durationMs: performance.now() - exchange.began,
      retries,
    });
    this.#loggedOut = this.conn.bytesWritten;
  }
  #loggedOut = 0;
}

/** Some clients send one behind a body; before a request they are nothing (RFC 9112, 2.2). */
function skipEmptyLines(bytes: Buffer): Buffer {
  let at = 0;
  while (at < 4 && bytes[at] === 13 && bytes[at + 1] === 10) at += 2;
  return at === 0 ? bytes : bytes.subarray(at);
}
