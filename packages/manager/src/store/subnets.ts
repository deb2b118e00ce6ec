/**
 * How the cluster's pool is divided: its lower half has the addresses every task gets, its upper
 * half the subnets of overlay networks. On the loopback plane nothing else can be realised; the
 * other planes take any subnet that overlaps with none.
 *
 * Invariants:
 *   U1. Subnets of networks, the removed ones included while their row is there, are disjoint from
 *       each other and from the task addresses: an address names one holder in the whole cluster.
 *   U2. The subnet chosen is the lowest free one: a function of the state alone.
 */
import type { Network } from "@skein/common/model/network";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { NETWORK_PREFIX_BITS, SUBNET_BITS_MAX, SUBNET_BITS_MIN } from "../limits.ts";

/** A prefix as numbers. */
export interface Subnet {
  readonly base: number;
  readonly size: number;
  readonly bits: number;
}

const CIDR = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

/** Undefined when `cidr` is no IPv4 prefix; host bits are cut off, as Docker does. */
export function parseSubnet(cidr: string): Subnet | undefined {
  const parts = CIDR.exec(cidr)?.slice(1).map(Number) ?? [];
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = parts;
  if (Math.max(a, b, c, d) > 255 || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { base: address - (address % size), size, bits };
}

export function parseAddress(text: string): number | undefined {
  return parseSubnet(`${text}/32`)?.base;
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.bits}`;
}

export function formatAddress(address: number): string {
  const octet = (shift: number) => Math.floor(address / shift) % 256;
  return `${octet(2 ** 24)}.${octet(2 ** 16)}.${octet(256)}.${octet(1)}`;
}

/** A pool this wide is divided; a smaller one has room for tasks only. */
const DIVIDED_BITS_MAX = 20;

/** The part of the pool that tasks get their first address from, as a prefix. */
export function taskRange(pool: string): string {
  const whole = parseSubnet(pool);
  if (whole === undefined || whole.bits > DIVIDED_BITS_MAX) return pool;
  return formatSubnet({ base: whole.base, size: whole.size / 2, bits: whole.bits + 1 });
}

/** The part that networks are cut from; undefined when the pool is too small. */
export function networkRange(pool: string): Subnet | undefined {
  const whole = parseSubnet(pool);
  if (whole === undefined || whole.bits > DIVIDED_BITS_MAX) return undefined;
  const size = whole.size / 2;
  return { base: whole.base + size, size, bits: whole.bits + 1 };
}

export interface AddressSpace {
  readonly pool: string;
  readonly plane: "loopback" | "rootless" | "kernel";
  /** Removed ones too (U1). */
  readonly networks: readonly Network[];
}

/** The error completes "Cannot create network NAME: …". */
export function chooseSubnet(space: AddressSpace, wish: string | undefined) {
  return wish === undefined ? firstFree(space) : checkWish(space, wish);
}

function firstFree({ pool, networks }: AddressSpace): Result<Subnet, string> {
  const range = networkRange(pool);
  if (range === undefined) return fail(`the cluster's pool ${pool} has no room for networks`);
  const bits = Math.max(NETWORK_PREFIX_BITS, range.bits);
  const size = 2 ** (32 - bits);
  const taken = networks.flatMap((network) => parseSubnet(network.subnet) ?? []);
  for (let base = range.base; base < range.base + range.size; base += size) {
    const candidate = { base, size, bits };
    if (!taken.some((other) => overlaps(other, candidate))) return ok(candidate);
  }
  const remedy = "remove a network, or give a smaller --subnet inside it";
  return fail(`no /${bits} is free in ${formatSubnet(range)}: ${remedy}`);
}

function checkWish(space: AddressSpace, wish: string): Result<Subnet, string> {
  const subnet = parseSubnet(wish);
  if (subnet === undefined) return fail(`invalid subnet ${wish}: an IPv4 prefix is needed`);
  if (subnet.bits < SUBNET_BITS_MIN || subnet.bits > SUBNET_BITS_MAX) {
    return fail(`subnet ${wish} is not between /${SUBNET_BITS_MIN} and /${SUBNET_BITS_MAX}`);
  }
  const tasks = parseSubnet(taskRange(space.pool));
  const range = networkRange(space.pool);
  if (space.plane === "loopback" && (range === undefined || !contains(range, subnet))) {
    const only = range === undefined ? "none" : formatSubnet(range);
    return fail(
      `subnet ${wish} cannot be realised on the loopback plane: ` +
        `only subnets of ${only} can, or leave --subnet out`,
    );
  }
  if (tasks !== undefined && overlaps(tasks, subnet)) {
    return fail(`subnet ${wish} overlaps with the addresses of tasks, ${formatSubnet(tasks)}`);
  }
  const other = space.networks.find((network) => {
    const taken = parseSubnet(network.subnet);
    return taken !== undefined && overlaps(taken, subnet);
  });
  if (other === undefined) return ok(subnet);
  const rests = other.removedAt === undefined ? "" : ", whose addresses still rest";
  return fail(
    `Pool overlaps with other one on this address space: ${other.subnet} ` +
      `of network ${other.spec.name}${rests}`,
  );
}

/** The first host, or the one asked for. */
export function chooseGateway(subnet: Subnet, wish: string | undefined): Result<string, string> {
  if (wish === undefined) return ok(formatAddress(subnet.base + 1));
  const gateway = parseAddress(wish);
  const isInside =
    gateway !== undefined && gateway > subnet.base && gateway < subnet.base + subnet.size - 1;
  if (!isInside) return fail(`no matching subnet for gateway ${wish}`);
  return ok(formatAddress(gateway));
}

function overlaps(a: Subnet, b: Subnet): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}

function contains(outer: Subnet, inner: Subnet): boolean {
  return inner.base >= outer.base && inner.base + inner.size <= outer.base + outer.size;
}
