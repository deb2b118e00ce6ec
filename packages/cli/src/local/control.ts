/**
 * The launcher's own socket: one JSON request a connection, one JSON answer. Mode 0600, local only.
 */
import { chmodSync, rmSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Decoded } from "@skein/common/wire/schema";
import { decodeWith, strings, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import { CONTROL_REQUEST_BYTES_MAX } from "../limits.ts";

const requestSchema = v.variant("do", [
  /** Answered when the cluster is ready, or has failed to become so. */
  v.object({ do: v.literal("wait") }),
  /** What is wrong on this machine, a line each. */
  v.object({ do: v.literal("problems") }),
  v.object({ do: v.literal("start"), node: text }),
  v.object({ do: v.literal("down") }),
  /**
   * Nodes of different groups no longer hear each other; no group heals. `oneWay`: nobody hears the
   * first group, which still hears all.
   */
  v.object({
    do: v.literal("cut"),
    groups: v.array(strings),
    oneWay: v.exactOptional(v.boolean()),
  }),
]);
export type LauncherRequest = Decoded<typeof requestSchema>;

const answerSchema = v.object({ ok: v.boolean(), message: text });
export type LauncherAnswer = Decoded<typeof answerSchema>;

export function serveControl(
  path: string,
  handle: (request: LauncherRequest) => Promise<LauncherAnswer>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => serveOne(socket, handle));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}

function serveOne(
  socket: Socket,
  handle: (request: LauncherRequest) => Promise<LauncherAnswer>,
): void {
  let said = "";
  const answer = (value: LauncherAnswer): void => void socket.end(JSON.stringify(value));
  socket.setEncoding("utf8");
  socket.on("error", () => undefined);
  socket.on("data", (chunk: string) => {
    said += chunk;
    if (said.length > CONTROL_REQUEST_BYTES_MAX) socket.destroy();
  });
  socket.on("end", () => {
    const request = decodeWith(requestSchema, parse(said));
    if (!request.ok) answer({ ok: false, message: `malformed request: ${request.error.reason}` });
    else {
      handle(request.value).then(answer, (error: unknown) => {
        answer({ ok: false, message: error instanceof Error ? error.message : String(error) });
      });
    }
  });
}

/** Asks the launcher; undefined when there is none. The error says that it does not answer. */
export function askLauncher(
  path: string,
  request: LauncherRequest,
  timeoutMs: number,
): Promise<LauncherAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let said = "";
    const timer = setTimeout(() => {
      const seconds = Math.round(timeoutMs / 1000);
      resolve({ ok: false, message: `the launcher has not answered for ${seconds} s` });
      socket.destroy();
    }, timeoutMs);
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.end(JSON.stringify(request)));
    socket.on("data", (chunk: string) => {
      said += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      const answer = decodeWith(answerSchema, parse(said));
      resolve(answer.ok ? answer.value : undefined);
    });
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
