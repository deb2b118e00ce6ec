/** HTTP connections that are streams over links; kept and used again while they live. */
import http from "node:http";
import type { Duplex } from "node:stream";
import { PassThrough } from "node:stream";
import type { Result } from "@skein/common/result";

/** `host`: what the request names as its host, a node's id. The error is why there is none. */
export type DialHost = (host: string) => Promise<Result<Duplex, string>>;

export class StreamAgent extends http.Agent {
  readonly #dial: DialHost;

  constructor(
    dial: DialHost,
    limits: { readonly maxSockets: number; readonly maxFreeSockets: number },
  ) {
    super({ keepAlive: true, ...limits });
    this.#dial = dial;
  }

  override createConnection(
    options: http.ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void = () => undefined,
  ): undefined {
    const failed = (reason: string): void => {
      // The stream is read only when there is no error; Node's type asks for one all the same.
      done(new Error(reason), NO_STREAM);
    };
    this.#dial(options.host ?? "").then(
      (stream) => (stream.ok ? done(null, asSocket(stream.value)) : failed(stream.error)),
      (error: unknown) => failed(String(error)),
    );
    return undefined;
  }
}

const NO_STREAM = new PassThrough();

/**
 * The methods of a TCP socket that node:http calls without asking; a stream over a link has none.
 */
export function asSocket(stream: Duplex): Duplex {
  const self = (): Duplex => stream;
  const missing = ["setTimeout", "setKeepAlive", "setNoDelay", "ref", "unref"].filter(
    (name) => !(name in stream),
  );
  return Object.assign(stream, Object.fromEntries(missing.map((name) => [name, self])));
}
