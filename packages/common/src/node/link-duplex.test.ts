import { createServer, request } from "node:http";
import type { Duplex } from "node:stream";
import { expect } from "chai";
import fc from "fast-check";
import { clusterId, nodeId } from "../ids.ts";
import { silentLog } from "../io/log.ts";
import { noMetrics } from "../io/metrics.ts";
import type { Link, LinkEnd, LinkReceiver } from "../io/network.ts";
import { DUPLEX_CHUNK_BYTES, DUPLEX_WINDOW_BYTES } from "../limits.ts";
import { createAuthority, issueNodeCertificate } from "./certificates.ts";
import type { LinkDuplex } from "./link-duplex.ts";
import { dialDuplex, LinkStreamError, linkDuplex } from "./link-duplex.ts";
import { systemClock } from "./system-clock.ts";
import type { TlsNetwork } from "./tls-network.ts";
import { createTlsNetwork } from "./tls-network.ts";

const PEER = { nodeId: nodeId("n"), role: "manager", clusterId: clusterId("c") } as const;

/** Two link ends in one process; each message takes one turn of the event loop. */
class MemoryLink implements Link {
  readonly peer = PEER;
  readonly remote = "memory";
  readonly sent: Uint8Array[] = [];
  other: MemoryLink | undefined;
  receiver: LinkReceiver | undefined;
  #ended = false;

  send(bytes: Uint8Array): boolean {
    if (this.#ended) return false;
    this.sent.push(bytes);
    setImmediate(() => this.other?.receiver?.message(bytes));
    return true;
  }
  queuedBytes(): number {
    return 0;
  }
  close(reason: string): void {
    this.end({ kind: "closed", reason });
    setImmediate(() => this.other?.end({ kind: "closed", reason }));
  }
  end(end: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    setImmediate(() => this.receiver?.closed(end));
  }
}

function connected(): { a: LinkDuplex; b: LinkDuplex; links: [MemoryLink, MemoryLink] } {
  const links: [MemoryLink, MemoryLink] = [new MemoryLink(), new MemoryLink()];
  const [a, b] = [linkDuplex(), linkDuplex()];
  [links[0].other, links[1].other] = [links[1], links[0]];
  [links[0].receiver, links[1].receiver] = [a.receiver, b.receiver];
  a.receiver.opened(links[0]);
  b.receiver.opened(links[1]);
  return { a, b, links };
}

/** Not `for await`, which destroys the stream at its end and so never half-closes. */
function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks)));
    stream.on("error", reject);
  });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
async function settle(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await turn();
}

