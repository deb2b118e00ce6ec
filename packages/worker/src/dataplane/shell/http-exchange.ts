/**
 * One HTTP request, from its head to the last byte of its answer: passed to the task that the
 * machine chose, repeated at another while the client has no byte of an answer and it may be.
 */
import { BodyReader } from "../../ingress/http-body.ts";
import type { RequestHead, ResponseHead } from "../../ingress/http-head.ts";
import { parseResponseHead } from "../../ingress/http-head.ts";
import {
  answerToClient,
  cookieValue,
  isIdempotent,
  keepsConnection,
  requestToBackend,
  wantsUpgrade,
} from "../../ingress/http-rewrite.ts";
import { HTTP_REPLAY_BYTES_MAX } from "../../limits.ts";
import { stickyKey } from "../policies.ts";
import { proxyHeader } from "../proxy-header.ts";
import type { Conn } from "./conn.ts";
import { DEAF } from "./conn.ts";
import type { IngressContext } from "./ingress.ts";
import type { Asking, Connect, Reject } from "./tries.ts";
import { Tries } from "./tries.ts";

/** The client's connection, as its current request sees it. */
export interface ExchangeOwner {
  readonly context: IngressContext;
  readonly conn: Conn;
  readonly publishedPort: number;
  readonly peer: { readonly address: string; readonly port: number };
  /** The service is known now: bytes are counted for it. */
  serves(service: string): void;
  /** The answer is complete. */
  done(keep: boolean): void;
  /** There is no answer but ours. */
  answer(status: number, why: string): void;
  /** From here on both sides speak what they like. */
  tunnel(upstream: Conn, early: Buffer): void;
}

const NOTHING = Buffer.alloc(0);

export class HttpExchange implements Asking {
  readonly head: RequestHead;
  readonly began = performance.now();
  status = 0;
  task = "";
  service = "";
  retries = 0;
  readonly #owner: ExchangeOwner;
  readonly #id: number;
  readonly #tries: Tries;
  readonly #request: BodyReader;
  /** What came of the body, while it can be sent again. */
  #replay: Buffer[] | undefined = [];
  #replayBytes = 0;
  #connect: Connect | undefined;
  #upstream: Conn | undefined;
  #answer: Buffer = NOTHING;
  #answerBody: BodyReader | undefined;
  #closes = false;
  #over = false;

  constructor(owner: ExchangeOwner, head: RequestHead) {
    this.head = head;
    this.#owner = owner;
    this.#request = new BodyReader(head.framing);
    this.#tries = new Tries(owner.context, owner.context.submit);
    this.#id = owner.context.register(this);
  }

