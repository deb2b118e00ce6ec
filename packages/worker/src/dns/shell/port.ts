/** The port this process may answer DNS on. */
import { readFileSync } from "node:fs";

/** What every client knows … */
const USUAL = 53;
/** … and where the system keeps low ports for root. */
const UNPRIVILEGED = 5300;

export function dnsPort(): number {
  if (process.getuid?.() === 0) return USUAL;
  try {
    const first = readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "latin1");
    return Number(first) <= USUAL ? USUAL : UNPRIVILEGED;
  } catch {
    return UNPRIVILEGED;
  }
}
