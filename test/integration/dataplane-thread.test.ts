/**
 * The data plane as it is shipped: bundled, in a thread, with a port handed over by another
 * process.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { clusterId, nodeId } from "@skein/common/ids";
import type { NodeConfig } from "@skein/common/model/node-config";
import { writeIdentity } from "@skein/common/node/identity";
import { expect } from "chai";
import { build } from "esbuild";
import type { FromDataPlane, ToDataPlane } from "../../packages/worker/src/dataplane/protocol.ts";
import type { TestTask } from "./support/dataplane.ts";
import {
  BASE_PORT,
  dial,
  makeAuthority,
  makeIdentity,
  NET,
  readAll,
  routeTo,
  TestTask as Task,
  TestNode,
} from "./support/dataplane.ts";

const ENTRY = fileURLToPath(
  new URL("../../packages/worker/src/dataplane/thread.ts", import.meta.url),
);
const PUBLISHED = BASE_PORT + 300;
/** Binds, hands the raw handle over and ends: the socket lives on in whoever took it. */
const LAUNCHER = `
  const server = require("net").createServer();
  server.listen(${PUBLISHED}, "127.0.0.1", () =>
    process.send({ kind: "port" }, server._handle, () => process.exit(0)));`;

describe("data plane thread", function () {
  this.timeout(30_000);
  let directory = "";
  let bundle = "";
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "skein-thread-"));
    bundle = join(directory, "thread.mjs");
    await build({
      entryPoints: [ENTRY],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["bufferutil", "utf-8-validate"],
      banner: {
        js: 'import { createRequire as c } from "node:module"; const require = c(import.meta.url);',
      },
      logLevel: "error",
    });
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it("serves a launcher's socket after the launcher's death, until unpublished", async () => {
    const authority = await makeAuthority();
    const other = new TestNode(await makeIdentity(authority, "node-b"), 2);
    writeIdentity(directory, await makeIdentity(authority, "node-a"));
    const thread = new Thread(bundle, directory);
    const task = new Task(other);
    try {
      await Promise.all([thread.hear("ready"), other.hear("ready")]);
      await task.start((socket) => socket.end("from afar"));
      thread.tell({ kind: "routes", routes: [route(task)] });
      await thread.hear("listening");
      const fd = await handedFd();
      thread.tell({ kind: "handed-port", publishedPort: PUBLISHED, fd });
      for (const host of ["127.0.0.1", `${NET}.1`]) {
        expect(await readAll(host, PUBLISHED)).to.equal("from afar");
      }
      thread.tell({ kind: "scrape", id: 7 });
      const { text } = await thread.hear("metrics");
      expect(text).to.match(
        /skein_ingress_connections_total\{process="dataplane",service="\w+"\} 2/,
      );
      expect(text).to.include("skein_loop_lag_seconds_count");
      thread.tell({ kind: "routes", routes: [] });
      await thread.hear("unlistened");
      await thread.closed(() => dial("127.0.0.1", PUBLISHED));
    } finally {
      task.close();
      other.close();
      await thread.end();
    }
  });

  it("says why it cannot start", async () => {
    const empty = mkdtempSync(join(directory, "empty-"));
    const thread = new Thread(bundle, empty);
    const { error } = await thread.hear("failed");
    expect(error).to.match(/^Cannot read .*ca\.crt/);
    await thread.end();
  });
});

class Thread {
  readonly #worker: Worker;
  readonly #messages: FromDataPlane[] = [];
  readonly #exit: Promise<unknown>;

  constructor(bundle: string, identityDirectory: string) {
    const config: NodeConfig = {
      schema: 1,
      clusterId: clusterId("test-cluster"),
      clusterName: "test",
      nodeId: nodeId("node-a"),
      name: "worker-1",
      role: "worker",
      availability: "active",
      address: `${NET}.1`,
      managerPort: 1,
      controlPort: 2,
      dataPort: BASE_PORT + 301,
      apiSocket: "/nowhere",
      plane: "loopback",
      taskPool: "10.65.0.0/16",
      managers: [],
      local: true,
    };
    this.#worker = new Worker(bundle, { workerData: { config, identityDirectory } });
    this.#exit = once(this.#worker, "exit");
    this.#worker.on("message", (message: FromDataPlane) => this.#messages.push(message));
  }

  tell(message: ToDataPlane): void {
    this.#worker.postMessage(message);
  }

  async hear<K extends FromDataPlane["kind"]>(
    kind: K,
  ): Promise<Extract<FromDataPlane, { kind: K }>> {
    for (;;) {
      const found = this.#messages.find((message) => message.kind === kind);
      // The cast: `kind` is the discriminant of the union.
      if (found !== undefined) return found as Extract<FromDataPlane, { kind: K }>;
      await once(this.#worker, "message");
    }
  }

  /** Tries until the connection is refused. */
  async closed(attempt: () => Promise<{ destroy(): void }>): Promise<void> {
    for (;;) {
      try {
        (await attempt()).destroy();
      } catch (error) {
        expect(error).to.include({ code: "ECONNREFUSED" });
        return;
      }
    }
  }

  /** An orderly end: nothing in the thread may keep it alive. */
  async end(): Promise<void> {
    this.tell({ kind: "close" });
    await this.#exit;
  }
}

function route(task: TestTask) {
  return routeTo(PUBLISHED, [task]);
}

async function handedFd(): Promise<number> {
  const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
  const launcher: ChildProcess = spawn(process.execPath, ["-e", LAUNCHER], { stdio: [...stdio] });
  const exit = once(launcher, "exit");
  const [, handle] = await once(launcher, "message");
  await exit;
  // Kept for good: the handle of this thread must not close what the other thread serves.
  kept.push(handle);
  return handle.fd;
}
const kept: unknown[] = [];