  /** Asks for a backend; the answer may come before this returns. */
  begin(): void {
    const { context, publishedPort, peer } = this.#owner;
    const { host, target, cookies } = this.head;
    const request = { host: host.replace(/:\d*$/, "").toLowerCase(), path: pathOf(target) };
    const asked = { id: this.#id, publishedPort, request, source: peer.address, cookies };
    context.submit({ kind: "asked", ...asked });
  }

  isOver(): boolean {
    return this.#over;
  }

  /** True while the client waits for the first byte of the answer, and a task has the request. */
  awaitsAnswer(): boolean {
    return this.#upstream !== undefined && this.#answerBody === undefined;
  }

  wantsBody(): boolean {
    return !this.#request.isOver();
  }

  connect(connect: Connect): void {
    this.#connect = connect;
    this.service = connect.service;
    this.#owner.serves(connect.service);
    const { pool } = this.#owner.context;
    const kept = this.#mayPool() ? pool.take(connect, !isIdempotent(this.head.method)) : undefined;
    this.#tries.begin(connect, kept);
  }

  abort(attempt: number): void {
    this.#tries.abort(attempt);
  }

  pipe(attempt: number): void {
    const reached = this.#tries.take(attempt);
    if (reached === undefined) return this.#broke();
    this.#connect = reached.connect;
    this.#upstream = reached.conn;
    this.task = reached.connect.taskId;
    reached.conn.listen({
      data: (bytes) => this.#received(bytes),
      end: () => this.#ended(),
      drained: () => this.#owner.conn.resume(),
      closed: () => this.#broke(),
    });
    const { peer, context, publishedPort } = this.#owner;
    const options = context.options(this.service);
    if (options.proxyProtocol) {
      reached.conn.write(proxyHeader(peer, { address: context.address, port: publishedPort }));
    }
    const trusted = options.trustForwarded;
    const forwarding = { client: peer.address, proto: "http", trusted } as const;
    const head = Buffer.from(requestToBackend(this.head, forwarding), "latin1");
    const body = this.#replay ?? [];
    reached.conn.write(body.length === 0 ? head : Buffer.concat([head, ...body]));
    reached.conn.resume();
    if (this.wantsBody()) this.#owner.conn.resume();
  }

  reject({ code, reason }: Reject): void {
    if (code === "unknown") return this.#fail(404, "no service answers this host and path");
    const lost = this.task !== "";
    this.#fail(lost ? 502 : 503, lost ? "the task broke off" : reason);
  }

  /** Bytes of the client: how many of them belong to this request. */
  body(bytes: Buffer): number {
    const fed = this.#request.feed(bytes);
    if ("bad" in fed) {
      this.#fail(400, fed.bad);
      return bytes.length;
    }
    if (fed.taken === 0) return 0;
    const part = fed.taken === bytes.length ? bytes : bytes.subarray(0, fed.taken);
    this.#keep(part);
    if (this.#upstream === undefined) {
      if (this.#replay === undefined || this.#replayBytes >= HTTP_REPLAY_BYTES_MAX) {
        this.#owner.conn.pause();
      }
    } else if (!this.#upstream.write(part)) this.#owner.conn.pause();
    return fed.taken;
  }

  drained(): void {
    this.#upstream?.resume();
  }

  /** The task took too long to begin its answer. */
  timedOut(): void {
    this.#fail(504, "the task did not answer in time");
  }

  /** The client is gone. */
  abandon(): void {
    if (this.#over) return;
    if (this.status === 0) this.status = 499;
    this.#finish();
  }

  #mayPool(): boolean {
    return this.head.minor === 1 && !this.#owner.context.options(this.service).proxyProtocol;
  }

  #keep(part: Buffer): void {
    if (this.#replay === undefined) return;
    this.#replayBytes += part.length;
    this.#replay.push(part);
    // Beyond the bound it cannot be repeated; what is not sent yet is still needed.
    const sent = this.#upstream !== undefined;
    if (this.#replayBytes > HTTP_REPLAY_BYTES_MAX && sent) this.#replay = undefined;
  }

  #received(bytes: Buffer): void {
    if (this.#answerBody !== undefined) return this.#answered(bytes, undefined);
    this.#answer = this.#answer.length === 0 ? bytes : Buffer.concat([this.#answer, bytes]);
    while (this.#answerBody === undefined && !this.#over) {
      const parsed = parseResponseHead(this.#answer, this.head.method);
      if (parsed.kind === "more") return;
      if (parsed.kind === "bad") return this.#fail(502, `the task answers ${parsed.reason}`);
      const rest = this.#answer.subarray(parsed.length);
      this.#answer = rest;
      this.#takeHead(parsed.head, rest);
    }
  }

  #takeHead(head: ResponseHead, rest: Buffer): void {
    const { conn } = this.#owner;
    if (head.status === 101 && wantsUpgrade(this.head)) return this.#upgrade(head, rest);
    if (head.status < 200) {
      const interim = answerToClient(head, { close: false, cookie: undefined });
      if (this.head.minor === 1) conn.write(Buffer.from(interim, "latin1"));
      return;
    }
    this.status = head.status;
    this.#replay = undefined;
    this.#closes = !keepsConnection(this.head) || head.framing.kind === "until-close";
    this.#answerBody = new BodyReader(head.framing);
    this.#reusable = head.minor === 1 && !head.connection.includes("close");
    const answering = { close: this.#closes, cookie: this.#cookie() };
    this.#answered(rest, Buffer.from(answerToClient(head, answering), "latin1"));
  }
  #reusable = false;

  /** Bytes of the answer's body; `head` goes before them in one write. */
  #answered(bytes: Buffer, head: Buffer | undefined): void {
    const reader = this.#answerBody;
    if (reader === undefined || this.#over) return;
    const fed = reader.feed(bytes);
    // The client has a part of it already: only a broken connection tells that it is not whole.
    if ("bad" in fed) return this.#breakOff();
    const part = fed.taken === bytes.length ? bytes : bytes.subarray(0, fed.taken);
    const { conn } = this.#owner;
    const whole = head === undefined ? part : joined(head, part);
    if (whole.length > 0 && !conn.write(whole)) this.#upstream?.pause();
    if (reader.isOver()) this.#complete(bytes.length === fed.taken);
  }

  #ended(): void {
    if (this.#answerBody?.ended() === true) this.#complete(false);
    else this.#broke();
  }

  #complete(clean: boolean): void {
    if (this.#over) return;
    const [upstream, connect] = [this.#upstream, this.#connect];
    this.#upstream = undefined;
    const asked = this.#request.isOver();
    const reuse = clean && asked && this.#reusable && this.#mayPool();
    if (upstream !== undefined && connect !== undefined) {
      if (reuse) this.#owner.context.pool.put(connect, upstream);
      else discard(upstream);
    }
    this.#finish();
    this.#owner.done(asked && !this.#closes);
  }

  /** The connection to the task is gone before the answer was whole. */
  #broke(): void {
    if (this.#over) return;
    if (this.#upstream !== undefined) discard(this.#upstream);
    this.#upstream = undefined;
    if (this.#answerBody !== undefined) return this.#breakOff();
    if (this.#replay === undefined || !isIdempotent(this.head.method)) {
      return this.#fail(502, "the task broke off");
    }
    this.#answer = NOTHING;
    this.retries += 1;
    this.#owner.context.submit({ kind: "lost", id: this.#id });
  }

  #breakOff(): void {
    this.#finish();
    this.#owner.conn.reset();
  }

  #fail(status: number, why: string): void {
    if (this.#over) return;
    if (this.#answerBody !== undefined) return this.#breakOff();
    this.status = status;
    this.#finish();
    this.#owner.answer(status, why);
  }

  #upgrade(head: ResponseHead, early: Buffer): void {
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    this.status = 101;
    this.#upstream = undefined;
    this.#answerBody = new BodyReader({ kind: "until-close" });
    const text = answerToClient(head, { close: false, cookie: this.#cookie() });
    this.#owner.conn.write(Buffer.from(text, "latin1"));
    this.#owner.tunnel(upstream, early);
  }

  #cookie(): string | undefined {
    const name = this.#owner.context.options(this.service).stickyCookie;
    if (name === undefined || this.#connect === undefined) return undefined;
    const key = stickyKey(this.#connect.taskId);
    if (cookieValue(this.head.cookies, name) === key) return undefined;
    return `${name}=${key}; Path=/; HttpOnly; SameSite=Lax`;
  }

  #finish(): void {
    this.#over = true;
    if (this.#upstream !== undefined) discard(this.#upstream);
    this.#upstream = undefined;
    this.#tries.abortAll();
    const { context } = this.#owner;
    context.forget(this.#id);
    context.submit({ kind: "closed", id: this.#id });
  }
}

function discard(conn: Conn): void {
  conn.listen(DEAF);
  conn.destroy();
}

function joined(head: Buffer, part: Buffer): Buffer {
  return part.length === 0 ? head : Buffer.concat([head, part]);
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
