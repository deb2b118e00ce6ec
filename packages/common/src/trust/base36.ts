/** Numbers of fixed length in [0-9a-z], the form in which tokens and ids are read and pasted. */

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The big-endian number in base 36, padded or cut to its last `length` digits. */
export function base36(bytes: Uint8Array, length: number): string {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let text = "";
  for (let at = 0; at < length; at += 1) {
    text = `${DIGITS[Number(value % 36n)] ?? ""}${text}`;
    value /= 36n;
  }
  return text;
}
