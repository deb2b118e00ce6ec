/** The Engine API's view of a manager: `ManagerPort` over `Manager` and the real network. */
import type { Duplex } from "node:stream";
import { nodeId, raftId } from "@skein/common/ids";
import type { Clock } from "@skein/common/io/clock";
import type { Link } from "@skein/common/io/network";
import type { Random } from "@skein/common/io/random";
import type { NodeConfig } from "@skein/common/model/node-config";
import type { JsonLog } from "@skein/common/node/json-log";
import { dialDuplex } from "@skein/common/node/link-duplex";
import type { MetricsRegistry } from "@skein/common/node/metrics";
import type { TlsNetwork } from "@skein/common/node/tls-network";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { decode, encode } from "@skein/common/wire/codec";
import type { LogMessage, LogRequest } from "@skein/common/wire/log-messages";
import { logMessageSchema } from "@skein/common/wire/log-messages";
import type { MemberFacts } from "../control/cluster-status.ts";
import { PEER_REACHABLE_MS } from "../limits.ts";
import type { ManagerPort, PortStatus } from "./api/port.ts";
import type { Manager } from "./manager.ts";
import { checkPort } from "./port-check.ts";

export interface ManagerPortOptions {
  readonly config: NodeConfig;
  readonly manager: Manager;
  readonly network: TlsNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: JsonLog;
  readonly metrics: MetricsRegistry;
}

export function createManagerPort(options: ManagerPortOptions): ManagerPort {
  const { config, manager, network, clock, random, log, metrics } = options;
  return {
    config,
    view: manager.view,
    log,
    metrics,
    status: () => portStatus(config, manager),
    isLeader: () => manager.ready,
    leaderId: () => manager.leader?.nodeId,
    linearize: () => new Promise((resolve) => manager.linearize(resolve)),
    propose: (command, request) =>
      new Promise((resolve) => manager.propose(command, request, resolve)),
    dialLeader: () => dialLeader(manager, network),
    dialNode: (node) => dialNode(manager, network, node),
    dialCalls: (receiver) => {
      const { leader } = manager;
      if (leader === undefined) return undefined;
      const { address } = leader;
      const expect = nodeId(leader.nodeId);
      return network.dial({ address, path: "/calls", expect }, receiver);
    },
    workerLogs: (node, request, onMessage, onEnd) =>
      workerLogs(options, { node, request, onMessage, onEnd }),
    newId: () => random.id(),
    wall: () => clock.wall(),
    metricsText: () => {
      manager.report();
      return metrics.text();
    },
    checkPort: (port) => checkPort(config, port),
    answered: (request) => manager.store.requests.answer(request),
    snapshot: () => manager.store.snapshotSlices(),
    changes: () => manager.store.changes(),
    storeNow: () => manager.storeNow(),
    watch: (onChange) => ({ cancel: manager.store.onChange(onChange) }),
  };
}

function portStatus(config: NodeConfig, manager: Manager): PortStatus {
  const { raft, leader, ready, applied } = manager.status();
  const members = membersOf(config, manager);
  const reachable = new Map(members.map((member) => [member.nodeId, member.answers]));
  const voters = members.filter((member) => member.voter);
  const contact = voters.filter((member) => member.answers).length;
  const name =
    leader === undefined ? undefined : manager.view.nodes.get(nodeId(leader.nodeId))?.description;
  const base = {
    role: raft.role,
    term: raft.term,
    ready,
    reachable,
    members,
    quorum: { voters: voters.length, contact },
    commit: raft.commit,
    applied,
  };
  if (leader === undefined) return base;
  const named = name === undefined ? leader : { ...leader, name: name.hostname };
  return { ...base, leader: named };
}

/** A leader knows who answers; another manager knows whom it has a link to, and since when not. */
function membersOf(config: NodeConfig, manager: Manager): readonly MemberFacts[] {
  const { raft, linked, awayMs } = manager.status();
  const { addresses, voters } = raft.configuration;
  return Object.entries(addresses).map(([key, member]) => {
    const id = raftId(key);
    const peer = raft.leading?.peers.find((one) => one.id === key);
    const heard = peer?.contactAgeMs !== undefined && peer.contactAgeMs < PEER_REACHABLE_MS;
    const isOwn = member.nodeId === config.nodeId;
    const answers = isOwn || (raft.leading === undefined ? linked.includes(id) : heard);
    const { nodeId: node, address } = member;
    const base = { raftId: key, nodeId: node, address, voter: voters.includes(id), answers };
    const silentMs = awayMs.get(id) ?? peer?.contactAgeMs;
    return answers || silentMs === undefined ? base : { ...base, silentMs };
  });
}

/**
 * Resolves once the stream is open, so that a dead leader is known before a request is spent on it.
 */
function dialLeader(manager: Manager, network: TlsNetwork): Promise<Duplex | undefined> {
  const { leader } = manager;
  if (leader === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const target = {
      address: leader.address,
      path: "/api",
      expect: nodeId(leader.nodeId),
    } as const;
    const stream = dialDuplex(network, target, () => {
      stream.removeListener("error", failed);
      resolve(stream);
    });
    const failed = (): void => resolve(undefined);
    stream.once("error", failed);
  });
}

/** Resolves once the stream is open, so that the client hears why a node cannot be asked. */
function dialNode(
  manager: Manager,
  network: TlsNetwork,
  id: string,
): Promise<Result<Duplex, string>> {
  const node = manager.view.nodes.get(nodeId(id));
  if (node === undefined) return Promise.resolve(fail(`node ${id} is not known`));
  const address = node.description.controlAddress;
  return new Promise((resolve) => {
    const stream = dialDuplex(network, { address, path: "/node", expect: node.id }, () => {
      stream.removeListener("error", failed);
      resolve(ok(stream));
    });
    const failed = (error: Error): void => resolve(fail(error.message));
    stream.once("error", failed);
  });
}

interface LogDial {
  readonly node: string;
  readonly request: LogRequest;
  readonly onMessage: (message: LogMessage) => void;
  readonly onEnd: (reason: string) => void;
}

function workerLogs(options: ManagerPortOptions, dial: LogDial): { cancel(): void } {
  const { manager, network, metrics } = options;
  const node = manager.view.nodes.get(nodeId(dial.node));
  if (node === undefined) {
    dial.onEnd(`node ${dial.node} is not known`);
    return { cancel: () => undefined };
  }
  let open: Link | undefined;
  const address = node.description.controlAddress;
  const attempt = network.dial(
    { address, path: "/logs", expect: node.id },
    {
      opened: (link) => {
        open = link;
        link.send(encode(dial.request));
      },
      message: (bytes) => {
        const message = decode(logMessageSchema, bytes);
        if (message.ok) dial.onMessage(message.value);
        else metrics.count("skein_frames_refused_total", 1, { path: "/logs" });
      },
      closed: (end) => dial.onEnd(end.reason),
    },
  );
  return {
    cancel: () => {
      attempt.cancel();
      open?.close("no longer wanted");
    },
  };
}
