/** Asks the machine's own name servers what the cluster does not know. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, isIPv4 } from "node:net";
import type { Random } from "@skein/common/io/random";
import {
  DNS_FORWARD_MS,
  DNS_FORWARDS_MAX,
  DNS_TCP_BYTES_MAX,
  DNS_UPSTREAMS_MAX,
} from "../../limits.ts";

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

/** The servers of `resolv.conf`, without ourselves: a loop would never end. */
export function systemUpstreams(own: string): readonly Upstream[] {
  let text = "";
  try {
    text = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    // None then: what the cluster does not know is refused.
  }
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map(([, address = ""]) => address)
    .filter((address) => isIPv4(address) && address !== own)
    .slice(0, DNS_UPSTREAMS_MAX)
    .map((address) => ({ address, port: 53 }));
}

export class Forwarder {
  readonly #upstreams: readonly Upstream[];
  readonly #random: Random;
  #underWay = 0;

  constructor(upstreams: readonly Upstream[], random: Random) {
    this.#upstreams = upstreams;
    this.#random = random;
  }

  /** `done`: the answer with the asker's own id; undefined when nobody answers. */
  ask(query: Uint8Array, most: number, done: (answer: Uint8Array | undefined) => void): void {
    if (this.#underWay >= DNS_FORWARDS_MAX) return done(undefined);
    this.#underWay += 1;
    this.#try(0, { query, most }, (answer) => {
      this.#underWay -= 1;
      done(answer);
    });
  }

  #try(
    turn: number,
    asked: { readonly query: Uint8Array; readonly most: number },
    done: (answer: Uint8Array | undefined) => void,
  ): void {
    const upstream = this.#upstreams[turn];
    if (upstream === undefined) return done(undefined);
    // An id and a port of our own: what comes back is not easily guessed.
    const own = Uint8Array.from(asked.query);
    const id = this.#random.below(65_536);
    own[0] = id >> 8;
    own[1] = id & 255;
    const send = asked.most >= DNS_TCP_BYTES_MAX ? overTcp : overUdp;
    send(upstream, own, (answer) => {
      const rcode = (answer?.[3] ?? 2) & 15;
      // SERVFAIL and REFUSED: the next may know better.
      if (answer === undefined || rcode === 2 || rcode === 5) {
        return this.#try(turn + 1, asked, done);
      }
      const back = Uint8Array.from(answer);
      back.set(asked.query.subarray(0, 2));
      done(back);
    });
  }
}

function overUdp(
  { address, port }: Upstream,
  query: Uint8Array,
  done: (answer: Uint8Array | undefined) => void,
): void {
  const socket = createSocket("udp4");
  const end = (answer: Uint8Array | undefined): void => {
    clearTimeout(timer);
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    socket.close();
    done(answer);
  };
  const timer = setTimeout(() => end(undefined), DNS_FORWARD_MS);
  socket.on("error", () => end(undefined));
  socket.on("message", (answer) => {
    if (answer[0] === query[0] && answer[1] === query[1]) end(answer);
  });
  // Connected: only the server itself is heard.
  socket.connect(port, address, () => socket.send(query));
}

function overTcp(
  { address: host, port }: Upstream,
  query: Uint8Array,
  done: (answer: Uint8Array | undefined) => void,
): void {
  const socket = connect({ host, port });
  let heard = Buffer.alloc(0);
  let isOver = false;
  const end = (answer: Uint8Array | undefined): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    done(answer);
  };
  socket.setTimeout(DNS_FORWARD_MS, () => end(undefined));
  socket.on("error", () => end(undefined));
  socket.on("close", () => end(undefined));
  socket.on("connect", () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length, 0);
    socket.write(Buffer.concat([length, query]));
  });
  socket.on("data", (chunk) => {
    heard = Buffer.concat([heard, chunk]);
    const length = heard.length < 2 ? Infinity : heard.readUInt16BE(0);
    if (heard.length >= 2 + length) end(heard.subarray(2, 2 + length));
  });
}
