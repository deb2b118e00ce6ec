/** Everything that reads what came over a network, and right frames to begin with. */

import { logIndex } from "@skein/common/ids";
import { rootDigest } from "@skein/common/node/ca-client";
import { linkDuplex } from "@skein/common/node/link-duplex";
import { storeKeyFromJson } from "@skein/common/node/store-key";
import { parseJoinToken } from "@skein/common/trust/join-token";
import {
  caRefusalSchema,
  caRequestSchema,
  issuedSchema,
  joinRequestSchema,
  renewRequestSchema,
} from "@skein/common/wire/ca-messages";
import { decode, encode } from "@skein/common/wire/codec";
import { fromWorkerSchema, toWorkerSchema } from "@skein/common/wire/dispatch-messages";
import { gossipMessageSchema } from "@skein/common/wire/gossip-messages";
import { logMessageSchema, logRequestSchema } from "@skein/common/wire/log-messages";
import { decodeWith } from "@skein/common/wire/schema";
import { decodeGo } from "@skein/manager/control/engine/go-decode";
import { serviceSpecShape } from "@skein/manager/control/engine/service-shape";
import { swarmSpecShape } from "@skein/manager/control/update-swarm";
import { configurationSchema, raftMessageSchema } from "@skein/manager/raft/protocol";
import { callAnswersSchema, callsSchema } from "@skein/manager/shell/api/call-messages";
import { announcementAnswerSchema, announcementSchema } from "@skein/manager/shell/member-messages";
import { snapshotMessageSchema } from "@skein/manager/shell/snapshots";
import { envelopeSchema } from "@skein/manager/store/command";
import { createStore } from "@skein/manager/store/store";
import { decodeFrame, encodeFrame } from "@skein/worker/dataplane/stream-frame";
import { decodeQuery } from "@skein/worker/dns/message";
import { parseRequestHead, parseResponseHead } from "@skein/worker/ingress/http-head";
import type * as v from "valibot";
import type { Rng } from "./fuzzer.ts";
import { sample } from "./sample.ts";

export interface Target {
  readonly name: string;
  /** Frames that are right. */
  readonly seeds: (random: Rng) => readonly Uint8Array[];
  /** Reads one; what it throws is a finding. True: it was taken. */
  readonly read: (bytes: Uint8Array) => boolean;
}

const SAMPLES = 24;

/** What is taken must survive another round, or two nodes disagree on what was said. */
export function message(name: string, schema: v.GenericSchema): Target {
  const read = (bytes: Uint8Array): boolean => {
    const first = decode(schema, bytes);
    if (!first.ok) return false;
    const again = decode(schema, encode(first.value));
    if (!again.ok) throw new Error(`not taken again: ${again.error.reason}`);
    return true;
  };
  return { name, read, seeds: (random) => samples(random, schema, encode) };
}

function json(name: string, schema: v.GenericSchema): Target {
  const read = (bytes: Uint8Array): boolean => {
    const value = parseJson(bytes);
    return value !== undefined && decodeWith(schema, value).ok;
  };
  return { name, read, seeds: (random) => samples(random, schema, jsonBytes) };
}

function samples(random: Rng, schema: v.GenericSchema, write: (value: unknown) => Uint8Array) {
  return Array.from({ length: SAMPLES }, () => write(sample(schema, random)));
}

function text(name: string, lines: readonly string[], read: (bytes: Buffer) => boolean): Target {
  const seeds = lines.map((line) => Buffer.from(line, "latin1"));
  return { name, seeds: () => seeds, read: (bytes) => read(Buffer.from(bytes)) };
}

const REQUESTS = [
  "GET /a?b HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\nConnection: close, x\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
];
const ANSWER =
  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a\r\n\r\n";
const QUERY = "1234010000010000000000010377656205736b65696e00000100010000291000000000000000";
/** Of a cluster that never was. */
const ROOT = `-----BEGIN CERTIFICATE-----
MIIBhDCCASmgAwIBAgIQUdiNjbiV+DWm7mLgiJsdgzAKBggqhkjOPQQDAjAgMQsw
CQYDVQQKEwJjMTERMA8GA1UEAxMIc3dhcm0tY2EwHhcNMjMxMTE0MjExMzIwWhcN
NDMxMTA5MjIxMzIwWjAgMQswCQYDVQQKEwJjMTERMA8GA1UEAxMIc3dhcm0tY2Ew
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASBCShQhsRYm+riOG7w3unEsPYDc80z
uOjozXGoBRvHa99r3dv+/tm2odMTdKVlJ9KBxwlYSyPoN9mXMyD6HBVuo0UwQzAS
BgNVHRMBAf8ECDAGAQH/AgEBMA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUOZAq
EzzL2DxsdC8UpTajKqORWEIwCgYIKoZIzj0EAwIDSQAwRgIhAPTyhCQ953LUHAtk
3GspJ27nJlaZ2LsTZ4q+LmSxM0G/AiEA/IgFX6SE+AA//BmOpPDGOXSNColVqyIq
mzI+hWEUnxo=
-----END CERTIFICATE-----
`;
const SPEC = {
  Name: "web",
  Labels: { a: "b" },
  TaskTemplate: { ContainerSpec: { Image: "host", Command: ["x"], Env: ["A=b"] }, Resources: {} },
  Mode: { Replicated: { Replicas: 3 } },
  UpdateConfig: { Parallelism: 1, Delay: 1_000_000_000, MaxFailureRatio: 0.5 },
  EndpointSpec: { Ports: [{ Protocol: "tcp", TargetPort: 80, PublishedPort: 8080 }] },
};

