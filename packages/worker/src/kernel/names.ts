/**
 * What the kernel plane's objects are called. A name says whose it is, so that an agent finds, and
 * sweeps, its own and nothing else: several nodes and clusters may share one machine.
 */
import type { NetworkId, NodeId, TaskId } from "@skein/common/ids";

/** Interface names have 15 characters at most. */
const NODE_LETTERS = 6;
const TASK_LETTERS = 8;

/** Of every interface of the node's tasks. */
export function interfacePrefix(node: NodeId): string {
  return `s${node.slice(0, NODE_LETTERS)}`;
}

export function interfaceOf(node: NodeId, task: TaskId): string {
  return `${interfacePrefix(node)}${task.slice(0, TASK_LETTERS)}`;
}

/** Of every namespace of the node's tasks. */
export function namespacePrefix(node: NodeId): string {
  return `skein-${node.slice(0, NODE_LETTERS)}-`;
}

export function namespaceOf(node: NodeId, task: TaskId): string {
  return `${namespacePrefix(node)}${task}`;
}

/** The device that carries frames to other machines. */
export const TUNNEL = "skein0";

/** The routing table of a network at a node: far above any that people number by hand. */
export function tableOf(node: NodeId, network: NetworkId): number {
  return 0x53_00_00_00 + (hash(`${node} ${network}`) & 0xff_ff_ff);
}

/** Marks the node's routes in tables it may share. */
export function metricOf(node: NodeId): number {
  return 1 + (hash(node) >>> 1);
}

/** A tunnel's own address: two that were alike would take each other's frames for their own. */
export function tunnelMac(underlay: string): string {
  const octets = underlay.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  return ["02", "53", ...octets].join(":");
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01_00_01_93);
  }
  return value >>> 0;
}
