import { expect } from "chai";
import { nodeId } from "../ids.ts";
import { instant } from "../time.ts";
import { describeGossip, describeGossipEffect } from "./describe.ts";
import { createGossip } from "./gossip.ts";
import { memberFact } from "./member-facts.ts";
import { MEMBERS_OWNER } from "./protocol.ts";

const [N1, N2, N3] = [nodeId("n1"), nodeId("n2"), nodeId("n3")];

/** n1, linked with n2, which says that n3 does not answer. */
function member() {
  const random = { below: () => 0, id: () => "x" };
  const gossip = createGossip({ self: N1, epoch: 5, now: instant(0), random });
  const put = [N1, N2, N3].map((id) => memberFact(id, { name: id, role: "worker", address: id }));
  const told = { kind: "store", complete: true, index: 3, remove: [], put } as const;
  gossip.step(instant(0), { ...told, owner: MEMBERS_OWNER });
  gossip.step(instant(0), { kind: "opened", link: 2, nodeId: N2, dialled: false });
  const alert = { subject: N3, epoch: 0, round: 0, state: "suspect", observer: N2 } as const;
  const statements = [{ ...alert, evidence: "silent" } as const];
  const message = { kind: "news", statements, deltas: [] } as const;
  const effects = gossip.step(instant(1), { kind: "received", link: 2, message });
  return { gossip, effects };
}

describe("the printed form of gossip", () => {
  it("has the member, a line for each other, suspicions, probes and links", () => {
    const { gossip } = member();
    expect(describeGossip(gossip).split("\n")).to.deep.equal([
      "n1 5.0 health 0, 3 members, mesh, 1 links, 0 lazy",
      "n1 alive 5.0 says 1 (0 keys) self",
      "n2 alive 0.0 observed linked",
      "n3 suspect (silent) 0.0 observed",
      "suspects n3 0.0: silent n2, refused -, until 2201",
      "probes n2 (heard of), until 500",
      "probes n3 through 1, until 500",
      "#1 n2 dialled",
      "#2 n2 accepted open",
      "#3 n3 dialled",
    ]);
  });

  it("has one line for an effect", () => {
    const told = { kind: "changed", owners: [N2], members: true } as const;
    expect(describeGossipEffect(told)).to.equal("changed n2 (members)");
    const ping = { kind: "send", link: 2, message: { kind: "ping", seq: 4 } } as const;
    expect(describeGossipEffect(ping)).to.equal("#2 <- ping 4");
  });
});
