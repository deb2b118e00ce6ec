/**
 * Requests of clients on their way to the leader and their answers back, many in one message:
 * what a manager took within one turn of its event loop travels together. For requests and answers
 * that are short and whole; streams and long bodies go over a connection of their own (forward.ts).
 */
import type { RequestId } from "@skein/common/ids";
import type { Decoded } from "@skein/common/wire/schema";
import { bytes, count, flag, id, shortText, text } from "@skein/common/wire/schema";
import * as v from "valibot";

const headers = v.record(v.string(), v.string());

export const callSchema = v.object({
  /** Counts the calls of one link; the answer carries it. */
  id: count,
  method: shortText,
  /** Path and query as the client sent them. */
  url: text,
  headers,
  request: id<RequestId>(),
  body: bytes,
});
export type Call = Decoded<typeof callSchema>;
export const callsSchema = v.object({ calls: v.array(callSchema) });

export const callAnswerSchema = v.object({
  id: count,
  /** Nothing was done: this manager does not lead. */
  notLeader: v.exactOptional(flag),
  status: count,
  headers,
  body: bytes,
});
export type CallAnswer = Decoded<typeof callAnswerSchema>;
export const callAnswersSchema = v.object({ answers: v.array(callAnswerSchema) });
