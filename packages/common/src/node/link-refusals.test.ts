/**
 * Who does not belong to the cluster, seen from the wire: what it gets, that it is counted, and
 * that a node that does belong is served all the while.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { expect } from "chai";
import { clusterId, nodeId } from "../ids.ts";
import { silentLog } from "../io/log.ts";
import type { Link, LinkEnd, LinkReceiver } from "../io/network.ts";
import { DIAL_TIMEOUT_MS } from "../limits.ts";
import { wallTime } from "../time.ts";
import type { Authority, NodeCertificateRequest } from "./certificates.ts";
import { createAuthority, issueNodeCertificate } from "./certificates.ts";
import type { NodeIdentity } from "./identity.ts";
import { createMetrics } from "./metrics.ts";
import { systemClock } from "./system-clock.ts";
import type { TlsNetwork } from "./tls-network.ts";
import { createTlsNetwork } from "./tls-network.ts";

const CLUSTER = clusterId("cluster1");
const HOUR_MS = 60 * 60 * 1000;
const clock = systemClock();
const UPGRADE =
  "GET /raft HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n" +
  "x-skein-protocol: 1\r\n\r\n";

/** A masked binary frame's head that announces `length` bytes. */
function frameHead(length: number): Buffer {
  const head = Buffer.alloc(14);
  head.writeUInt16BE(0x82_ff, 0);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

class Recorder implements LinkReceiver {
  link: Link | undefined;
  readonly got: Uint8Array[] = [];
  readonly ends: LinkEnd[] = [];
  opened(link: Link): void {
    this.link = link;
  }
  message(bytes: Uint8Array): void {
    this.got.push(bytes);
  }
  closed(end: LinkEnd): void {
    this.ends.push(end);
  }
}

async function until(what: string, done: () => boolean, limitMs = 8000): Promise<void> {
  const deadline = clock.now() + limitMs;
  while (!done()) {
    if (clock.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

interface Hostile {
  readonly name: string;
  readonly bytes: Buffer;
  /** The connection ends with it. */
  readonly end?: true;
}

describe("who does not belong", function () {
  this.timeout(30_000);
  const metrics = createMetrics();
  const networks: TlsNetwork[] = [];
  const sockets: Socket[] = [];
  let authority: Authority;
  let server: TlsNetwork;
  let received: Recorder;
  let port = 0;

  const issue = (id: string, more: Partial<NodeCertificateRequest> = {}, by = authority) =>
    issueNodeCertificate(by, {
      ...{ nodeId: nodeId(id), role: "manager", clusterId: CLUSTER, addresses: ["127.0.0.1"] },
      now: clock.wall(),
      ...more,
    });
  const counted = (name: string, label: string): number => {
    const line = new RegExp(`^${name}\\{${label}\\} (\\d+)$`, "m");
    return Number(line.exec(metrics.text())?.[1] ?? 0);
  };
  const refusals = (cause: string) => counted("skein_link_refusals_total", `cause="${cause}"`);
  const dial = async (identity: NodeIdentity): Promise<Recorder> => {
    const network = createTlsNetwork({ identity, clock, log: silentLog, metrics });
    networks.push(network);
    const client = new Recorder();
    network.dial({ address: `127.0.0.1:${port}`, path: "/raft" }, client);
    await until("an answer", () => client.link !== undefined || client.ends.length > 0);
    return client;
  };
  const tcp = (): Socket => {
    const socket = connectTcp(port, "127.0.0.1");
    socket.on("error", () => undefined);
    sockets.push(socket);
    return socket;
  };
  const tls = (identity: NodeIdentity, more: ConnectionOptions = {}) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const { certificatePem: cert, privateKeyPem: key } = identity;
      const to = { host: "127.0.0.1", port, rejectUnauthorized: false };
      const socket = connectTls({ ...to, cert, key, ...more });
      sockets.push(socket);
      socket.once("secureConnect", () => resolve(socket));
      socket.on("error", reject);
    });
  /** A link by hand, so that what is said on it can be anything. */
  const link = async (): Promise<TLSSocket> => {
    const socket = await tls(await issue("client"));
    socket.on("error", () => undefined);
    socket.write(UPGRADE);
    await until("a link", () => received.link !== undefined);
    return socket;
  };

  before(async () => {
    authority = await createAuthority({ clusterId: CLUSTER, now: clock.wall() });
  });
  beforeEach(async () => {
    received = new Recorder();
    server = createTlsNetwork({
      ...{ identity: await issue("server"), clock, log: silentLog, metrics },
    });
    let ready = false;
    const listener = server.listen("127.0.0.1:0", { "/raft": () => received }, () => {
      ready = true;
    });
    await until("listening", () => ready);
    port = listener.port();
  });
  afterEach("who belongs is served", async () => {
    received = new Recorder();
    expect((await dial(await issue("friend"))).link).not.to.equal(undefined);
    for (const network of [server, ...networks.splice(0)]) network.close("the test is over");
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it("a certificate that is not valid yet", async () => {
    const before = refusals("certificate");
    const { ends } = await dial(
      await issue("early", { now: wallTime(clock.wall() + 2 * HOUR_MS) }),
    );
    expect(ends).to.deep.equal([
      { kind: "forbidden", reason: "Cannot trust the client certificate: CERT_NOT_YET_VALID." },
    ]);
    expect(refusals("certificate")).to.equal(before + 1);
  });

  it("a certificate of another cluster, of its own root or of ours", async () => {
    const other = clusterId("cluster2");
    const foreign = await createAuthority({ clusterId: other, now: clock.wall() });
    const strange = await issue("stranger", { clusterId: other }, foreign);
    const socket = await tls(strange);
    socket.write(UPGRADE);
    const said = await new Promise((resolve) => socket.once("data", resolve));
    expect(String(said)).to.match(/^HTTP\/1.1 403 .*\r\n[^]*Cannot trust the client certificate/);
    const before = refusals("cluster");
    const ours = await tls(await issue("stranger", { clusterId: other }));
    ours.write(UPGRADE);
    const answer = await new Promise((resolve) => ours.once("data", resolve));
    expect(String(answer)).to.include("belongs to cluster cluster1, not cluster2");
    expect(refusals("cluster")).to.equal(before + 1);
  });

  it("a removed node: its link ends at once, and a manager who says why is believed", async () => {
    const client = await dial(await issue("gone"));
    expect(client.link).not.to.equal(undefined);
    server.setStanding({ removed: new Set(["gone"]), demoted: new Set() });
    await until("the end", () => client.ends.length > 0 && received.ends.length > 0);
    const reason = "Node gone was removed from the cluster.";
    const again = await dial(await issue("gone"));
    expect(again.ends).to.deep.equal([{ kind: "forbidden", reason, cause: "removed" }]);
    expect(refusals("removed")).to.equal(1);
    server.setIdentity(await issue("server", { role: "worker" }));
    const byWorker = await dial(await issue("gone"));
    expect(byWorker.ends).to.deep.equal([{ kind: "forbidden", reason }]);
  });

  it("one that speaks no TLS, or an old one", async () => {
    const before = refusals("handshake");
    const plain = tcp();
    plain.write(UPGRADE);
    await until("the end of the plain one", () => plain.closed);
    expect(plain.bytesRead, "an alert at most").to.be.below(64);
    const old = await tls(await issue("client"), { maxVersion: "TLSv1.2" }).then(
      () => "a handshake",
      (error: Error) => error.message,
    );
    expect(old).to.match(/version/);
    await until("both are counted", () => refusals("handshake") === before + 2);
  });

  const half = Buffer.concat([frameHead(1000), Buffer.alloc(10)]);
  const frames: readonly Hostile[] = [
    { name: "noise", bytes: Buffer.alloc(512, 0xf7) },
    { name: "a frame of 1 GiB, announced", bytes: frameHead(2 ** 30) },
    { name: "a frame of 2^63 bytes", bytes: Buffer.from("82ff8000000000000000", "hex") },
    { name: "a frame that is not masked", bytes: Buffer.from("820161", "hex") },
    { name: "half a frame", bytes: half, end: true },
  ];
  for (const { name, bytes, end } of frames) {
    it(`${name}, on a link: it ends, and nothing was read`, async () => {
      const count = () =>
        ["protocol", "closed"].reduce(
          (sum, kind) => sum + counted("skein_links_closed_total", `kind="${kind}"`),
          0,
        );
      const socket = await link();
      const before = { count: count(), memory: process.memoryUsage().rss };
      if (end === true) socket.end(bytes);
      else socket.write(bytes);
      await until("the end", () => received.ends.length > 0);
      expect(received.ends[0]?.kind).to.equal(end === true ? "closed" : "protocol");
      expect(received.got).to.deep.equal([]);
      expect(count()).to.be.above(before.count);
      expect(process.memoryUsage().rss - before.memory).to.be.below(200 * 1024 * 1024);
    });
  }

  it("connections that say nothing: they are cut, before a handshake and after it", async () => {
    const silent = tcp();
    const polite = await tls(await issue("client"));
    polite.on("error", () => undefined);
    polite.resume();
    silent.resume();
    const since = clock.now();
    await until("both are cut", () => silent.closed && polite.closed);
    expect(clock.now() - since).to.be.below(2 * DIAL_TIMEOUT_MS + 1500);
  });
});