export const TARGETS: readonly Target[] = [
  message("/raft", raftMessageSchema),
  message("/raft, configuration", configurationSchema),
  message("/raft, entry", envelopeSchema),
  message("/snapshot", snapshotMessageSchema),
  message("/members, announcement", announcementSchema),
  message("/members, answer", announcementAnswerSchema),
  message("/calls", callsSchema),
  message("/calls, answers", callAnswersSchema),
  message("/dispatch, to the leader", fromWorkerSchema),
  message("/dispatch, to the worker", toWorkerSchema),
  message("/gossip", gossipMessageSchema),
  message("/logs, request", logRequestSchema),
  message("/logs, answer", logMessageSchema),
  json("/ca/join", joinRequestSchema),
  json("/ca/renew", renewRequestSchema),
  json("/ca, answer", issuedSchema),
  json("/ca, refusal", caRefusalSchema),
  json("/skein/v1/ca", caRequestSchema),
  {
    name: "a snapshot",
    seeds: () => [createStore().snapshot()],
    read: (bytes) => createStore().restore(logIndex(1), bytes).ok,
  },
  {
    name: "/stream",
    seeds: () => [
      encodeFrame(1, { kind: "refused", code: "busy", reason: "full" }),
      encodeFrame(7, { kind: "window", bytes: 65_536 }),
      encodeFrame(9, { kind: "data", payload: Buffer.from("hello") }),
      Buffer.concat([encodeFrame(1, { kind: "accepted" }), Buffer.alloc(40, 97)]),
    ],
    read: (bytes) => decodeFrame(bytes).ok,
  },
  {
    name: "/api",
    seeds: () => [Buffer.from("0068656c6c6f", "hex"), Buffer.from("01", "hex")],
    read: readDuplex,
  },
  text("a request's head", REQUESTS, (bytes) => parseRequestHead(bytes).kind === "head"),
  text("an answer's head", [ANSWER], (bytes) => parseResponseHead(bytes, "GET").kind === "head"),
  { name: "DNS", seeds: () => [Buffer.from(QUERY, "hex")], read: (bytes) => decodeQuery(bytes).ok },
  text("a join token", [`SWMTKN-1-${"a".repeat(50)}-${"b".repeat(25)}`], (bytes) => {
    return parseJoinToken(bytes.toString("utf8")).ok;
  }),
  text("a root", [ROOT], (bytes) => {
    return rootDigest(bytes.toString("utf8")) !== "";
  }),
  text("the store key", [JSON.stringify({ id: "k1", key: "A".repeat(43) })], (bytes) => {
    const value = parseJson(bytes);
    return value !== undefined && storeKeyFromJson(value).ok;
  }),
  text("POST /services/create", [JSON.stringify(SPEC)], (bytes) => {
    const value = parseJson(bytes);
    return value !== undefined && decodeGo(serviceSpecShape, value).ok;
  }),
  text("POST /swarm/update", ['{"Name":"default","CAConfig":{"NodeCertExpiry":1}}'], (bytes) => {
    const value = parseJson(bytes);
    return value !== undefined && decodeGo(swarmSpecShape, value).ok;
  }),
];

/** Fed to a stream as what a peer sent on its link. */
function readDuplex(bytes: Uint8Array): boolean {
  const { stream, receiver } = linkDuplex();
  let isBroken = false;
  stream.on("error", () => {
    isBroken = true;
  });
  const peer = { nodeId: "n1", role: "manager", clusterId: "c1" } as never;
  receiver.opened({
    peer,
    remote: "",
    send: () => true,
    queuedBytes: () => 0,
    close: () => {
      isBroken = true;
    },
  });
  receiver.message(bytes);
  const isTaken = !isBroken;
  stream.destroy(); // Which closes the link.
  return isTaken;
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
