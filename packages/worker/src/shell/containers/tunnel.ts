import type { Accept } from "@skein/common/io/network";
import type { StreamServer } from "@skein/common/node/http-server";
import { serveStreams } from "@skein/common/node/http-server";
import { linkDuplex } from "@skein/common/node/link-duplex";
import type { ContainerApi } from "./container-api.ts";

/** `/node`: requests about this node's containers that clients made to a manager. */
export function createTunnel(): {
  readonly accept: Accept;
  serve(containers: ContainerApi): void;
} {
  let server: StreamServer | undefined;
  return {
    serve: ({ handler, upgrade }) => {
      server = serveStreams({ handler, onUpgrade: upgrade });
    },
    accept: (peer) => {
      if (peer.role !== "manager") return "only managers ask about containers";
      if (server === undefined) return "this worker is starting";
      const { stream, receiver } = linkDuplex();
      stream.on("error", () => undefined);
      server.accept(stream);
      return receiver;
    },
  };
}
