/** What managers say on `/raft` beside Raft's own messages. */
import type { Decoded } from "@skein/common/wire/schema";
import { indexNumber, shortText } from "@skein/common/wire/schema";
import * as v from "valibot";

/** The state after the entry `index`, as its sender has it. */
export const digestSchema = v.object({
  kind: v.literal("digest"),
  index: indexNumber,
  digest: shortText,
});
export type DigestMessage = Decoded<typeof digestSchema>;
