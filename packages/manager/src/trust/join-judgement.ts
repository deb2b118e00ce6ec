/**
 * What the leader makes of a join: which role the token gives, or why it gives none. Pure, and it
 * compares in constant time: how long a refusal took says nothing of the secret.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { parseJoinToken } from "@skein/common/trust/join-token";

/** The cluster's tokens as they are now. */
export interface TokenFacts {
  readonly digest: string;
  readonly workerSecret: string;
  readonly managerSecret: string;
}

export interface TokenRefusal {
  readonly code: "token-invalid" | "token-of-another-cluster" | "token-rotated";
  readonly message: string;
}

export function judgeToken(
  text: string,
  facts: TokenFacts,
): Result<"manager" | "worker", TokenRefusal> {
  const token = parseJoinToken(text);
  if (!token.ok)
    return refuse("token-invalid", "A valid join token is necessary to join this cluster");
  const { digest, secret } = token.value;
  if (digest !== facts.digest) {
    return refuse("token-of-another-cluster", "the join token names the root of another cluster");
  }
  const isWorker = isEqual(secret, facts.workerSecret);
  const isManager = isEqual(secret, facts.managerSecret);
  if (isWorker) return ok("worker");
  if (isManager) return ok("manager");
  return refuse(
    "token-rotated",
    "A valid join token is necessary to join this cluster: this one was rotated or never was " +
      "valid (a manager shows the current one: docker swarm join-token worker)",
  );
}

function refuse(code: TokenRefusal["code"], message: string) {
  return fail<TokenRefusal>({ code, message });
}

/** Looks at every character, also after a difference. */
function isEqual(a: string, b: string): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) {
    differences |= a.charCodeAt(at) ^ b.charCodeAt(at % Math.max(1, b.length));
  }
  return differences === 0 && b.length > 0;
}
