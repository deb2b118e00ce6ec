/**
 * How the loopback plane realises an overlay address: 10.x.y.z with x in 64-127 becomes 127.x.y.z,
 * an address every Linux machine owns without any set-up.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

const FIRST_SUBNET = 64;
const LAST_SUBNET = 127;

/** The error is what `service ps` shows. */
export function loopbackAddress(overlay: string): Result<string, string> {
  const parts = overlay.split(".");
  const octets = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  const [first, second, third, fourth] = octets;
  const wellFormed = octets.length === 4 && octets.every((octet) => octet <= 255);
  if (!wellFormed || second === undefined) return fail(`"${overlay}" is not an IPv4 address`);
  if (first !== 10 || second < FIRST_SUBNET || second > LAST_SUBNET) {
    return fail(
      `address ${overlay} cannot be realised on the loopback plane: only ` +
        `10.${FIRST_SUBNET}.0.0 to 10.${LAST_SUBNET}.255.255 can`,
    );
  }
  return ok(`127.${second}.${third}.${fourth}`);
}
