/**
 * Join tokens in Docker Swarm's form, `SWMTKN-1-<digest>-<secret>`: the digest of the cluster's
 * root certificate lets a joiner recognise the cluster before it trusts it with the secret, and the
 * secret lets the cluster recognise the joiner. Which of the cluster's two secrets it is decides
 * the role.
 */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";
import { base36 } from "./base36.ts";

export interface JoinToken {
  /** 50 digits: SHA-256 of the root certificate (DER) in base 36. */
  readonly digest: string;
  /** 25 digits: 16 random bytes in base 36. */
  readonly secret: string;
}

export const TOKEN_DIGEST_DIGITS = 50;
export const TOKEN_SECRET_DIGITS = 25;
export const TOKEN_SECRET_BYTES = 16;

const FORM = /^SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/;

/** The digits of a root certificate's SHA-256. */
export function tokenDigest(sha256: Uint8Array): string {
  return base36(sha256, TOKEN_DIGEST_DIGITS);
}

export function tokenSecret(random: Uint8Array): string {
  return base36(random, TOKEN_SECRET_DIGITS);
}

export function formatJoinToken({ digest, secret }: JoinToken): string {
  return `SWMTKN-1-${digest}-${secret}`;
}

/** The error is Docker's text; it never repeats the token, which may be half right. */
export function parseJoinToken(text: string): Result<JoinToken, string> {
  const [, digest, secret] = FORM.exec(text.trim()) ?? [];
  if (digest === undefined || secret === undefined) return fail("invalid join token");
  return ok({ digest, secret });
}
