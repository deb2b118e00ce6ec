/** What a manager that does not lead says to those who look for the leader. */
import type { Accept, Link } from "@skein/common/io/network";
import { encode } from "@skein/common/wire/codec";
import type { ManagerStatus } from "./manager-ports.ts";

/** For paths between managers; a worker is refused. */
export function managersOnly(accept: Accept): Accept {
  return (peer, query) =>
    peer.role === "manager" ? accept(peer, query) : "only managers may use this path";
}

/** To a worker: once, and the link ends. */
export function redirectWorker(status: ManagerStatus): ReturnType<Accept> {
  const { leader } = status;
  const managers = managerAddresses(status);
  const reason = leader === undefined ? "no leader is known here" : "this is not the leader";
  const message = { kind: "redirect", managers, reason } as const;
  return {
    opened: (link) => {
      link.send(encode(leader === undefined ? message : { ...message, leader: leader.address }));
      link.close(reason);
    },
    message: () => undefined,
    closed: () => undefined,
  };
}

/** To a manager that announces itself. */
export function redirectAnnouncement({ leader }: ManagerStatus): ReturnType<Accept> {
  let open: Link | undefined;
  return {
    opened: (link) => (open = link),
    message: () => {
      const base = { kind: "redirect" } as const;
      open?.send(encode(leader === undefined ? base : { ...base, leader: leader.address }));
    },
    closed: () => (open = undefined),
  };
}

export function managerAddresses({ raft }: ManagerStatus): readonly string[] {
  const { addresses } = raft.configuration;
  return Object.values(addresses)
    .map((member) => member.address)
    .sort();
}

/** Takes a link that proves by being there that this process lives. */
export const ignoreLink = {
  opened: () => undefined,
  message: () => undefined,
  closed: () => undefined,
};
