/**
 * The header of the PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2): tells a
 * backend that asked for it who the client really is.
 */

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, command PROXY; and LOCAL, for a client whose address is not known. */
const PROXY = 0x21;
const LOCAL = 0x20;
/** TCP over IPv4. */
const TCP4 = 0x11;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export function proxyHeader(client: Endpoint, served: Endpoint): Uint8Array {
  const [from, to] = [octets(client.address), octets(served.address)];
  if (from === undefined || to === undefined) return Uint8Array.of(...SIGNATURE, LOCAL, 0, 0, 0);
  const ports = [client.port >> 8, client.port & 255, served.port >> 8, served.port & 255];
  return Uint8Array.of(...SIGNATURE, PROXY, TCP4, 0, 12, ...from, ...to, ...ports);
}

/** Undefined for what is not an IPv4 address. */
function octets(address: string): readonly number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return undefined;
  const parts = address.split(".").map(Number);
  return parts.every((part) => part < 256) ? parts : undefined;
}
