/**
 * Task addresses out of the cluster's pool.
 *
 * Invariants:
 *   A1. The search starts behind the address given last and wraps round: an address is given again
 *       only after all the others, so that a late packet or a stale table entry meets nobody else.
 *   A2. The cursor is replicated state: replicas that differ in it would give different addresses.
 *   A3. Host parts that end in 0 or 255 and the first (a gateway's) are never given.
 */

/** Usable host parts of a pool, as offsets from its base. */
export interface AddressPool {
  readonly base: number;
  /** Offsets 2 … last are candidates. */
  readonly last: number;
  readonly usable: number;
}

const FIRST_HOST = 2;
const CIDR = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

/** Undefined when `cidr` is not an IPv4 prefix of 8 to 30 bits. */
export function parsePool(cidr: string): AddressPool | undefined {
  const parts = CIDR.exec(cidr)?.slice(1).map(Number) ?? [];
  const [a = 256, b = 256, c = 256, d = 256, bits = 0] = parts;
  if (Math.max(a, b, c, d) > 255 || bits < 8 || bits > 30) return undefined;
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const base = address - (address % size);
  const last = size - 2;
  return { base, last, usable: countUsable(base, last) };
}

/** The next free address at or behind `cursor`, wrapping once; undefined when there is none. */
export function nextAddress(
  pool: AddressPool,
  cursor: number,
  isHeld: (address: string) => boolean,
): { readonly address: string; readonly cursor: number } | undefined {
  const span = pool.last - FIRST_HOST + 1;
  const start = Math.max(0, cursor - FIRST_HOST);
  for (let step = 0; step < span; step += 1) {
    const host = FIRST_HOST + ((start + step) % span);
    if (!isUsable(pool.base + host)) continue;
    const address = dotted(pool.base + host);
    if (!isHeld(address)) return { address, cursor: host + 1 };
  }
  return undefined;
}

function isUsable(address: number): boolean {
  const end = address % 256;
  return end !== 0 && end !== 255;
}

function countUsable(base: number, last: number): number {
  const span = last - FIRST_HOST + 1;
  // In a pool of /24 or more each 256 addresses lose two; the first two and the last are outside.
  if (last > 256) return span - 2 * ((last + 2) / 256 - 1);
  let usable = 0;
  for (let host = FIRST_HOST; host <= last; host += 1) if (isUsable(base + host)) usable += 1;
  return usable;
}

function dotted(address: number): string {
  const octet = (shift: number) => Math.floor(address / shift) % 256;
  return `${octet(2 ** 24)}.${octet(2 ** 16)}.${octet(256)}.${octet(1)}`;
}
