/**
 * One simulated dial: the packets of a handshake, the listener's judgement, and the two ends of a
 * link.
 */
import { must } from "@skein/common/assert";
import type { Link, LinkEnd, LinkReceiver } from "@skein/common/io/network";
import { DIAL_TIMEOUT_MS } from "@skein/common/limits";
import type { SimProcessClock } from "./sim-clock.ts";
import { SimLink } from "./sim-link.ts";
import type { DialTarget, Endpoint, Service } from "./sim-network.ts";

/** SYN, SYN-ACK, TLS there, back, and the upgrade request: then the listener judges. */
const HANDSHAKE_TRIPS = 5;

export class SimDial {
  readonly #endpoint: Endpoint;
  readonly #target: DialTarget;
  readonly #receiver: LinkReceiver;
  readonly #timer: { cancel(): void };
  #link: SimLink | undefined;
  #done = false;

  constructor(endpoint: Endpoint, target: DialTarget, receiver: LinkReceiver) {
    this.#endpoint = endpoint;
    this.#target = target;
    this.#receiver = receiver;
    const { clock } = endpoint.process;
    const reason = `no answer from ${target.address} within ${DIAL_TIMEOUT_MS} ms`;
    this.#timer = clock.after(DIAL_TIMEOUT_MS, () => this.#fail({ kind: "timeout", reason }));
    clock.deliver(this.#trips(1), () => this.#arrive());
  }

  cancel(): void {
    this.#fail({ kind: "closed", reason: "cancelled" });
    if (this.#link?.isOpen() === true) this.#link.close("cancelled");
  }

  /** The process that was to answer was killed. */
  reset(): void {
    if (this.#silent()) return;
    const end: LinkEnd = { kind: "closed", reason: "the connection was lost while it opened" };
    this.#endpoint.process.clock.deliver(this.#trips(1), () => this.#fail(end));
  }

  #trips(count: number): number {
    let total = 0;
    for (let trip = 0; trip < count; trip += 1) total += this.#endpoint.network.wire.travelMs(0);
    return total;
  }

  #hosts(): readonly [string, string] {
    return [this.#endpoint.process.host, this.#target.address.split(":")[0] ?? ""];
  }

  #silent(): boolean {
    const [own, other] = this.#hosts();
    const { wire } = this.#endpoint.network;
    return wire.isCut(own, other) || wire.isCut(other, own);
  }

  /** The first packet is there. */
  #arrive(): void {
    const { network, process } = this.#endpoint;
    if (this.#done || this.#silent()) return;
    const service = network.services.get(this.#target.address);
    if (service === undefined) {
      const reason = `connect ECONNREFUSED ${this.#target.address}`;
      process.clock.deliver(this.#trips(1), () => this.#fail({ kind: "refused", reason }));
      return;
    }
    const { owner } = service;
    owner.knocking.add(this);
    owner.process.clock.deliver(this.#trips(HANDSHAKE_TRIPS - 1), () => this.#judged(service));
  }

  /** Runs in the listening process. */
  #judged(service: Service): void {
    service.owner.knocking.delete(this);
    if (this.#done || this.#silent()) return;
    const refusal = this.#judge(service);
    if (typeof refusal === "function") return this.#open(service, refusal());
    this.#endpoint.process.clock.deliver(this.#trips(1), () => this.#fail(refusal));
  }

  #judge(service: Service): LinkEnd | (() => LinkReceiver) {
    const dialler = this.#endpoint.process.identity;
    const own = service.owner.process.identity;
    const { path, query } = this.#target;
    if (dialler.clusterId !== own.clusterId) {
      const reason = `This node belongs to cluster ${own.clusterId}, not ${dialler.clusterId}.`;
      return { kind: "forbidden", reason };
    }
    const accept = service.accept[path];
    if (accept === undefined) {
      return { kind: "protocol", reason: `Nothing is served at ${path} here.` };
    }
    const receiver = accept(dialler, new URLSearchParams(query ?? ""));
    return typeof receiver === "string" ? { kind: "forbidden", reason: receiver } : () => receiver;
  }

  #open(service: Service, serverReceiver: LinkReceiver): void {
    const { toClient, serverEnd } = this.#pair(service.owner, serverReceiver);
    toClient.put({ kind: "open" });
    serverEnd.open();
  }

  #pair(server: Endpoint, serverReceiver: LinkReceiver) {
    const [client, network] = [this.#endpoint, this.#endpoint.network];
    let ended = 0;
    const released = (endpoint: Endpoint, end: () => SimLink) => () => {
      endpoint.links.delete(end());
      ended += 1;
      if (ended === 2) network.disconnect([pipes.toServer, pipes.toClient]);
    };
    const clientEnd: SimLink = new SimLink({
      ...this.#half(server, client.process.clock),
      remote: this.#target.address,
      receiver: { ...bound(this.#receiver), opened: (link) => this.#opened(link) },
      out: () => pipes.toServer,
      released: released(client, () => clientEnd),
    });
    const serverEnd: SimLink = new SimLink({
      ...this.#half(client, server.process.clock),
      remote: `${client.process.host}:0`,
      receiver: serverReceiver,
      out: () => pipes.toClient,
      released: released(server, () => serverEnd),
    });
    const pipes = network.connect(
      { ...client.process, arrived: (item) => clientEnd.take(item) },
      { ...server.process, arrived: (item) => serverEnd.take(item) },
    );
    client.links.add(clientEnd);
    server.links.add(serverEnd);
    this.#link = clientEnd;
    return { toClient: pipes.toClient, serverEnd };
  }

  #half(peer: Endpoint, clock: SimProcessClock) {
    const { wire } = this.#endpoint.network;
    const responsive = () => !this.#silent() && peer.process.clock.state() === "running";
    return { peer: peer.process.identity, clock, wire, responsive };
  }

  /** The answer is back at the dialler: it checks who answered. */
  #opened(link: Link): void {
    if (this.#done) return;
    const { expect, expectRole, address } = this.#target;
    const { nodeId, role } = link.peer;
    if (expect !== undefined && expect !== nodeId) {
      this.#misfit(`${address}: node ${nodeId} answers there, not ${expect}`);
    } else if (expectRole !== undefined && expectRole !== role) {
      this.#misfit(`${address}: node ${nodeId} is a ${role}, not a ${expectRole}`);
    } else {
      this.#finish();
      this.#receiver.opened(link);
    }
  }

  #misfit(reason: string): void {
    this.#finish();
    must(this.#link, "the link that opened").fail({ kind: "forbidden", reason });
  }

  #fail(end: LinkEnd): void {
    if (!this.#finish()) return;
    // A link half made ends at both sides; its end is then the dial's.
    if (this.#link !== undefined) this.#link.fail(end);
    else this.#endpoint.process.clock.deliver(0, () => this.#receiver.closed(end));
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#timer.cancel();
    return true;
  }
}

/** The receiver's methods as plain functions: a spread would leave those of a class behind. */
function bound(receiver: LinkReceiver): LinkReceiver {
  return {
    opened: (link) => receiver.opened(link),
    message: (bytes) => receiver.message(bytes),
    closed: (end) => receiver.closed(end),
  };
}
