import { expect } from "chai";
import { judgeToken } from "./join-judgement.ts";

const digest = "a".repeat(50);
const facts = { digest, workerSecret: "w".repeat(25), managerSecret: "m".repeat(25) };
const token = (secret: string, of = digest) => `SWMTKN-1-${of}-${secret.repeat(25)}`;
const say = (text: string) => {
  const judged = judgeToken(text, facts);
  return judged.ok ? judged.value : judged.error.code;
};

describe("a join token's judgement", () => {
  it("gives the role whose secret it is", () => {
    expect([say(token("w")), say(token("m"))]).to.deep.equal(["worker", "manager"]);
  });

  it("refuses a rotated one, another cluster's and what is none", () => {
    expect([say(token("x")), say(token("w", "b".repeat(50))), say("hello"), say("")]).to.deep.equal(
      ["token-rotated", "token-of-another-cluster", "token-invalid", "token-invalid"],
    );
  });

  it("gives nothing for the empty secret of a cluster that has none", () => {
    const none = { digest, workerSecret: "", managerSecret: "" };
    expect(judgeToken(token("w"), none).ok).to.equal(false);
  });
});
