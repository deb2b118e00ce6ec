/**
 * DNS messages (RFC 1035, EDNS(0) of RFC 6891): what a server reads and writes, and no more.
 *
 * Invariants:
 *   M1. Total: any bytes give a query or a reason; a name's pointers only go back, so that no
 *       message keeps the reader busy.
 *   M2. What is written never exceeds the size asked for: what does not fit is left out, and the
 *       message says so (TC), so that the client asks again over TCP.
 *   M3. The name of the question goes back as it came, letter case included (0x20).
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { DNS_NAME_MAX, DNS_UDP_BYTES_MAX, DNS_UDP_BYTES_MIN } from "../limits.ts";

export const TYPES = {
  A: 1,
  NS: 2,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const RCODES = {
  noerror: 0,
  formerr: 1,
  servfail: 2,
  nxdomain: 3,
  notimp: 4,
  refused: 5,
} as const;
export type Rcode = keyof typeof RCODES;

export interface Question {
  /** As sent; without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly question: Question;
  /** Largest UDP answer the client takes; absent: it does not know EDNS. */
  readonly udpBytes?: number;
}

export type Data =
  | { readonly type: "A"; readonly address: string }
  | { readonly type: "PTR"; readonly target: string }
  | { readonly type: "SRV"; readonly port: number; readonly target: string }
  | { readonly type: "SOA"; readonly minimum: number };

export type DnsRecord = Data & { readonly name: string; readonly ttl: number };

export interface Answer {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x80_00;
const FLAG_AUTHORITATIVE = 0x04_00;
const FLAG_TRUNCATED = 0x02_00;
const FLAG_RECURSION_DESIRED = 0x01_00;
const FLAG_RECURSION_AVAILABLE = 0x00_80;

/** The error names what is wrong; `id` is 0 when not even that can be read. */
export function decodeQuery(
  bytes: Uint8Array,
): Result<Query, { readonly id: number; readonly rcode: Rcode }> {
  if (bytes.length < HEADER_BYTES) return fail({ id: 0, rcode: "formerr" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  const wrong = (rcode: Rcode) => fail({ id, rcode });
  if ((flags & FLAG_RESPONSE) !== 0) return wrong("formerr");
  if (((flags >> 11) & 15) !== 0) return wrong("notimp");
  if (view.getUint16(4) !== 1) return wrong("formerr");
  const name = readName(bytes, HEADER_BYTES);
  if (name === undefined || name.end + 4 > bytes.length) return wrong("formerr");
  const question = {
    name: name.name,
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
  };
  const recursionDesired = (flags & FLAG_RECURSION_DESIRED) !== 0;
  const counts = { skip: view.getUint16(6) + view.getUint16(8), look: view.getUint16(10) };
  const udpBytes = findUdpBytes(bytes, name.end + 4, counts);
  const query = { id, recursionDesired, question };
  return ok(udpBytes === undefined ? query : { ...query, udpBytes });
}

/** The payload size of the OPT record, if there is one. */
function findUdpBytes(
  bytes: Uint8Array,
  from: number,
  counts: { readonly skip: number; readonly look: number },
): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  // Each record takes 11 bytes at least, so the loop is bounded by the message.
  for (let record = 0; record < counts.skip + counts.look; record += 1) {
    const name = readName(bytes, at);
    if (name === undefined || name.end + 10 > bytes.length) return undefined;
    const type = view.getUint16(name.end);
    if (record >= counts.skip && type === TYPES.OPT) {
      const asked = view.getUint16(name.end + 2);
      return Math.min(DNS_UDP_BYTES_MAX, Math.max(DNS_UDP_BYTES_MIN, asked));
    }
    at = name.end + 10 + view.getUint16(name.end + 8);
  }
  return undefined;
}

function readName(
  bytes: Uint8Array,
  from: number,
): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = from;
  let end: number | undefined;
  let total = 0;
  let limit = from + 1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if ((length & 0xc0) === 0xc0) {
      const target = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      // M1: only further back than ever before.
      if (target >= Math.min(limit, at)) return undefined;
      end ??= at + 2;
      limit = target;
      at = target;
    } else {
      if (length > 63 || at + 1 + length > bytes.length) return undefined;
      total += length + 1;
      if (total > DNS_NAME_MAX) return undefined;
      labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length)));
      at += 1 + length;
    }
  }
}

