/**
 * What the contract suite cannot ask of every network: certificates, hostile peers, half-open
 * sockets.
 */

import { request } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { expect } from "chai";
import { WebSocket } from "ws";
import { clusterId, nodeId } from "../ids.ts";
import type { Clock, Timer } from "../io/clock.ts";
import { silentLog } from "../io/log.ts";
import type { Link, LinkEnd, LinkReceiver, PeerIdentity } from "../io/network.ts";
import { HANDSHAKES_MAX, LINK_SILENCE_MAX_MS, MESSAGE_BYTES_MAX } from "../limits.ts";
import { instant, wallTime } from "../time.ts";
import type { Authority } from "./certificates.ts";
import { createAuthority, issueNodeCertificate, NODE_CERTIFICATE_LIFE_MS } from "./certificates.ts";
import type { NodeIdentity } from "./identity.ts";
import { createMetrics } from "./metrics.ts";
import { systemClock } from "./system-clock.ts";
import type { TlsNetwork, TlsNetworkOptions } from "./tls-network.ts";
import { createTlsNetwork } from "./tls-network.ts";

const CLUSTER = clusterId("cluster1");
const clock = systemClock();

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

/** Moves only when told, so that ten seconds of silence take none. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly what: () => void }>();
  now = () => instant(this.#now);
  wall = () => wallTime(Date.now());
  after(delayMs: number, what: () => void): Timer {
    const timer = { at: this.#now + delayMs, what };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#timers]) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.what();
    }
  }
}

function issue(authority: Authority, id: string, more: { wall?: number; role?: "worker" } = {}) {
  return issueNodeCertificate(authority, {
    nodeId: nodeId(id),
    role: more.role ?? "manager",
    clusterId: CLUSTER,
    addresses: ["127.0.0.1"],
    now: wallTime(more.wall ?? clock.wall()),
  });
}

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = clock.now() + 4000;
  while (!done()) {
    if (clock.now() > deadline) throw new Error(`not within 4 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("createTlsNetwork", function () {
  this.timeout(10_000);
  const networks: TlsNetwork[] = [];
  const metrics = createMetrics();
  let authority: Authority;
  let foreign: Authority;
  let server: Recorder;
  let serverNetwork: TlsNetwork;
  let address: string;
  let port: number;

  const open = (identity: NodeIdentity, more: Partial<TlsNetworkOptions> = {}) => {
    const network = createTlsNetwork({ identity, clock, log: silentLog, metrics, ...more });
    networks.push(network);
    return network;
  };
  const dial = async (network: TlsNetwork) => {
    const client = new Recorder();
    network.dial({ address, path: "/raft" }, client);
    await until("an answer", () => client.link !== undefined || client.ends.length > 0);
    return client;
  };
  const refusals = (cause: string) => {
    const line = new RegExp(`^skein_link_refusals_total\\{cause="${cause}"\\} (\\d+)$`, "m");
    return Number(line.exec(metrics.text())?.[1] ?? 0);
  };

  before(async () => {
    authority = await createAuthority({ clusterId: CLUSTER, now: clock.wall() });
    foreign = await createAuthority({ clusterId: CLUSTER, now: clock.wall() });
  });
  beforeEach(async () => {
    server = new Recorder();
    serverNetwork = open(await issue(authority, "server"));
    let ready = false;
    const listener = serverNetwork.listen("127.0.0.1:0", { "/raft": () => server }, () => {
      ready = true;
    });
    await until("listening", () => ready);
    port = listener.port();
    address = `127.0.0.1:${port}`;
  });
  afterEach(() => {
    for (const network of networks.splice(0)) network.close("the test is over");
  });

  const rawTls = (identity: NodeIdentity, session?: Buffer): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({
        ...{ host: "127.0.0.1", port, rejectUnauthorized: false },
        cert: identity.certificatePem,
        key: identity.privateKeyPem,
        ...(session === undefined ? {} : { session }),
      });
      socket.once("secureConnect", () => resolve(socket));
      socket.once("error", reject);
    });
  const upgrade = "GET /raft HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  const ask = (socket: TLSSocket, head: string): Promise<string> =>
    new Promise((resolve) => {
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("\r\n\r\n")) resolve(text);
      });
      socket.on("error", (error) => resolve(String(error)));
      socket.on("close", () => resolve(text));
      socket.write(head);
    });
  const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n";

  it("resumes sessions and still knows the peer", async () => {
    const network = open(await issue(authority, "client"));
    const peers: (PeerIdentity | undefined)[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const client = await dial(network);
      client.link?.send(Uint8Array.of(turn));
      await until("the message", () => server.got.length === turn + 1);
      peers.push(client.link?.peer, server.link?.peer);
      client.link?.close("next");
    }
    expect(peers.map((peer) => peer?.nodeId)).to.deep.equal([
      ...["server", "client", "server", "client", "server", "client"],
    ]);
    expect(metrics.text()).to.match(/skein_dials_total\{handshake="resumed"\} 2/);
  });

  it("refuses a forged certificate, also when it comes back with a session", async () => {
    const forged = await issue(foreign, "server");
    const first = await rawTls(forged);
    let session: Buffer | undefined;
    first.on("session", (ticket) => {
      session = ticket;
    });
    const refused = "Cannot trust the client certificate";
    const head = `${upgrade}${key}x-skein-protocol: 1\r\n\r\n`;
    expect(await ask(first, head))
      .to.match(/^HTTP\/1.1 403/)
      .and.contain(refused);
    await until("a session", () => session !== undefined);
    const second = await rawTls(forged, session);
    expect(second.isSessionReused()).to.equal(true);
    expect(await ask(second, head)).to.match(/^HTTP\/1.1 403/);
    expect(server.link).to.equal(undefined);
    expect(refusals("certificate")).to.equal(2);
    first.destroy();
    second.destroy();
  });

  it("refuses a client without a certificate, also for a plain request", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const plain = request({ host: "127.0.0.1", port, rejectUnauthorized: false }, (response) => {
        resolve(response.statusCode);
        response.resume();
      });
      plain.on("error", reject);
      plain.end();
    });
    expect(status).to.equal(403);
  });

  it("does not dial into a node that our root did not sign", async () => {
    const client = await dial(open(await issue(foreign, "client")));
    expect(client.ends.map((end) => end.kind)).to.deep.equal(["forbidden"]);
  });

  it("says that a certificate has expired", async () => {
    const wall = clock.wall() - NODE_CERTIFICATE_LIFE_MS - 1000;
    const client = await dial(open(await issue(authority, "client", { wall })));
    expect(client.ends).to.deep.equal([
      { kind: "forbidden", reason: "Cannot trust the client certificate: CERT_HAS_EXPIRED." },
    ]);
  });

  it("refuses another protocol version and says which it wants", async () => {
    const client = await dial(open(await issue(authority, "client"), { protocol: 2 }));
    expect(client.ends).to.deep.equal([
      { kind: "version", reason: "This node speaks protocol 1, not 2." },
    ]);
  });

  it("answers a malformed upgrade and lives on", async () => {
    const identity = await issue(authority, "client");
    const heads = [
      `${upgrade.replace("/raft", "//")}${key}x-skein-protocol: 1\r\n\r\n`,
      `${upgrade.replace("/raft", "/constructor")}${key}x-skein-protocol: 1\r\n\r\n`,
      `${upgrade}x-skein-protocol: 1\r\n\r\n`,
      `${upgrade}${key}\r\n`,
      "\u0000\u0001\r\n\r\n",
    ];
    const answers: string[] = [];
    for (const head of heads) {
      const socket = await rawTls(identity);
      answers.push((await ask(socket, head)).slice(9, 12));
      socket.destroy();
    }
    expect(answers).to.deep.equal(["404", "404", "400", "426", "400"]);
    expect((await dial(open(identity))).link).not.to.equal(undefined);
  });

  const hostile: readonly { readonly name: string; readonly data: string | Uint8Array }[] = [
    { name: "a text message", data: "hello" },
    { name: "a message over the limit", data: new Uint8Array(MESSAGE_BYTES_MAX + 1) },
  ];
  for (const { name, data } of hostile) {
    it(`ends a link that carries ${name}`, async () => {
      const identity = await issue(authority, "client");
      const ws = new WebSocket(`wss://${address}/raft`, {
        ...{ cert: identity.certificatePem, key: identity.privateKeyPem, ca: identity.caPem },
        headers: { "x-skein-protocol": "1" },
        rejectUnauthorized: false,
      });
      ws.on("error", () => undefined);
      ws.on("open", () => ws.send(data));
      await until("an end", () => server.ends.length > 0);
      expect(server.ends.map((end) => end.kind)).to.deep.equal(["protocol"]);
      expect(server.got).to.deep.equal([]);
      ws.terminate();
    });
  }

  it("bounds connections that show no certificate", async () => {
    const sockets: Socket[] = [];
    let closed = 0;
    for (let count = 0; count < HANDSHAKES_MAX + 20; count += 1) {
      const socket = connectTcp(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("close", () => {
        closed += 1;
      });
      socket.resume();
      sockets.push(socket);
    }
    await until("refusals", () => refusals("handshakes-full") >= 20);
    for (const socket of sockets) socket.destroy();
    await until("closed", () => closed === sockets.length);
    await until("room", () => serverNetwork.linkCount() === 0);
    expect((await dial(open(await issue(authority, "client")))).link).not.to.equal(undefined);
  });

  it("ends a half-open link after ten silent seconds, and no healthy one", async () => {
    const hand = new HandClock();
    const network = open(await issue(authority, "client"), { clock: hand });
    const client = await dial(network);
    const second = async () => {
      hand.advance(1000);
      await new Promise((resolve) => setTimeout(resolve, 4));
    };
    for (let turn = 0; turn < 40; turn += 1) await second();
    expect(client.ends).to.deep.equal([]);
    hand.advance(60_000); // This process itself stood still.
    expect(client.ends).to.deep.equal([]);
    for (let turn = 0; turn < 5; turn += 1) await second();
    // As if the wire were cut at the other side: its kernel takes our pings, nobody answers.
    serverNetwork.setCut(["127.0.0.1"]);
    for (let turn = 0; turn < LINK_SILENCE_MAX_MS / 1000 + 2; turn += 1) await second();
    expect(client.ends.map((end) => end.kind)).to.deep.equal(["timeout"]);
  });

  it("cut one way, holds what comes and lets go what is sent, until it is healed", async () => {
    const client = await dial(open(await issue(authority, "client")));
    serverNetwork.setCut([], ["127.0.0.1"]);
    client.link?.send(Uint8Array.of(1));
    server.link?.send(Uint8Array.of(2));
    await until("the way that is whole", () => client.got.length === 1);
    const late = new Recorder();
    open(await issue(authority, "late")).dial({ address, path: "/raft" }, late);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.got).to.deep.equal([]);
    expect([late.link, late.ends.length]).to.deep.equal([undefined, 0]);
    serverNetwork.setCut([]);
    await until("what was held", () => server.got.length === 1);
    expect(client.ends).to.deep.equal([]);
  });

  it("shows a renewed identity to new links", async () => {
    const network = open(await issue(authority, "client", { role: "worker" }));
    const before = await dial(network);
    expect(server.link?.peer.role).to.equal("worker");
    before.link?.close("renewed");
    network.setIdentity(await issue(authority, "client"));
    serverNetwork.setIdentity(await issue(authority, "server", { role: "worker" }));
    const after = await dial(network);
    expect(server.link?.peer.role).to.equal("manager");
    expect(after.link?.peer.role).to.equal("worker");
  });
});
