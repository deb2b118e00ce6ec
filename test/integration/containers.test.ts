/**
 * Tasks as containers, from a manager's socket through the tunnel to the node's own API: programs
 * are really executed; the tunnel is a pair of streams in place of a link.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import { duplexPair } from "node:stream";
import { containerId } from "@skein/common/api/container";
import { nodeId } from "@skein/common/ids";
import { noMetrics } from "@skein/common/io/metrics";
import type { Task } from "@skein/common/model/task";
import type { StreamServer } from "@skein/common/node/http-server";
import { serveStreams } from "@skein/common/node/http-server";
import { ok } from "@skein/common/result";
import { ContainerApi } from "@skein/worker/shell/containers/container-api";
import type { ContainerPorts } from "@skein/worker/shell/containers/container-ports";
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { until } from "../support/wait.ts";

const SPEC = {
  Name: "web",
  Mode: { Replicated: { Replicas: 1 } },
  TaskTemplate: { ContainerSpec: { Image: "host", Args: ["sleep", "9"], Env: ["GREETING=hello"] } },
};

describe("containers", () => {
  let cluster: FakeCluster;
  let socket = "";
  let id = "";
  let node: StreamServer;
  const bugs: unknown[] = [];

  before(async () => {
    cluster = await FakeCluster.start(2, 1);
    socket = cluster.managers[1]?.socket ?? "";
    const api = new ContainerApi(nodePorts(cluster, bugs));
    node = serveStreams({ handler: api.handler, onUpgrade: api.upgrade });
    cluster.dialNode = () => ok(connectTo(node));
    await ask(socket, "POST /services/create", { body: SPEC });
    const task = await until(10_000, "a task that runs", () => running(cluster));
    id = containerId(task.id);
  });
  after(async () => {
    node.close();
    await cluster.close();
    expect(bugs).to.deep.equal([]);
  });

  const exec = async (body: object): Promise<string> => {
    const made = await ask(socket, `POST /containers/${id}/exec`, { body });
    expect(made.status, String(made.message)).to.equal(201);
    return (made.body as { Id: string }).Id;
  };

  it("lists and inspects them through any manager", async () => {
    const listed = await ask(socket, "GET /containers/json");
    expect(listed.body).to.have.nested.property("[0].Id", id);
    expect(listed.body).to.have.nested.property("[0].State", "running");
    const shown = await ask(socket, `GET /v1.41/containers/${id.slice(0, 12)}/json`);
    expect(shown.body).to.have.nested.property("State.Running", true);
    const missing = await ask(socket, "GET /containers/nosuch/json");
    expect([missing.status, missing.message]).to.deep.equal([404, "No such container: nosuch"]);
  });

  it("executes a program with the task's environment, its streams framed", async () => {
    const run = "echo $GREETING; echo oops >&2; exit 5";
    const execId = await exec({ Cmd: ["sh", "-c", run], AttachStdout: true, AttachStderr: true });
    const out = await upgrade(socket, `/exec/${execId}/start`, { body: '{"Detach":false}' });
    expect(out.head).to.match(/^HTTP\/1\.1 101 UPGRADED\r\n/);
    expect(out.head)
      .to.match(/Upgrade: tcp/)
      .and.match(/multiplexed-stream/);
    expect(frames(out.bytes)).to.have.deep.members([
      [1, "hello\n"],
      [2, "oops\n"],
    ]);
    const state = await ask(socket, `GET /exec/${execId}/json`);
    expect(state.body).to.include({ Running: false, ExitCode: 5, ContainerID: id });
    const again = await ask(socket, `POST /exec/${execId}/start`, { body: {} });
    expect(again.status).to.equal(409);
  });

  it("carries standard input, and its end, while output goes on", async () => {
    const execId = await exec({ Cmd: ["wc", "-c"], AttachStdin: true, AttachStdout: true });
    const input = "x".repeat(300_000);
    const out = await upgrade(socket, `/exec/${execId}/start`, { body: "{}", input });
    expect(frames(out.bytes)).to.deep.equal([[1, "300000\n"]]);
  });

  it("gives a terminal with its size, and takes another", async function () {
    const run = "stty size; read line; stty size; exit 7";
    const body = { Cmd: ["sh", "-c", run], Tty: true, AttachStdin: true, AttachStdout: true };
    const made = await ask(socket, `POST /containers/${id}/exec`, { body });
    if (made.status === 501) {
      console.log(`    skipped: ${String(made.message)}`);
      this.skip();
    }
    const execId = (made.body as { Id: string }).Id;
    const out = await upgrade(socket, `/exec/${execId}/start`, {
      body: '{"Tty":true,"ConsoleSize":[33,111]}',
      when: async (text, write) => {
        if (!text.includes("33 111") || text.includes("go")) return;
        const resized = await ask(socket, `POST /exec/${execId}/resize?h=20&w=50`);
        expect(resized.status, String(resized.message)).to.equal(200);
        write("go\r");
      },
    });
    expect(out.bytes.toString())
      .to.match(/33 111\r\n/)
      .and.match(/20 50\r\n$/);
    const state = await ask(socket, `GET /exec/${execId}/json`);
    expect(state.body).to.include({ ExitCode: 7 });
  });

  it("says why a program cannot be executed, with a shell's exit codes", async () => {
    const execId = await exec({ Cmd: ["no-such-program"], AttachStdout: true });
    const out = await upgrade(socket, `/exec/${execId}/start`, { body: "{}" });
    expect(frames(out.bytes)[0]?.[1]).to.match(/executable file not found in \$PATH/);
    const state = await ask(socket, `GET /exec/${execId}/json`);
    expect(state.body).to.include({ ExitCode: 127 });
    const empty = await ask(socket, `POST /containers/${id}/exec`, { body: { Cmd: [] } });
    expect([empty.status, empty.message]).to.deep.equal([400, "No exec command specified"]);
  });

  it("asks the node of a task without a leader, too", async () => {
    cluster.leader = undefined;
    const shown = await ask(socket, `GET /containers/${id}/json`);
    const listed = await ask(socket, "GET /containers/json");
    cluster.leader = 0;
    expect(shown.status).to.equal(200);
    expect(listed.message).to.match(/The swarm does not have a leader/);
  });

  it("refuses an upgrade in words: no such exec, no such route, no such node", async () => {
    const none = await upgrade(socket, `/exec/${"0".repeat(64)}/start`, { body: "{}" });
    expect(none.head).to.match(/^HTTP\/1\.1 404 /);
    const route = await upgrade(socket, "/session", { body: "" });
    expect(route.head).to.match(/^HTTP\/1\.1 404 /);
    const dial = cluster.dialNode;
    cluster.dialNode = () => ({ ok: false, error: "connection refused" });
    const execId = "f".repeat(64).replace(/^f{32}/, id.slice(0, 32));
    const gone = await upgrade(socket, `/exec/${execId}/start`, { body: "{}" });
    cluster.dialNode = dial;
    expect(gone.head).to.match(/^HTTP\/1\.1 503 /);
    expect(gone.bytes.toString()).to.match(
      /Cannot ask node \S+, which runs web\.1: connection ref/,
    );
  });

  it("refuses to start, restart or delete what a service keeps", async () => {
    const said = async (what: string) => {
      const { status, message } = await ask(socket, what);
      return `${status} ${String(message)}`;
    };
    expect((await ask(socket, `POST /containers/${id}/start`)).status).to.equal(304);
    expect(await said(`POST /containers/${id}/restart`)).to.match(
      /^501 Cannot restart .*replaced|^501/,
    );
    expect(await said(`DELETE /containers/${id}`)).to.match(
      /^409 cannot remove container "\/web\.1/,
    );
    expect(await said(`POST /containers/${id}/kill?signal=FOO`)).to.equal(
      "400 Invalid signal: FOO",
    );
    expect(await said("POST /containers/create")).to.match(/^501 .*docker service create/);
  });

  it("says which node's lines a log lacks: at the end, and while it follows", async () => {
    const task = running(cluster);
    cluster.silentNodes.add(task?.nodeId ?? "");
    const ended = await ask(socket, "GET /services/web/logs?stdout=1&stderr=1");
    expect(frames(ended.bytes).at(-1)).to.satisfy(
      ([stream, text]: [number, string]) =>
        stream === 3 && /incomplete log stream.*node \S+ is not available: \S/s.test(text),
    );
    const target = "/services/web/logs?stderr=1&follow=1&details=1";
    const followed = await upgrade(socket, target, { body: "", plain: true, method: "GET" });
    cluster.silentNodes.clear();
    expect(followed.bytes.toString()).to.match(
      /com\.docker\.swarm\.node\.id=\w+,.* skein: incomplete log stream: node /,
    );
  });

  it("tells what happens to them as events, with Docker's attributes", async () => {
    const since = `${Math.floor(Date.now() / 1000) - 60}`;
    const filters = JSON.stringify({ type: ["container"], label: ["com.docker.swarm.task"] });
    const query = { since, until: `${Math.floor(Date.now() / 1000)}`, filters };
    const answer = await ask(socket, "GET /events", { query });
    const lines = answer.bytes.toString().trimEnd().split("\n");
    const [first, second] = lines.map((line) => JSON.parse(line));
    expect(first).to.include({ Type: "container", Action: "create", id, scope: "local" });
    expect(second).to.include({ Action: "start", status: "start", from: "host" });
    expect(second.Actor.Attributes).to.include({ "com.docker.swarm.service.name": "web" });
  });

  it("answers a wait with its headers at once", async () => {
    const began = await upgrade(socket, `/containers/${id}/wait`, { body: "", plain: true });
    expect(began.head).to.match(/^HTTP\/1\.1 200 OK/);
  });
});

function running(cluster: FakeCluster): Task | undefined {
  return cluster.store.view.tasks.list().find((task) => task.status.state === "running");
}

function nodePorts(cluster: FakeCluster, bugs: unknown[]): ContainerPorts {
  const config = { nodeId: nodeId("n"), name: "worker-1" } as ContainerPorts["config"];
  return {
    config,
    worker: {
      tasks: () => cluster.store.view.tasks.list().map((task) => localTask(task)),
      watchTasks: () => ({ cancel: () => undefined }),
      readLogs: () => ({ close: () => undefined }),
    },
    engine: {
      signal: () => Promise.resolve(true),
      members: () => Promise.resolve([]),
      directory: (task) => `/nowhere/${task}`,
    },
    gossip: () => ({}),
    metricsText: () => Promise.resolve(""),
    defaults: { env: { PATH: process.env["PATH"] ?? "" }, directory: "/" },
    log: { write: () => undefined },
    metrics: noMetrics,
    bug: (error) => bugs.push(error),
  };
}

function localTask(task: Task): ReturnType<ContainerPorts["worker"]["tasks"]>[number] {
  const { id: taskId, serviceId, serviceName, slot, ports, desired, status } = task;
  const { directory: _, ...process } = task.spec.process;
  const spec = { ...task.spec, process };
  const named = { taskId, serviceId, serviceName, slot, spec, ports, desired };
  const where = { nodeId: nodeId("n"), nodeHostname: "worker-1", nodeLabels: {} };
  return { taskId, assignment: () => ({ ...named, ...where }), status: () => status };
}

function connectTo(server: StreamServer): Duplex {
  const [near, far] = duplexPair();
  server.accept(far);
  return near;
}

interface Upgrade {
  readonly body: string;
  readonly input?: string;
  /** Without the headers that ask for the raw connection; ends at the answer's head. */
  readonly plain?: boolean;
  readonly method?: "GET";
  readonly when?: (text: string, write: (text: string) => void) => Promise<void>;
}

