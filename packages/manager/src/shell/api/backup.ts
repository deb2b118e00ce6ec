/**
 * POST /skein/v1/backup: the cluster as one sealed file. The client makes the key, so that its
 * passphrase reaches no manager; the store key leaves this process inside the seal alone.
 */
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Cluster } from "@skein/common/model/cluster";
import type { SealKey } from "@skein/common/node/sealed-file";
import { checkHeader, Sealer } from "@skein/common/node/sealed-file";
import { storeKeyToJson } from "@skein/common/node/store-key";
import type { BackupHead } from "@skein/common/wire/backup";
import { backupRequestSchema } from "@skein/common/wire/backup";
import { encodeHead } from "@skein/common/wire/headed";
import { decodeWith } from "@skein/common/wire/schema";
import type { ManagerPort } from "./port.ts";
import type { Reply } from "./reply.ts";
import { drained, failure } from "./reply.ts";
import type { ApiRequest } from "./request.ts";
import { jsonBody } from "./request.ts";
import { ours } from "./skein.ts";

const CONTENT_TYPE = "application/octet-stream";
const KEY_BYTES = 32;

export const backupHandler = ours("back up the cluster", [], (port, request) => {
  const key = keyIn(request);
  if (key === undefined) {
    return failure(400, "bad-request", "Cannot back up the cluster: header and key are needed");
  }
  const { cluster } = port.view;
  if (cluster === undefined || port.snapshot === undefined) {
    return failure(503, "not-ready", "Cannot back up the cluster: it is being made: try again");
  }
  const head = headOf(port, cluster);
  if (typeof head === "string") {
    return failure(500, "keys-unavailable", `Cannot back up the cluster: ${head}`);
  }
  // Head and state are of one moment: nothing is awaited between them.
  const parts = withHead(encodeHead(head), port.snapshot());
  return sealed(key, parts);
});

function keyIn(request: ApiRequest): SealKey | undefined {
  const body = jsonBody(request);
  const asked = body.ok ? decodeWith(backupRequestSchema, body.value) : body;
  if (!asked.ok) return undefined;
  const header = checkHeader(Buffer.from(asked.value.header, "base64"));
  const key = Buffer.from(asked.value.key, "base64");
  return header.ok && key.length === KEY_BYTES ? { header: header.value, key } : undefined;
}

/** What the state itself does not hold in the open; or why it cannot be had. */
function headOf(port: ManagerPort, cluster: Cluster): BackupHead | string {
  const keys = port.trust?.keys(cluster);
  if (keys === undefined) return "this manager holds no keys";
  if (!keys.ok) return keys.error;
  const { id, name, plane, taskPool, clusterVersion } = cluster;
  const { certificatePem, privateKeyPem } = keys.value.authority;
  return {
    format: 1,
    at: port.wall(),
    index: port.view.index,
    clusterVersion,
    cluster: { id, name, plane, taskPool },
    nodes: port.view.nodes.list().map((node) => ({
      id: node.id,
      name: node.spec.name ?? node.description.hostname,
      role: node.spec.role,
      availability: node.spec.availability,
    })),
    services: port.view.services.list().filter(({ removed }) => removed !== true).length,
    storeKey: storeKeyToJson(keys.value.storeKey),
    authority: { certificatePem, privateKeyPem },
  };
}

function* withHead(head: Uint8Array, state: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield head;
  yield* state;
}

function sealed(key: SealKey, parts: Iterable<Uint8Array>): Reply {
  const run = (response: ServerResponse): void => {
    response.on("error", () => undefined);
    // A file that ends early does not open: the client notices, whatever went wrong here.
    void send(response, key, parts).catch(() => response.destroy());
  };
  return { kind: "stream", contentType: CONTENT_TYPE, run };
}

/** A slice of the state a turn, and no faster than the client takes it. */
async function send(
  response: ServerResponse,
  key: SealKey,
  parts: Iterable<Uint8Array>,
): Promise<void> {
  const sealer = new Sealer(key);
  response.write(key.header);
  for (const part of parts) {
    let taken = true;
    for (const piece of sealer.push(part)) taken = response.write(piece);
    await (taken ? nextTurn() : drained(response));
    if (response.destroyed) return;
  }
  response.end(sealer.end());
}
