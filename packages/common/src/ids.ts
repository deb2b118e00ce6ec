/**
 * Branded identifiers. The casts here, and in `wire/`, are the only ones: everywhere else an id
 * keeps the brand it was decoded or minted with.
 */

/** The property exists for the compiler only. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** 25 characters of [0-9a-z], the look of Docker's ids (129 bits). */
export type NodeId = Brand<string, "NodeId">;
export type ClusterId = Brand<string, "ClusterId">;
export type ServiceId = Brand<string, "ServiceId">;
export type TaskId = Brand<string, "TaskId">;
export type ConfigId = Brand<string, "ConfigId">;
export type SecretId = Brand<string, "SecretId">;
export type NetworkId = Brand<string, "NetworkId">;
export type StackId = Brand<string, "StackId">;
/** One dispatcher session of one worker process; new at every connection. */
export type SessionId = Brand<string, "SessionId">;
/** A client's `Idempotency-Key`, or minted by the manager that took the request. */
export type RequestId = Brand<string, "RequestId">;
/** A member of the Raft configuration: new at each promotion and each lost disk, never reused. */
export type RaftId = Brand<string, "RaftId">;
export type Term = Brand<number, "Term">;
export type LogIndex = Brand<number, "LogIndex">;

export const nodeId = (text: string): NodeId => text as NodeId;
export const clusterId = (text: string): ClusterId => text as ClusterId;
export const serviceId = (text: string): ServiceId => text as ServiceId;
export const taskId = (text: string): TaskId => text as TaskId;
export const configId = (text: string): ConfigId => text as ConfigId;
export const secretId = (text: string): SecretId => text as SecretId;
export const networkId = (text: string): NetworkId => text as NetworkId;
export const stackId = (text: string): StackId => text as StackId;
export const sessionId = (text: string): SessionId => text as SessionId;
export const requestId = (text: string): RequestId => text as RequestId;
export const raftId = (text: string): RaftId => text as RaftId;
export const term = (value: number): Term => value as Term;
export const logIndex = (value: number): LogIndex => value as LogIndex;

/** Ids are ordered by code unit, never by locale: every replica must sort alike. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
