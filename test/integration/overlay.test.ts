/** Names and virtual addresses of two nodes on one machine, with real sockets and programs. */
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { networkId, serviceId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { systemRandom } from "@skein/common/node/system-random";
import { expect } from "chai";
import { dnsPort } from "../../packages/worker/src/dns/shell/port.ts";
import { until } from "../support/wait.ts";
import {
  BASE_PORT,
  dial,
  makeAuthority,
  makeIdentity,
  NET,
  readAll,
  TestNode,
  TestTask,
} from "./support/dataplane.ts";

const LISTEN = fileURLToPath(new URL("../../packages/worker/preload/listen.cjs", import.meta.url));
/** Of this run alone. */
const VIP = `10.127.${process.pid % 250}.${(process.pid >> 8) % 250}`;
const VIP_HERE = VIP.replace("10.", "127.");
const BACK = networkId("back");
const PORT = BASE_PORT + 700;

describe("overlay networks with real sockets", function () {
  this.timeout(30_000);
  let nodes: readonly TestNode[] = [];
  const tasks: TestTask[] = [];

  before(async () => {
    const authority = await makeAuthority();
    const random = systemRandom();
    const named = ["node-v", "node-w"].map((name) => makeIdentity(authority, name));
    const identities = await Promise.all(named);
    nodes = identities.map((identity, at) => new TestNode(identity, 201 + at, { random }));
    await Promise.all(nodes.map((node) => node.hear("ready")));
  });
  afterEach(() => {
    for (const node of nodes) node.tell({ kind: "routes", routes: [] });
    for (const task of tasks.splice(0)) task.close();
  });
  after(() => {
    for (const node of nodes) node.close();
  });

  async function task(at: number, networks: readonly string[] = ["back"]): Promise<TestTask> {
    const node = nodes[at];
    if (node === undefined) throw new Error("no node");
    const made = new TestTask(node, PORT);
    tasks.push(made);
    await made.serve((socket) => socket.end(made.id));
    made.tell({ targetPorts: [], networks: networks.map(networkId) });
    return made;
  }

  function route(serving: readonly TestTask[]): ServiceRoute {
    const attachment = {
      networkId: BACK,
      network: "back",
      subnet: "10.127.0.0/16",
      aliases: ["db"],
    };
    return {
      serviceId: serviceId("api"),
      name: "api",
      ports: [],
      names: { dnsrr: false, attachments: [{ ...attachment, vip: VIP }], namedPorts: [] },
      backends: serving.map((one, at) => ({
        ...one.backend(),
        // What the agent would realise as the task's own address.
        address: one.hostAddress,
        slot: at + 1,
        networks: [{ networkId: BACK, address: VIP }],
        listens: [PORT],
      })),
    };
  }

  const serve = (...serving: readonly TestTask[]): void => {
    for (const node of nodes) node.tell({ kind: "routes", routes: [route(serving)] });
  };

  const answers = async (): Promise<boolean> => {
    const socket = await dial(VIP_HERE, PORT).catch(() => undefined);
    socket?.destroy();
    return socket !== undefined;
  };

  it("find out where a task listens, and carry its virtual address to tasks anywhere", async () => {
    const both = [await task(0), await task(1)];
    for (const one of both) {
      const { ports } = await one.node.hear("listens", ({ taskId }) => taskId === one.id);
      expect(ports).to.deep.equal([PORT]);
    }
    serve(...both);
    await until(10_000, "the virtual address", answers);
    const heard = new Set<string>();
    for (let turn = 0; turn < 4; turn += 1) heard.add(await readAll(VIP_HERE, PORT));
    expect([...heard].toSorted()).to.deep.equal(both.map(({ id }) => id).toSorted());
  });

  it("try the next task when one does not answer, and refuse when none does", async () => {
    const [good, bad] = [await task(0), await task(1)];
    serve(good, bad);
    await until(10_000, "the virtual address", answers);
    bad.server?.close();
    for (let turn = 0; turn < 6; turn += 1) {
      expect(await readAll(VIP_HERE, PORT)).to.equal(good.id);
    }
    serve();
    await until(10_000, "the socket to close", async () => !(await answers()));
  });

  it("answer names as c-ares asks, over UDP and, when long, over TCP", async () => {
    const one = await task(0);
    const [node] = nodes;
    serve(one);
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers([`${node?.address}:${dnsPort()}`]);
    expect(await resolver.resolve4("api")).to.deep.equal([VIP_HERE]);
    expect(await resolver.resolve4("db.skein.internal", { ttl: true })).to.deep.equal([
      { address: VIP_HERE, ttl: 5 },
    ]);
    expect(await resolver.resolve4("tasks.api")).to.deep.equal([one.hostAddress]);
    expect(await resolver.resolveSrv(`_${PORT}._tcp.api`)).to.deep.equal([
      { name: "1.api.skein.internal", port: PORT, priority: 0, weight: 0 },
    ]);
    const code = (name: string, type: string) =>
      resolver.resolve(name, type).then(
        () => "found",
        (error: NodeJS.ErrnoException) => error.code,
      );
    expect(await code("api", "AAAA")).to.equal("ENODATA");
    expect(await code("nope", "A")).to.equal("ENOTFOUND");
    const many = Array.from({ length: 100 }, () => one);
    serve(...many);
    await until(
      10_000,
      "every task",
      async () => (await resolver.resolve4("tasks.api")).length === 100,
    );
  });

  it("answer only who is on the network, known by its address", async () => {
    const [inside, outside] = [await task(0), await task(0, [])];
    serve(inside);
    const [node] = nodes;
    const ask = async (from: TestTask): Promise<number> => {
      const socket = createSocket("udp4");
      socket.bind(0, from.hostAddress);
      await once(socket, "listening");
      const query = Buffer.from(
        "0001010000010000000000000361706900 0001 0001".replaceAll(" ", ""),
        "hex",
      );
      socket.send(query, dnsPort(), node?.address);
      const [answer] = await once(socket, "message");
      socket.close();
      return (answer as Buffer).readUInt16BE(2) & 15;
    };
    await until(10_000, "the name", async () => (await ask(inside)) === 0);
    expect(await ask(outside)).to.equal(3);
  });

  it("just work for Node programs: fetch, net, and dns.lookup in all its forms", async () => {
    const one = await task(0);
    const [node] = nodes;
    const server = createServer((socket) =>
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    );
    server.listen(PORT + 1, one.hostAddress);
    await once(server, "listening");
    try {
      const names = route([one]);
      const listens = [PORT, PORT + 1];
      const backends = names.backends.map((backend) => ({ ...backend, listens }));
      for (const each of nodes) each.tell({ kind: "routes", routes: [{ ...names, backends }] });
      await until(10_000, "the virtual address", answers);
      const script = `
        import dns, { lookup } from "node:dns";
        import { promisify } from "node:util";
        const all = await dns.promises.lookup("api", { all: true });
        const { address } = await promisify(lookup)("API");
        const text = await (await fetch("http://api:${PORT + 1}/")).text();
        const local = (await dns.promises.lookup("localhost", 4)).address;
        const missing = await dns.promises.lookup("nope").catch((error) => error.code);
        console.log(JSON.stringify([all, address, text, local, missing]));`;
      const env = {
        PATH: process.env["PATH"],
        NODE_OPTIONS: `--require "${LISTEN}"`,
        SKEIN_HOST: one.hostAddress,
        SKEIN_DNS: `${node?.address}:${dnsPort()}`,
      };
      const args = ["--input-type=module", "-e", script];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      const [all, address, text, local, missing] = JSON.parse(stdout);
      expect(all).to.deep.equal([{ address: VIP_HERE, family: 4 }]);
      expect([address, text, local]).to.deep.equal([VIP_HERE, "ok", "127.0.0.1"]);
      expect(missing).to.match(/^(ENOTFOUND|EAI_AGAIN)$/);
    } finally {
      server.close();
    }
  });

  it("forward what is not the cluster's, and say so when nobody answers", async () => {
    const [node] = nodes;
    const { Forwarder } = await import("../../packages/worker/src/dns/shell/forwarder.ts");
    const upstream = createSocket("udp4");
    upstream.bind(0, `${NET}.250`);
    await once(upstream, "listening");
    upstream.on("message", (query, from) => {
      const answer = Buffer.from(query);
      answer[2] = 0x81;
      upstream.send(answer, from.port, from.address);
    });
    const target = { address: `${NET}.250`, port: upstream.address().port };
    const query = Buffer.from(
      "beef010000010000000000000161016200 0001 0001".replaceAll(" ", ""),
      "hex",
    );
    const dead = { address: node?.address ?? "", port: 1 };
    const forwarder = new Forwarder([dead, target], systemRandom());
    const answer = await new Promise<Uint8Array | undefined>((resolve) => {
      forwarder.ask(query, 512, resolve);
    });
    expect(
      Buffer.from(answer ?? [])
        .toString("hex")
        .slice(0, 6),
    ).to.equal("beef81");
    const none = new Forwarder([dead], systemRandom());
    const silence = await new Promise((resolve) => none.ask(query, 512, resolve));
    expect(silence).to.equal(undefined);
    upstream.close();
  });
});
