import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { formatJoinToken, parseJoinToken, tokenDigest, tokenSecret } from "./join-token.ts";

describe("a join token", () => {
  it("has Docker's form, and reads back", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (sha256, random) => {
          const token = { digest: tokenDigest(sha256), secret: tokenSecret(random) };
          const text = formatJoinToken(token);
          expect(text).to.match(/^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
          expect(parseJoinToken(` ${text}\n`)).to.deep.equal({ ok: true, value: token });
        },
      ),
    );
  });

  it("loses nothing of a digest: 50 digits hold 256 bits", () => {
    const all = tokenDigest(new Uint8Array(32).fill(255));
    const one = tokenDigest(createHash("sha256").update("x").digest());
    expect(all).to.equal("6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof");
    expect(one).to.have.length(50);
  });

  const wrong = ["", "SWMTKN-1-a-b", "SWMTKN-2-", `SWMTKN-1-${"A".repeat(50)}-${"a".repeat(25)}`];
  for (const text of wrong) {
    it(`is not ${JSON.stringify(text.slice(0, 20))}, and the refusal does not repeat it`, () => {
      expect(parseJoinToken(text)).to.deep.equal({ ok: false, error: "invalid join token" });
    });
  }
});
