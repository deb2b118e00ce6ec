/**
 * The node's gossip member over its ports: runs the machine, keeps its links and its notes, and
 * puts what it knows and what the leader says into one serving table.
 */
import { unreachable } from "@skein/common/assert";
import type { Gossip } from "@skein/common/gossip/gossip";
import { createGossip } from "@skein/common/gossip/gossip";
import { memberFact } from "@skein/common/gossip/member-facts";
import type { Evidence, GossipEffect, GossipInput } from "@skein/common/gossip/protocol";
import { MEMBERS_OWNER, ROUTES_OWNER, STORE_OWNERS } from "@skein/common/gossip/protocol";
import { Driver } from "@skein/common/host/driver";
import type { NodeId } from "@skein/common/ids";
import { nodeId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Disk } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Accept, Network } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { ServiceRoute } from "@skein/common/model/routes";
import type { Instant } from "@skein/common/time";
import type { ToWorker } from "@skein/common/wire/dispatch-messages";
import type { FromDataPlane, ToDataPlane } from "../dataplane/protocol.ts";
import type { EndpointWrite } from "../discovery/endpoints.ts";
import { OwnEndpoints } from "../discovery/endpoints.ts";
import { gossipStatus } from "../discovery/gossip-status.ts";
import { routeFact, ServingTable } from "../discovery/serving-table.ts";
import { GossipLinks } from "./gossip-links.ts";
import type { GossipNotes } from "./gossip-notes.ts";
import { GossipNotesFile } from "./gossip-notes.ts";

export interface GossipHostPorts {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface GossipListener {
  /** This member's own judgement of another. */
  verdict(nodeId: NodeId, evidence: Evidence): void;
  /** The table to serve from now on. */
  routes(routes: readonly ServiceRoute[]): void;
  /** A leader's session is live. */
  isConnected(): boolean;
}

export type StoreMessage = Extract<ToWorker, { readonly kind: "members" | "routes" }>;

export class GossipHost {
  readonly #ports: GossipHostPorts;
  readonly #listener: GossipListener;
  readonly #links: GossipLinks;
  readonly #notes: GossipNotesFile;
  readonly #table = new ServingTable();
  readonly #endpoints = new OwnEndpoints();
  readonly gossip: Gossip;
  readonly #driver: Driver<GossipInput, GossipEffect>;
  readonly #startedAt: Instant;
  #toldIndex = 0;

  constructor(ports: GossipHostPorts, listener: GossipListener) {
    this.#ports = ports;
    this.#listener = listener;
    const { config, clock, random } = ports;
    this.#links = new GossipLinks(ports, (input) => this.#driver.submit(input));
    this.#notes = new GossipNotesFile(ports, () => this.#look());
    const [self, epoch, now] = [config.nodeId, Math.max(1, clock.wall()), clock.now()];
    this.#startedAt = now;
    this.gossip = createGossip({ self, epoch, now, random });
    const host = {
      timing: () => "now" as const,
      perform: (effect: GossipEffect) => this.#perform(effect),
    };
    this.#driver = new Driver(this.gossip, host, clock);
  }

  get accept(): Accept {
    return this.#links.accept;
  }

  /** Takes up what a former process noted, and begins to dial. */
  start(): void {
    const { config } = this.#ports;
    this.#write({ key: "node", value: JSON.stringify([config.name, config.role]) });
    this.#notes.read((notes) => {
      for (const { owner, index, values } of notes?.owners ?? []) {
        const put = values.map(([key, value]) => ({ key, value }));
        const told = { kind: "store", complete: true, put, remove: [] } as const;
        this.#driver.submit({ ...told, owner: nodeId(owner), index });
      }
    });
  }

  /** The leader's word for gossip. */
  learn(message: StoreMessage): void {
    const { complete, index, kind } = message;
    if (index === undefined) return; // A leader of before gossip.
    const base = { kind: "store", complete, index } as const;
    if (kind === "members") {
      const put = message.put.map(({ nodeId: id, ...facts }) => memberFact(id, facts));
      this.#driver.submit({ ...base, owner: MEMBERS_OWNER, put, remove: message.remove });
      return;
    }
    this.#toldIndex = index;
    const put = message.put.map(routeFact);
    this.#driver.submit({ ...base, owner: ROUTES_OWNER, put, remove: message.remove });
  }

  /** What the agent tells the data plane; true when it is dealt with here. */
  told(message: ToDataPlane): boolean {
    for (const write of this.#endpoints.told(message)) this.#write(write);
    if (message.kind !== "routes") return false;
    this.#table.told(message.routes, this.#toldIndex);
    this.#serve();
    return true;
  }

  heard(message: FromDataPlane): void {
    for (const write of this.#endpoints.heard(message)) this.#write(write);
  }

  /** A planned end: the others need not find out. */
  leave(): void {
    this.#driver.submit({ kind: "leave" });
  }

  bytesSent(): number {
    return this.#links.bytesSent;
  }

  status(): object {
    const { traffic: messages, bytesSent: sent, bytesReceived: received } = this.#links;
    const now = this.#ports.clock.now();
    const figures = { messages, bytes: { sent, received }, sinceMs: now - this.#startedAt };
    return gossipStatus(this.gossip, now, figures);
  }

  report(): void {
    const { metrics } = this.#ports;
    const { members, detector, verdicts, links } = this.gossip.inspect();
    const states = { alive: 0, suspect: 0, dead: 0 };
    for (const { state } of members.list()) states[state] += 1;
    for (const [state, count] of Object.entries(states)) {
      metrics.gauge("skein_gossip_members", count, { state });
    }
    metrics.gauge("skein_gossip_health", detector.health());
    metrics.gauge("skein_gossip_isolated", verdicts.isIsolated() ? 1 : 0);
    metrics.gauge("skein_gossip_links", links.openCount());
  }

  close(): void {
    this.#driver.close();
    this.#notes.close();
    this.#links.closeAll("the worker ends");
  }

  #perform(effect: GossipEffect): void {
    switch (effect.kind) {
      case "dial":
        return this.#links.dial(effect.link, effect.nodeId, effect.address);
      case "send":
        return this.#links.send(effect.link, effect.message);
      case "close":
        return this.#links.close(effect.link, effect.reason);
      case "changed":
        if (effect.owners.some((owner) => STORE_OWNERS.includes(owner))) this.#notes.changed();
        return this.#serve();
      case "verdict":
        return this.#listener.verdict(effect.nodeId, effect.evidence);
      case "note":
        return this.#ports.log.write(effect.level, effect.message, effect.fields);
      case "count":
        return this.#ports.metrics.count(effect.name);
      default:
        return unreachable(effect);
    }
  }

  #serve(): void {
    const isConnected = this.#listener.isConnected();
    const routes = this.#table.next(this.gossip, isConnected);
    if (routes !== undefined) this.#listener.routes(routes);
    const named = this.#table.named(this.gossip, isConnected, this.#ports.config.nodeId);
    if (named === undefined) return;
    for (const write of this.#endpoints.named(named)) this.#write(write);
  }

  #write({ key, value }: EndpointWrite): void {
    this.#driver.submit({ kind: "write", key, ...(value === undefined ? {} : { value }) });
  }

  #look(): GossipNotes {
    const { spaces } = this.gossip.inspect();
    const owners = STORE_OWNERS.map((owner) => {
      const values = spaces.values(owner).map(([key, value]): [string, string] => [key, value]);
      return { owner, index: spaces.version(owner)[2], values };
    });
    return { owners };
  }
}
