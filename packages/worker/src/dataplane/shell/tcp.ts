/** The TCP of this process: bare handles where there are any. */
import type { Tcp } from "./conn.ts";
import { rawTcp } from "./raw-tcp.ts";
import { socketTcp } from "./socket-tcp.ts";
import { tcpBinding } from "./tcp-binding.ts";

export function bestTcp(): Tcp {
  const binding = tcpBinding();
  return binding === undefined ? socketTcp : rawTcp(binding);
}
