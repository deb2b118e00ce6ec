/** The launcher's own socket: one JSON request a connection, one JSON answer. Mode 0600, local only. */
import { chmodSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { connect, createServer } from "node:net";
import type { Decoded } from "@skein/common/wire/schema";
import { decodeWith, strings, text } from "@skein/common/wire/schema";
import * as v from "valibot";

const requestSchema = v.variant("do", [
  v.object({ do: v.literal("start"), node: text }),
  v.object({ do: v.literal("down") }),
  /** Nodes of different groups no longer hear each other; no group heals. */
  v.object({ do: v.literal("cut"), groups: v.array(strings) }),
]);
export type LauncherRequest = Decoded<typeof requestSchema>;

const answerSchema = v.object({ ok: v.boolean(), message: text });
export type LauncherAnswer = Decoded<typeof answerSchema>;

const REQUEST_BYTES_MAX = 64 * 1024;

export function serveControl(
  path: string,
  handle: (request: LauncherRequest) => Promise<LauncherAnswer>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let said = "";
    socket.setEncoding("utf8");
    socket.on("error", () => undefined);
    socket.on("data", (chunk: string) => {
      said += chunk;
      if (said.length > REQUEST_BYTES_MAX) socket.destroy();
    });
    socket.on("end", () => {
      const answer = (value: LauncherAnswer): void => void socket.end(JSON.stringify(value));
      const request = decodeWith(requestSchema, parse(said));
      if (!request.ok) answer({ ok: false, message: `malformed request: ${request.error.reason}` });
      else handle(request.value).then(answer, (error: unknown) => fail(error, answer));
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}

/** Asks the launcher; undefined when there is none. */
export function askLauncher(
  path: string,
  request: LauncherRequest,
): Promise<LauncherAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let said = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.end(JSON.stringify(request)));
    socket.on("data", (chunk: string) => {
      said += chunk;
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => {
      const answer = decodeWith(answerSchema, parse(said));
      resolve(answer.ok ? answer.value : undefined);
    });
  });
}

function fail(error: unknown, answer: (value: LauncherAnswer) => void): void {
  answer({ ok: false, message: error instanceof Error ? error.message : String(error) });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
