/** Raw HTTP for tests: what is sent and what comes back, byte by byte. */
import { connect } from "node:net";

export interface RawAnswer {
  readonly text: string;
  /** The connection was reset instead of ended. */
  readonly reset: boolean;
}

/** Sends, and reads until the connection ends. */
export async function raw(
  at: { readonly host: string; readonly port: number },
  send: string,
): Promise<RawAnswer> {
  const socket = connect(at);
  let [text, reset] = ["", false];
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {
    reset = true;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // Not `connect` first: a connection that is refused at once may never tell it.
  socket.write(send, "latin1");
  await closed;
  return { text, reset };
}
