/**
 * Which address other nodes reach this one at. A joiner takes the address from which it reaches
 * the manager, which is right in more networks than any guess; a first node takes its only one, or
 * asks.
 */
import { connect } from "node:net";
import os from "node:os";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { ADDRESS_LOOK_MS } from "../limits.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number | undefined;
}

/** "10.0.0.1:2377", "10.0.0.1", "eth0:2377", "[fd00::1]:2377"; an interface gives its address. */
export function readAddress(text: string, what: string): Result<HostPort, string> {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const name = match?.[1] ?? match?.[2];
  if (name === undefined) return fail(`invalid ${what} "${text}": host or host:port is meant`);
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  const onInterface = addressesOf(name)[0];
  return ok({ host: onInterface ?? name, port });
}

/** The only address of this machine, or Docker's text for why none can be chosen. */
export function onlyAddress(): Result<string, string> {
  const found = Object.keys(os.networkInterfaces()).flatMap((name) =>
    addressesOf(name).map((address) => ({ name, address })),
  );
  const [first, second] = found;
  const cannot = "could not choose an IP address to advertise since this system has";
  if (first === undefined) {
    return fail(`${cannot} no address but loopback - specify one with --advertise-addr`);
  }
  if (second === undefined) return ok(first.address);
  const which = found.map(({ name, address }) => `${address} on ${name}`).join(" and ");
  return fail(`${cannot} multiple addresses (${which}) - specify one with --advertise-addr`);
}

/** The address from which `remote` ("host:port") is reached. */
export function addressTowards(remote: string): Promise<string | undefined> {
  const target = readAddress(remote, "remote address");
  if (!target.ok || target.value.port === undefined) return Promise.resolve(undefined);
  const { host, port } = target.value;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (address: string | undefined): void => {
      socket.destroy();
      resolve(address);
    };
    socket.setTimeout(ADDRESS_LOOK_MS, () => done(undefined));
    socket.on("error", () => done(undefined));
    socket.on("connect", () => done(socket.localAddress));
  });
}

function addressesOf(name: string): readonly string[] {
  const all = os.networkInterfaces()[name] ?? [];
  const usable = all.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  return usable
    .toSorted((a, b) => (a.family === b.family ? 0 : a.family === "IPv4" ? -1 : 1))
    .map(({ address }) => address)
    .slice(0, 1);
}
