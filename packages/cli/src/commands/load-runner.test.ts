import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { scoreLine } from "./load.ts";
import { startLoadRun } from "./load-runner.ts";

describe("load", () => {
  let server: Server;
  let asked: number;
  /** What becomes of request number n. */
  let answer: (n: number) => number | "cut";
  beforeEach(async () => {
    asked = 0;
    answer = () => 200;
    server = createServer((request, response) => {
      asked += 1;
      const status = answer(asked);
      if (status === "cut") request.socket.destroy();
      else response.writeHead(status).end("hello");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => server.close());

  /** Sends until the server was asked this often. */
  async function run(requests: number) {
    const { port } = server.address() as AddressInfo;
    const url = new URL(`http://127.0.0.1:${port}/`);
    const load = startLoadRun({ url, perSecond: 200, answerMs: 5000 });
    while (asked < requests) await new Promise((resolve) => setTimeout(resolve, 5));
    return load.stop();
  }

  it("counts what is answered", async () => {
    const score = await run(10);
    expect(score).to.include({ ok: asked, retried: 0, failed: 0, open: 0 });
  });

  it("sends again what was cut off, once, and tells it apart from what failed", async () => {
    answer = (n) => (n === 3 ? "cut" : 200);
    const once = await run(10);
    expect(once).to.include({ ok: asked - 1, retried: 1, failed: 0 });
    asked = 0;
    answer = () => "cut";
    const never = await run(10);
    expect([never.ok, never.retried === never.failed, never.failed > 0]).to.deep.equal([
      0,
      true,
      true,
    ]);
  });

  it("takes an answer of 500 and above for a failure, without sending it again", async () => {
    answer = (n) => (n % 2 === 0 ? 503 : 404);
    const score = await run(10);
    expect(score.retried).to.equal(0);
    expect([score.ok, score.failed]).to.deep.equal([Math.ceil(asked / 2), Math.floor(asked / 2)]);
  });

  it("prints one line", () => {
    const score = { ok: 812, retried: 3, failed: 0, open: 2, slowestMs: 61 };
    expect(scoreLine(score)).to.equal("812 ok, 3 retried, 0 failed, 2 waiting, slowest 61 ms");
    expect(scoreLine({ ...score, open: 0 })).to.equal("812 ok, 3 retried, 0 failed, slowest 61 ms");
  });
});
