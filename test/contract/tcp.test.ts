/** The contract of `Tcp`: bare handles and `net.Socket` alike in all that a proxy relies on. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Conn, ConnEvents, Listening, Tcp } from "@skein/worker/dataplane/shell/conn";
import { rawTcp } from "@skein/worker/dataplane/shell/raw-tcp";
import { socketTcp } from "@skein/worker/dataplane/shell/socket-tcp";
import { splice } from "@skein/worker/dataplane/shell/splice";
import { tcpBinding } from "@skein/worker/dataplane/shell/tcp-binding";
import { expect } from "chai";

const HOST = `127.${100 + (process.pid % 20)}.${(process.pid >> 8) % 256}.9`;
const PORT = 19_000 + (process.pid % 900);
const MEBIBYTE = 1024 * 1024;
const binding = tcpBinding();

describe("tcp", () => {
  it("has bare handles in this version of Node", () => {
    expect(binding).to.not.equal(undefined);
  });

  const kinds: readonly (readonly [string, Tcp])[] = [
    ...(binding === undefined ? [] : ([["bare handles", rawTcp(binding)]] as const)),
    ["net.Socket", socketTcp],
  ];
  for (const [name, tcp] of kinds) {
    describe(name, () => {
      let listening: Listening | undefined;
      afterEach(() => listening?.close());

      /** Listens, connects a plain client, and gives both ends. */
      async function pair(): Promise<{ conn: Conn; client: Socket; heard: Heard }> {
        const accepted = new Promise<Conn>((resolve) => {
          const at = { host: HOST, port: PORT };
          listening = tcp.listen(at, {
            listening: () => undefined,
            failed: (error) => expect.fail(error),
            accepted: resolve,
          });
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
        const client = connect({ host: HOST, port: PORT, allowHalfOpen: true });
        client.on("error", () => undefined);
        await once(client, "connect");
        const conn = await accepted;
        const heard = new Heard();
        conn.listen(heard.events);
        return { conn, client, heard };
      }

      it("reads nothing before it is asked to, then all of it", async () => {
        const { conn, client, heard } = await pair();
        client.write("hello");
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(heard.text).to.equal("");
        conn.resume();
        await heard.until(() => heard.text === "hello");
        expect(conn.bytesRead).to.equal(5);
        expect(conn.peer()).to.deep.equal({ address: client.localAddress, port: client.localPort });
        client.destroy();
      });

      it("carries each half's end, and closes when both ended", async () => {
        const { conn, client, heard } = await pair();
        conn.resume();
        client.end("bye");
        await heard.until(() => heard.ended);
        expect(heard.closed).to.equal(undefined);
        conn.write(Buffer.from("later"));
        conn.end();
        expect(String((await once(client, "data"))[0])).to.equal("later");
        await heard.until(() => heard.closed !== undefined);
        expect(heard.closed).to.deep.equal({ error: undefined });
      });

      it("tells a reset as an error, and makes one", async () => {
        const first = await pair();
        first.conn.resume();
        first.client.resetAndDestroy();
        await first.heard.until(() => first.heard.closed !== undefined);
        expect(first.heard.closed?.error).to.be.a("string");
        listening?.close();
        const second = await pair();
        const [error] = await Promise.all([once(second.client, "error"), second.conn.reset()]);
        expect(error[0]).to.include({ code: "ECONNRESET" });
        await second.heard.until(() => second.heard.closed !== undefined);
      });

      it("says when enough is queued, and when there is room again", async () => {
        const { conn, client, heard } = await pair();
        client.pause();
        let written = 0;
        while (conn.write(Buffer.alloc(MEBIBYTE))) written += MEBIBYTE;
        expect(written).to.be.below(64 * MEBIBYTE);
        client.resume();
        await heard.until(() => heard.drained);
        conn.destroy();
        await heard.until(() => heard.closed !== undefined);
      });

      it("tells the system's reason when it cannot connect or listen", async () => {
        const result = await new Promise<Conn | { error: string }>((resolve) =>
          tcp.connect(HOST, PORT, resolve),
        );
        expect("error" in result && result.error).to.include(`ECONNREFUSED ${HOST}:${PORT}`);
        const owner = createServer().listen(PORT, HOST);
        await once(owner, "listening");
        const error = await new Promise<string>((resolve) => {
          const at = { host: HOST, port: PORT };
          listening = tcp.listen(at, {
            listening: () => undefined,
            failed: resolve,
            accepted: () => undefined,
          });
        });
        expect(error).to.include("EADDRINUSE");
        owner.close();
      });

      it("calls nobody after a dial was cancelled", async () => {
        const owner = createServer().listen(PORT, HOST);
        await once(owner, "listening");
        tcp.connect(HOST, PORT, () => expect.fail("cancelled")).cancel();
        await new Promise((resolve) => setTimeout(resolve, 30));
        owner.close();
      });

      it("splices: bytes, ends, and a break that is no end", async () => {
        const backend = createServer({ allowHalfOpen: true }, (socket) => {
          socket.on("error", () => undefined);
          socket.on("data", (chunk) => socket.write(String(chunk).toUpperCase()));
          socket.on("end", () => socket.end("!"));
        }).listen(PORT + 1, HOST);
        await once(backend, "listening");
        const { conn, client } = await pair();
        const upstream = await new Promise<Conn>((resolve) =>
          tcp.connect(HOST, PORT + 1, (result) => !("error" in result) && resolve(result)),
        );
        let over = false;
        splice(conn, upstream, { over: () => (over = true) });
        let text = "";
        client.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        client.end("shout");
        await once(client, "end");
        expect(text).to.equal("SHOUT!");
        client.destroy();
        for (let i = 0; i < 100 && !over; i += 1)
          await new Promise((resolve) => setTimeout(resolve, 5));
        expect(over).to.equal(true);
        backend.close();
      });
    });
  }
});

/** What a connection told. */
class Heard {
  text = "";
  ended = false;
  drained = false;
  closed: { readonly error: string | undefined } | undefined;
  #waiting: (() => void)[] = [];

  readonly events: ConnEvents = {
    data: (bytes) => this.#note(() => (this.text += bytes.toString())),
    end: () => this.#note(() => (this.ended = true)),
    drained: () => this.#note(() => (this.drained = true)),
    closed: (error) => this.#note(() => (this.closed = { error })),
  };

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #note(change: () => void): void {
    change();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
