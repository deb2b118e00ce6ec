import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient, messageOf, plainReason } from "@skein/cli/api/client";
import { expect } from "chai";

describe("the API client", () => {
  const directory = mkdtempSync(join(tmpdir(), "skein-client-"));
  const servers: Server[] = [];
  let keys: string[] = [];
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(directory, { recursive: true });
  });

  /** A manager: answers with its name, never, or by cutting the connection. */
  async function manager(
    name: string,
    how: "answers" | "hangs" | "cuts" | "is cut off",
  ): Promise<string> {
    const socket = join(directory, name);
    const server = createServer((request, response) => {
      keys.push(`${name} ${String(request.headers["idempotency-key"])}`);
      if (how === "answers") response.end(JSON.stringify({ from: name }));
      if (how === "cuts") request.socket.destroy();
      if (how !== "is cut off") return;
      response.statusCode = 503;
      response.end(JSON.stringify({ message: "The swarm does not have a leader." }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    return socket;
  }

  async function from(
    sockets: readonly string[],
    method: "GET" | "POST" = "GET",
  ): Promise<unknown> {
    keys = [];
    const answer = await new ApiClient(sockets).call({ method, path: "/", timeoutMs: 10_000 });
    return answer.ok ? Reflect.get(Object(answer.value), "from") : answer.error.message;
  }

  it("asks the next manager when one is not there, or cuts, or keeps silent", async function () {
    this.timeout(20_000);
    const good = await manager("good", "answers");
    const silent = await manager("silent", "hangs");
    const cutting = await manager("cutting", "cuts");
    expect(await from([join(directory, "none"), good])).to.equal("good");
    expect(await from([cutting, good])).to.equal("good");
    expect(await from([silent, good])).to.equal("good");
  });

  it("believes a manager without a leader only if the others have none either", async () => {
    const [cut, also] = [await manager("c", "is cut off"), await manager("d", "is cut off")];
    const good = await manager("e", "answers");
    expect(await from([cut, also, good])).to.equal("e");
    expect(await from([cut, also])).to.match(/does not have a leader/);
  });

  it("asks only the first when that answers", async () => {
    const [a, b] = [await manager("a", "answers"), await manager("b", "answers")];
    expect(await from([a, b])).to.equal("a");
    expect(keys).to.have.length(1);
  });

  it("repeats a change under one key, so that it is one change", async () => {
    const cutting = await manager("cutting2", "cuts");
    const good = await manager("good2", "answers");
    expect(await from([cutting, good], "POST")).to.equal("good2");
    const ids = keys.map((entry) => entry.split(" ")[1]);
    expect(ids).to.have.length(2);
    expect(ids[0]).to.match(/^[0-9a-f-]{36}$/);
    expect(ids[1]).to.equal(ids[0]);
  });

  it("gives up in words", async function () {
    this.timeout(10_000);
    const none = join(directory, "none");
    expect(await from([none, none])).to.equal("its socket is not there");
  });

  it("reads Docker's errors, and what is none", () => {
    expect(messageOf('{"message":"no such node"}', 404)).to.equal("no such node");
    expect(messageOf("plain\n", 500)).to.equal("plain");
    expect(messageOf("", 500)).to.equal("status 500");
    expect(plainReason("rpc error: code = NotFound desc = node x not found")).to.equal(
      "node x not found",
    );
  });
});
