/** Calls from other managers (call-messages.ts), the answering side. */
import type { Link, LinkReceiver } from "@skein/common/io/network";
import { decode, encode } from "@skein/common/wire/codec";
import type { Call, CallAnswer } from "./call-messages.ts";
import { callsSchema } from "./call-messages.ts";
import { Outbox } from "./outbox.ts";

/** Answers always, and never throws. */
export type AnswerCall = (call: Call) => Promise<CallAnswer>;

/** Receives the calls of one link. */
export function callReceiver(answerCall: AnswerCall): LinkReceiver {
  let link: Link | undefined;
  const outbox = new Outbox<CallAnswer>((answers) => void link?.send(encode({ answers })));
  return {
    opened: (opened) => {
      link = opened;
    },
    message: (bytes) => {
      const message = decode(callsSchema, bytes);
      if (!message.ok) return link?.close(`calls refused: ${message.error.reason}`);
      for (const call of message.value.calls) {
        void answerCall(call).then((answer) => outbox.add(answer));
      }
    },
    closed: () => {
      link = undefined;
    },
  };
}