export function encodeAnswer(query: Query, answer: Answer, maxBytes: number): Uint8Array {
  const whole = write(query, answer);
  if (whole.length <= maxBytes) return whole;
  // Additional records are a courtesy: left out without a word.
  const plain = write(query, { ...answer, additional: [] });
  if (plain.length <= maxBytes) return plain;
  for (let count = answer.answers.length - 1; count > 0; count -= 1) {
    const part = { ...answer, answers: answer.answers.slice(0, count), additional: [] };
    const cut = write(query, part, FLAG_TRUNCATED);
    if (cut.length <= maxBytes) return cut;
  }
  return write(query, { ...answer, answers: [], authority: [], additional: [] }, FLAG_TRUNCATED);
}

/** For what could not be read: the header alone. */
export function encodeError(id: number, rcode: Rcode): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAG_RESPONSE | RCODES[rcode]);
  return bytes;
}

function write(query: Query, answer: Answer, extra = 0): Uint8Array {
  const { question } = query;
  const out = new Writer();
  out.u16(query.id);
  out.u16(
    FLAG_RESPONSE |
      FLAG_RECURSION_AVAILABLE |
      (answer.authoritative ? FLAG_AUTHORITATIVE : 0) |
      (query.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
      extra |
      RCODES[answer.rcode],
  );
  out.u16(1);
  out.u16(answer.answers.length);
  out.u16(answer.authority.length);
  out.u16(answer.additional.length + (query.udpBytes === undefined ? 0 : 1));
  out.name(question.name);
  out.u16(question.type);
  out.u16(question.class);
  for (const record of [...answer.answers, ...answer.authority, ...answer.additional]) {
    out.record(record);
  }
  if (query.udpBytes !== undefined) {
    out.u8(0);
    out.u16(TYPES.OPT);
    out.u16(DNS_UDP_BYTES_MAX);
    out.u32(0);
    out.u16(0);
  }
  return out.bytes();
}

class Writer {
  #bytes: number[] = [];
  /** Where each name, and each end of one, was written: lower case -> offset. */
  readonly #names = new Map<string, number>();

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  u8(value: number): void {
    this.#bytes.push(value & 255);
  }

  u16(value: number): void {
    this.u8(value >> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(Math.floor(value / 65_536));
    this.u16(value % 65_536);
  }

  name(name: string): void {
    let rest = name === "" ? [] : name.split(".");
    while (rest.length > 0) {
      const key = rest.join(".").toLowerCase();
      const known = this.#names.get(key);
      if (known !== undefined) return this.u16(0xc0_00 | known);
      if (this.#bytes.length < 0x3f_ff) this.#names.set(key, this.#bytes.length);
      const [label = "", ...others] = rest;
      this.u8(label.length);
      for (const letter of label) this.u8(letter.charCodeAt(0));
      rest = others;
    }
    this.u8(0);
  }

  record(record: DnsRecord): void {
    this.name(record.name);
    this.u16(TYPES[record.type]);
    this.u16(1);
    this.u32(record.ttl);
    const at = this.#bytes.length;
    this.u16(0);
    this.#data(record);
    const length = this.#bytes.length - at - 2;
    this.#bytes[at] = length >> 8;
    this.#bytes[at + 1] = length & 255;
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case "A":
        for (const octet of record.address.split(".")) this.u8(Number(octet));
        return;
      case "PTR":
        return this.name(record.target);
      case "SRV":
        for (const value of [0, 0, record.port]) this.u16(value);
        return this.name(record.target);
      case "SOA":
        this.name(record.name);
        this.name(`hostmaster.${record.name}`);
        for (const value of [1, 3600, 600, 86_400, record.minimum]) this.u32(value);
    }
  }
}