/** A client that writes bytes itself: what goes over the wire is what is written here. */
function upgrade(
  path: string,
  target: string,
  options: Upgrade,
): Promise<{ readonly head: string; readonly bytes: Buffer }> {
  const { body, input, plain = false, when, method = "POST" } = options;
  const ask = plain ? "" : "Connection: Upgrade\r\nUpgrade: tcp\r\n";
  const client = net.connect({ path, allowHalfOpen: true });
  client.write(
    `${method} ${target} HTTP/1.1\r\nHost: docker\r\n${ask}Content-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  if (input !== undefined) client.end(input);
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const finish = (): void => {
      const at = received.indexOf("\r\n\r\n");
      client.destroy();
      const head = received.subarray(0, at).toString();
      resolve({ head, bytes: received.subarray(at + 4) });
    };
    client.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const at = received.indexOf("\r\n\r\n");
      if (plain && at > 0 && (method === "POST" || received.length > at + 4)) finish();
      when?.(received.toString(), (text) => client.write(text)).catch(reject);
    });
    client.on("end", finish);
    client.on("error", reject);
  });
}

function frames(bytes: Buffer): readonly (readonly [number, string])[] {
  const found: [number, string][] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    found.push([bytes[at] ?? 0, bytes.subarray(at + 8, at + 8 + length).toString()]);
    at += 8 + length;
  }
  return found;
}