describe("linkDuplex", () => {
  it("keeps bytes in order, whatever the pieces, in both directions", async () => {
    const sizes = fc.array(fc.nat({ max: 200_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (there, back) => {
        const { a, b } = connected();
        const make = (lengths: number[], salt: number) =>
          lengths.map((length, at) => Buffer.alloc(length, (at * 7 + salt) % 251));
        const [fromA, fromB] = [make(there, 1), make(back, 2)];
        for (const chunk of fromA) a.stream.write(chunk);
        for (const chunk of fromB) b.stream.write(chunk);
        a.stream.end();
        b.stream.end();
        const [atB, atA] = await Promise.all([readAll(b.stream), readAll(a.stream)]);
        expect(atB.equals(Buffer.concat(fromA))).to.equal(true);
        expect(atA.equals(Buffer.concat(fromB))).to.equal(true);
      }),
      { numRuns: 30 },
    );
  });

  it("half-closes: one side ends, the other goes on", async () => {
    const { a, b } = connected();
    a.stream.end("question");
    expect((await readAll(b.stream)).toString()).to.equal("question");
    expect(a.stream.destroyed).to.equal(false);
    b.stream.write("answer, ");
    await settle();
    b.stream.end("later");
    expect((await readAll(a.stream)).toString()).to.equal("answer, later");
  });

  it("sends what was written before the link opened", async () => {
    const link = new MemoryLink();
    const { stream, receiver } = linkDuplex();
    stream.end("early");
    await settle();
    receiver.opened(link);
    const kinds = link.sent.map((frame) => frame[0]);
    expect(kinds).to.deep.equal([0, 1]);
    expect(Buffer.from(link.sent[0] ?? []).toString("latin1", 1)).to.equal("early");
  });

  it("resets the peer when one side is destroyed before both have ended", async () => {
    const { a, b } = connected();
    const errors: unknown[] = [];
    b.stream.on("error", (error) => errors.push(error));
    b.stream.resume();
    a.stream.write("half of it");
    a.stream.destroy();
    await settle();
    expect(errors).to.have.length(1);
    expect(errors[0]).to.be.instanceOf(LinkStreamError).and.include({ code: "ECONNRESET" });
    expect(b.stream.destroyed).to.equal(true);
  });

  it("lets the reader finish what came before a clean end, though the link is gone", async () => {
    const { a, b } = connected();
    b.stream.end();
    a.stream.resume();
    a.stream.end(Buffer.alloc(500_000, 3));
    await settle();
    expect(a.stream.destroyed).to.equal(true);
    expect(await readAll(b.stream)).to.have.length(500_000);
  });

  const ends: readonly [LinkEnd, string][] = [
    [{ kind: "refused", reason: "nobody" }, "ECONNREFUSED"],
    [{ kind: "timeout", reason: "silent" }, "ETIMEDOUT"],
    [{ kind: "forbidden", reason: "no" }, "ECONNRESET"],
  ];
  for (const [end, code] of ends) {
    it(`gives the stream the code ${code} when the dial is ${end.kind}`, async () => {
      const { stream, receiver } = linkDuplex();
      receiver.closed(end);
      const error = await new Promise((resolve) => stream.once("error", resolve));
      expect(error).to.deep.include({ code, end });
    });
  }

  it("holds the writer back while the reader does not read, with bounded memory", async () => {
    const { a, b, links } = connected();
    let accepted = 0;
    let full = false;
    const chunk = Buffer.alloc(DUPLEX_CHUNK_BYTES);
    const pump = () => {
      if (full) return;
      a.stream.write(chunk, () => {
        accepted += chunk.length;
        pump();
      });
    };
    pump();
    await settle();
    const under = links[0].sent.reduce((sum, frame) => sum + frame.length, 0);
    expect(accepted).to.be.within(DUPLEX_WINDOW_BYTES / 2, DUPLEX_WINDOW_BYTES);
    expect(under).to.be.at.most(DUPLEX_WINDOW_BYTES);
    await settle();
    expect(links[0].sent.reduce((sum, frame) => sum + frame.length, 0)).to.equal(under);
    // The reader wakes up: everything flows again.
    b.stream.resume();
    const before = accepted;
    await settle();
    expect(accepted).to.be.above(before + 2 * DUPLEX_WINDOW_BYTES);
    full = true;
    a.stream.destroy();
    b.stream.destroy();
  });

  it("bounds a flood of one-byte writes as well", async () => {
    const { a, b, links } = connected();
    b.stream.on("error", () => undefined);
    for (let count = 0; count < 20_000; count += 1) a.stream.write("x");
    await settle();
    expect(links[0].sent.length).to.be.within(1000, DUPLEX_WINDOW_BYTES / 128);
    a.stream.destroy();
  });

  const violations: readonly { readonly name: string; readonly frames: readonly Uint8Array[] }[] = [
    { name: "an empty frame", frames: [new Uint8Array(0)] },
    { name: "an unknown frame", frames: [Uint8Array.of(9)] },
    { name: "data after the end", frames: [Uint8Array.of(1), Uint8Array.of(0, 1)] },
    { name: "a second end", frames: [Uint8Array.of(1), Uint8Array.of(1)] },
    { name: "credit from nowhere", frames: [Uint8Array.of(2, 0, 0, 0, 1)] },
    { name: "a short credit", frames: [Uint8Array.of(2, 0)] },
    {
      name: "more data than granted",
      frames: Array.from({ length: 3 }, () => new Uint8Array(DUPLEX_WINDOW_BYTES / 2)),
    },
  ];
  for (const { name, frames } of violations) {
    it(`breaks off at ${name}`, async () => {
      const link = new MemoryLink();
      const { stream, receiver } = linkDuplex();
      const errors: unknown[] = [];
      stream.on("error", (error) => errors.push(error));
      receiver.opened(link);
      for (const frame of frames) receiver.message(frame);
      await settle();
      expect(errors).to.have.length(1);
      expect(errors[0]).to.have.nested.property("end.kind", "protocol");
      expect(link.send(new Uint8Array(1))).to.equal(false);
    });
  }
});

describe("linkDuplex over TLS", () => {
  const networks: TlsNetwork[] = [];
  const clock = systemClock();
  let client: TlsNetwork;
  let address: string;
  let serve: (stream: Duplex) => void = () => undefined;

  before(async () => {
    const cluster = clusterId("c");
    const authority = await createAuthority({ clusterId: cluster, now: clock.wall() });
    const open = async (id: string) => {
      const identity = await issueNodeCertificate(authority, {
        ...{ nodeId: nodeId(id), role: "manager", clusterId: cluster },
        ...{ addresses: ["127.0.0.1"], now: clock.wall() },
      });
      const network = createTlsNetwork({ identity, clock, log: silentLog, metrics: noMetrics });
      networks.push(network);
      return network;
    };
    const accept = () => {
      const { stream, receiver } = linkDuplex();
      serve(stream);
      return receiver;
    };
    const server = await open("a");
    await new Promise<void>((resolve) => {
      const listener = server.listen("127.0.0.1:0", { "/stream": accept }, () => {
        address = `127.0.0.1:${listener.port()}`;
        resolve();
      });
    });
    client = await open("b");
  });
  after(() => {
    for (const network of networks) network.close("over");
  });

  it("carries HTTP in both roles: requests, answers, keep-alive", async () => {
    const server = createServer((incoming, response) => {
      incoming.resume();
      incoming.on("end", () => response.end(`${incoming.method} ${incoming.url}`));
    });
    serve = (stream) => server.emit("connection", stream);
    const ask = (method: string) =>
      new Promise<string>((resolve, reject) => {
        const createConnection = () => dialDuplex(client, { address, path: "/stream" });
        const asked = request({ method, path: "/x", createConnection }, (response) => {
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (text: string) => {
            body += text;
          });
          response.on("end", () => resolve(body));
        });
        asked.on("error", reject);
        asked.end(method === "POST" ? Buffer.alloc(3_000_000) : undefined);
      });
    expect(await ask("GET")).to.equal("GET /x");
    expect(await ask("POST")).to.equal("POST /x");
    server.close();
  });

  it("moves megabytes to a slow reader with a bounded queue", async () => {
    const total = 24 * 1024 * 1024;
    let deepest = 0;
    let sender: Link | undefined;
    serve = (stream) => {
      // Takes a piece every other turn.
      stream.on("data", () => {
        stream.pause();
        setImmediate(() => setImmediate(() => stream.resume()));
      });
      stream.on("end", () => stream.end("thanks"));
    };
    const stream = dialDuplex(client, { address, path: "/stream" }, (link) => {
      sender = link;
    });
    let written = 0;
    const pump = () => {
      deepest = Math.max(deepest, sender?.queuedBytes() ?? 0);
      if (written >= total) return void stream.end();
      written += 1024 * 1024;
      stream.write(Buffer.alloc(1024 * 1024), pump);
    };
    pump();
    expect((await readAll(stream)).toString()).to.equal("thanks");
    expect(deepest).to.be.at.most(DUPLEX_WINDOW_BYTES + 1024);
  });

  it("fails the stream when nobody listens", async () => {
    const stream = dialDuplex(client, { address: "127.0.0.1:1", path: "/stream" });
    const error = await new Promise((resolve) => stream.once("error", resolve));
    expect(error).to.have.property("code", "ECONNREFUSED");
  });
});
