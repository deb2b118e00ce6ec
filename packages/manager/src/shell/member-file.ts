/**
 * Which Raft member the manager process of a node is: `member.json` in the node's directory,
 * beside `manager/`, so that the loss of the log does not go unnoticed; and which life of its log
 * it is in: `incarnation` in the log's own directory, so that it is lost with it.
 *
 * A member that lost its log has forgotten its votes and what it acknowledged. It never comes back
 * under its old id: what is left of the log is put aside, and a new id joins as a learner.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { RaftId } from "@skein/common/ids";
import { raftId } from "@skein/common/ids";
import type { Random } from "@skein/common/io/random";
import type { NodeConfig } from "@skein/common/model/node-config";
import { decodeWith, id } from "@skein/common/wire/schema";
import * as v from "valibot";
import type { Configuration } from "../raft/protocol.ts";

const memberSchema = v.object({ schema: v.literal(1), raftId: id<RaftId>(), begun: v.boolean() });

export interface Member {
  readonly raftId: RaftId;
  /** What an empty log begins with; absent: without a log the start is refused. */
  readonly bootstrap?: Configuration;
  /** Managers to announce to; empty: this is the only one there ever was. */
  readonly others: readonly string[];
  /** The log is missing although it was begun: a new member took the old one's place. */
  readonly replaced: boolean;
}

const NOBODY: Configuration = { voters: [], learners: [], addresses: {} };

export function findMember(stateDir: string, config: NodeConfig, random: Random): Member {
  const known = readMember(stateDir);
  const own = `${config.address}:${config.managerPort}`;
  const others = config.managers.filter((address) => address !== own);
  const isThere = hasLog(stateDir);
  if (known?.begun === true && !isThere && others.length > 0) {
    return replaceMember(stateDir, config, random);
  }
  const isFirst = known === undefined || !known.begun;
  const id = known?.raftId ?? config.raftId ?? raftId(random.id());
  writeMember(stateDir, { raftId: id, begun: !isFirst });
  const base = { raftId: id, others, replaced: false };
  if (isThere || !isFirst) return base;
  return { ...base, bootstrap: bootstrapOf(config, id) };
}

/** The log is open: from now on its absence is a loss. */
export function memberBegun(stateDir: string, id: RaftId): void {
  writeMember(stateDir, { raftId: id, begun: true });
}

/** A new id in the place of one that has no future; what is left of its log is kept aside. */
export function replaceMember(stateDir: string, config: NodeConfig, random: Random): Member {
  const log = logDirectory(stateDir);
  if (existsSync(log)) renameSync(log, freeName(`${log}.lost`));
  const id = raftId(random.id());
  writeMember(stateDir, { raftId: id, begun: false });
  const own = `${config.address}:${config.managerPort}`;
  const others = config.managers.filter((address) => address !== own);
  return { raftId: id, bootstrap: NOBODY, others, replaced: true };
}

/** Made when the log is opened for the first time. */
export function incarnationOf(stateDir: string, random: Random): string {
  const path = join(logDirectory(stateDir), "incarnation");
  try {
    const found = readFileSync(path, "utf8").trim();
    if (/^[\w.:-]{1,64}$/.test(found)) return found;
  } catch {
    // None yet: a new log, or one of a version that had none.
  }
  const made = random.id();
  writeDurably(path, made);
  return made;
}

export function logDirectory(stateDir: string): string {
  return join(stateDir, "manager", "raft");
}

function bootstrapOf(config: NodeConfig, self: RaftId): Configuration {
  const members = config.bootstrap ?? [];
  if (!members.some((member) => member.raftId === self)) return NOBODY;
  const addresses = Object.fromEntries(
    members.map((member) => [member.raftId, { nodeId: member.nodeId, address: member.address }]),
  );
  return { voters: members.map((member) => member.raftId).sort(), learners: [], addresses };
}

function hasLog(stateDir: string): boolean {
  const log = logDirectory(stateDir);
  return existsSync(log) && readdirSync(log).some((name) => name.endsWith(".wal"));
}

function readMember(stateDir: string) {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(memberPath(stateDir), "utf8"));
  } catch {
    return undefined;
  }
  const member = decodeWith(memberSchema, content);
  return member.ok ? member.value : undefined;
}

function writeMember(stateDir: string, member: { raftId: RaftId; begun: boolean }): void {
  writeDurably(memberPath(stateDir), `${JSON.stringify({ schema: 1, ...member })}\n`);
}

function memberPath(stateDir: string): string {
  return join(stateDir, "member.json");
}

function freeName(path: string): string {
  for (let number = 1; ; number += 1) {
    if (!existsSync(`${path}-${number}`)) return `${path}-${number}`;
  }
}

function writeDurably(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(`${path}.new`, "w", 0o600);
  writeSync(file, content);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}
